//! The protocol without a WebSocket: server-sent events down, posts up, over the same connections.

use common::protocol::close;
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    event_stream::EventStream,
    installation::{Account, Installation, PASSWORD},
    kernel,
    middlebox::Middlebox,
    server::Server,
    socket::Socket,
};

fn message(room: &str, text: &str) -> Value {
    json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text })
}

async fn one() -> (Installation, Server, Account, String) {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    (installation, server, account, room)
}

/// Says so many things in a room.
async fn talk(from: &mut Socket, room: &str, texts: impl Iterator<Item = u32>) {
    for number in texts {
        from.ask("room.send", message(room, &format!("number {number}"))).await;
    }
}

/// Hears these, in this order.
async fn hears(events: &mut EventStream, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        let heard = events.event("room.message", |_| true).await;
        assert_eq!(heard["message"]["text"], format!("number {number}"));
    }
}

/// Asks until there is no such connection: for a moment after its end it is still said why.
async fn gone(events: &EventStream) {
    let told = async {
        loop {
            let answer = events.get("").await;
            if answer.status() == 410 {
                return;
            }
            assert_eq!(answer.status(), 200);
            let said = answer.text().await.expect("it ends");
            assert!(!said.contains("data: {\"jsonrpc"), "nothing more happens: {said}");
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it is gone");
}

#[tokio::test]
async fn who_has_no_websocket_is_in_a_room_as_everybody_else() {
    let (_installation, server, account, room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    let (ada_id, ben_id) = (ada.opened["connectionId"].clone(), ben.connection_id());
    ada.event("room.memberJoined", |event| event["member"]["connectionId"] == ben_id).await;
    ada.ask("room.typing", json!({ "roomId": room, "typing": true })).await;
    ben.event("room.typing", |event| event["connectionId"] == ada_id).await;
    talk(&mut ben, &room, 0..10).await;
    hears(&mut ada, 0..10).await;
    let sent = ada.ask("room.send", message(&room, "from Ada")).await;
    let heard = ben.event("room.message", |event| event["message"]["text"] == "from Ada").await;
    assert_eq!(heard["message"]["seq"], sent["message"]["seq"]);
    assert_eq!(ada.leave().await, 204);
    ben.event("room.memberLeft", |event| event["connectionId"] == ada_id).await;
}

#[tokio::test]
async fn a_stream_that_is_cut_goes_on_without_loss_and_a_new_connection_resumes() {
    let (_installation, server, account, room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    for round in 0..5 {
        talk(&mut ben, &room, round * 10..round * 10 + 5).await;
        ada.cut();
        talk(&mut ben, &room, round * 10 + 5..round * 10 + 10).await;
        hears(&mut ada, round * 10..round * 10 + 10).await;
    }
    // Whoever asks for what is kept no more is told so, and resumes by another connection.
    ada.cut();
    ada.follow().await;
    ada.seen = 0;
    assert_eq!(ada.get("").await.status(), 410);
    let mut again = EventStream::open(&server.base, &account.admin.token).await;
    let missed = again.ask("room.join", json!({ "roomId": room, "after": 40 })).await;
    assert_eq!(
        (missed["recovered"].as_bool(), missed["messages"].as_array().map(Vec::len)),
        (Some(true), Some(10))
    );
}

#[tokio::test]
async fn any_instance_takes_and_gives_what_belongs_to_a_connection_of_another() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = EventStream::open(&a.base, &account.admin.token).await;
    ada.cut();
    // Heard at B, said at either.
    b.base.clone_into(&mut ada.base);
    ada.ask("room.join", json!({ "roomId": room })).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    for round in 0..6 {
        let to = if round % 2 == 0 { &a } else { &b };
        to.base.clone_into(&mut ada.base);
        talk(&mut ben, &room, round * 5..round * 5 + 5).await;
        ada.ask("room.typing", json!({ "roomId": room, "typing": true })).await;
        if round % 3 == 0 {
            ada.cut();
        }
        hears(&mut ada, round * 5..round * 5 + 5).await;
    }
    // A post that is repeated elsewhere is carried out once.
    let number = ada.number + 1;
    let frame =
        json!({ "jsonrpc": "2.0", "id": "x", "method": "room.send", "params": message(&room, "once") });
    let body = json!({ "number": number, "frames": [frame] }).to_string();
    for server in [&a, &b, &a] {
        server.base.clone_into(&mut ada.base);
        assert_eq!(ada.post(body.clone()).await, 204);
    }
    ada.number = number;
    let stranger = "A".repeat(ada.secret.len());
    let own = std::mem::replace(&mut ada.secret, stranger);
    assert_eq!(ada.get("").await.status(), 410);
    ada.secret = own;
    let said = ada.event("room.message", |event| event["message"]["text"] == "once").await;
    let last = ada.ask("room.history", json!({ "roomId": room })).await;
    let last = last["messages"].as_array().and_then(|all| all.last()).expect("a message").clone();
    assert_eq!(last["seq"], said["message"]["seq"]);
    // The instance that had it is gone.
    a.kill();
    b.base.clone_into(&mut ada.base);
    ada.cut();
    assert_eq!(ada.get("").await.status(), 410);
}

#[tokio::test]
async fn a_batch_is_carried_out_once_however_often_it_comes_and_never_before_the_one_before() {
    let (_installation, server, account, room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let batch = |number: u64, text: &str| {
        let frame = json!({ "jsonrpc": "2.0", "id": text, "method": "room.typing", "params": { "roomId": room, "typing": false } });
        json!({ "number": number, "frames": [frame] }).to_string()
    };
    let next = ada.number + 1;
    assert_eq!(ada.post(batch(next + 1, "late")).await, 409);
    for _ in 0..3 {
        assert_eq!(ada.post(batch(next, "first")).await, 204);
    }
    assert_eq!(ada.post(batch(next + 1, "second")).await, 204);
    ada.number = next + 1;
    let seen = ada.seen;
    ada.ask("room.typing", json!({ "roomId": room, "typing": false })).await;
    assert_eq!(ada.seen, seen + 3, "each was answered once");
}

#[tokio::test]
async fn a_second_stream_takes_the_place_of_the_first() {
    let (_installation, server, account, _room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let mut first = ada.get("").await;
    ada.follow().await;
    let over = async { while let Ok(Some(_piece)) = first.chunk().await {} };
    tokio::time::timeout(Duration::from_secs(10), over).await.expect("it ends");
    ada.ask("presence.subscribe", json!({})).await;
}

#[tokio::test]
async fn who_comes_with_a_wrong_secret_or_another_connections_finds_nothing() {
    let (installation, server, account, _room) = one().await;
    let other = installation.account("globex", &server).await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let eve = EventStream::open(&server.base, &other.admin.token).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = ada.url();
    for secret in ["", "x", &eve.secret, &ada.id, ada.secret.split_at(1).1] {
        let body = json!({ "number": ada.number + 1, "frames": [{}] }).to_string();
        for request in [client.get(&url), client.post(&url).body(body), client.delete(&url)] {
            let answer = request.bearer_auth(secret).send().await.expect("an answer");
            assert!([401, 410].contains(&answer.status().as_u16()), "{secret}: {}", answer.status());
        }
    }
    assert_eq!(client.get(&url).send().await.expect("an answer").status(), 401);
    for id in ["x", &"0".repeat(64), &"é".repeat(32), &format!("{}0", ada.id)] {
        let answer = client.get(format!("{}/v1/events/{id}", server.base)).bearer_auth(&ada.secret).send();
        assert_eq!(answer.await.expect("an answer").status(), 410, "{id}");
    }
    // Nobody has closed it, or said anything.
    ada.ask("presence.subscribe", json!({})).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_what_is_no_batch() {
    let (_installation, server, account, _room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let next = ada.number + 1;
    // It is refused before it is read; who goes on sending may hear nothing but the end of the connection.
    if let Ok(status) = ada.try_post("x".repeat(8 * 1024 * 1024)).await {
        assert_eq!(status, 413);
    }
    assert_eq!(ada.post(format!("{{\"number\":{next},\"frames\":[{}]}}", "[".repeat(200_000))).await, 400);
    assert_eq!(ada.post(json!({ "number": next, "frames": vec![1; 1000] }).to_string()).await, 422);
    assert_eq!(ada.post("{}".to_owned()).await, 400);
    // A frame that is none is answered as it is over a WebSocket, and one that is too long ends the connection likewise.
    assert_eq!(ada.post(json!({ "number": next, "frames": [7] }).to_string()).await, 204);
    ada.number = next;
    ada.ask("presence.subscribe", json!({})).await;
    ada.say(&[json!("x".repeat(130 * 1024))]).await;
    assert_eq!(ada.closed_within(PATIENCE).await, close::TOO_BIG);
    ada.cut();
    gone(&ada).await;
}

#[tokio::test]
async fn who_does_not_take_what_is_said_is_closed_as_too_slow_and_told_so() {
    let (_installation, server, account, room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    ada.cut();
    let mut others = Vec::new();
    for _ in 0..4 {
        let mut other = Socket::open(&server.base, &account.admin.token).await;
        other.ask("room.join", json!({ "roomId": room })).await;
        others.push(other);
    }
    // More than may wait for one, in less than may stand still.
    for _ in 0..45 {
        for other in &mut others {
            other.ask("room.send", message(&room, &"x".repeat(7 * 1024))).await;
        }
    }
    assert_eq!(ada.closed_within(PATIENCE).await, close::TOO_SLOW);
}

#[tokio::test]
async fn who_comes_back_for_streams_stays_and_who_does_not_is_given_up() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__PING_S", "1");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    let mut ben = EventStream::open(&server.base, &account.admin.token).await;
    for events in [&mut ada, &mut ben] {
        events.ask("room.join", json!({ "roomId": room })).await;
    }
    let ben_id = ben.opened["connectionId"].clone();
    ben.cut();
    ada.event("room.memberLeft", |event| event["connectionId"] == ben_id).await;
    gone(&ben).await;
    // Several streams later.
    let quiet = ada.event("room.typing", |_| true);
    assert!(tokio::time::timeout(Duration::from_secs(6), quiet).await.is_err());
    let mut cleo = Socket::open(&server.base, &account.admin.token).await;
    cleo.ask("room.join", json!({ "roomId": room })).await;
    ada.event("room.memberJoined", |_| true).await;
}

#[tokio::test]
async fn one_answer_at_a_time_passes_where_answers_are_gathered() {
    let (_installation, server, account, room) = one().await;
    let middlebox = Middlebox::start(&server, true).await;
    let mut ada = EventStream::connect(&middlebox.base).await;
    let open = json!({ "jsonrpc": "2.0", "id": 0, "method": "connection.open", "params": { "token": account.admin.token } });
    let join = json!({ "jsonrpc": "2.0", "id": 0, "method": "room.join", "params": { "roomId": room } });
    ada.say(&[open, join]).await;
    while ada.seen < 2 {
        let answer = ada.get("?wait=20").await;
        ada.take(&answer.text().await.expect("it ends"));
    }
    let none = ada.get("?wait=0").await;
    assert_eq!(none.text().await.expect("it ends at once"), ":\n\n");
    let held = tokio::time::timeout(Duration::from_secs(2), async { ada.get("").await.text().await }).await;
    assert!(held.is_err(), "a stream does not get through");
}

#[tokio::test]
async fn a_server_that_drains_says_so_to_those_without_a_websocket() {
    let (_installation, server, account, _room) = one().await;
    let mut ada = EventStream::open(&server.base, &account.admin.token).await;
    server.terminate();
    ada.event("connection.moving", |_| true).await;
    assert_eq!(ada.closed_within(PATIENCE).await, close::GOING_AWAY);
    server.ended();
}

/// Passes for the wrong reason if they were not kept: the last of them still gets an answer.
#[tokio::test]
async fn thousands_who_have_not_said_who_they_are_cost_little_and_are_bounded() {
    const MANY: usize = 2_000;
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__ANONYMOUS_BURST", "100000");
    installation.set("SWITCHBOARD_SIGNALLING__UNAUTHENTICATED_PER_NETWORK_MAX", &MANY.to_string());
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let known = EventStream::open(&server.base, &account.admin.token).await;
    kernel::forget_peak(&server);
    let before = kernel::peak_kib(&server);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}/v1/events", server.base);
    let open = || async { client.post(&url).send().await.expect("an answer").status().as_u16() };
    let mut refused = 0;
    for number in 0..MANY + 10 {
        match open().await {
            201 => assert!(number < MANY, "{number}"),
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(refused >= 10, "{refused}");
    let grown = kernel::peak_kib(&server).saturating_sub(before);
    assert!(grown < 40_000, "{grown} KiB for {MANY}");
    assert_eq!(known.get("?wait=0").await.status(), 200);
}

/// Signs in and enters a room behind something that lets no WebSocket through.
async fn chats_behind(gathers: bool) {
    let turn = Turn::take();
    let (_installation, server, account, room) = one().await;
    let middlebox = Middlebox::start(&server, gathers).await;
    let driver = Driver::start(turn);
    let email = account.user("Ada").await;
    let browser = Browser::start(&driver).await;
    browser.sign_in(&middlebox.base, &email, PASSWORD).await;
    browser.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
    browser.see("message-input").await;
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    browser.until("document.querySelectorAll('[data-testid=\"member\"]').length === 2").await;
    browser.fill("message-input", "Good morning").await;
    browser.click("message-send").await;
    ben.event("room.message", |event| event["message"]["text"] == "Good morning").await;
    ben.ask("room.send", message(&room, "And to you")).await;
    browser
        .until("[...document.querySelectorAll('[data-testid=\"message\"]')].some(m => m.innerText.includes('And to you'))")
        .await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_a_network_that_lets_no_websocket_through_chats_all_the_same() {
    chats_behind(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_a_network_that_also_gathers_answers_chats_all_the_same() {
    chats_behind(true).await;
}
