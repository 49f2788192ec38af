//! What becomes of what was said in rooms, on two instances: changed, answered, mentioned, read.

use common::protocol::room::REACTIONS_MAX;
use serde_json::{Value, json};
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

async fn say(socket: &mut Socket, room: &str, text: &str) -> u64 {
    let said = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text });
    socket.ask("room.send", said).await["message"]["seq"].as_u64().expect("a number")
}

async fn joined(server: &Server, token: &str, room: &str) -> Socket {
    let mut socket = Socket::open(&server.base, token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    socket
}

async fn agent(account: &Account, server: &Server, name: &str) -> Rest {
    Rest::sign_in(&server.base, &account.user(name).await, PASSWORD).await
}

/// The code that it is refused with.
async fn refused(socket: &mut Socket, method: &str, params: Value) -> String {
    let error = socket.try_ask(method, params).await.expect_err("it is refused");
    error["data"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn what_is_changed_on_one_instance_is_seen_on_the_other_and_by_who_was_away() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let ben = agent(&account, &b, "Ben").await;
    let mut ada = joined(&a, &account.admin.token, &room).await;
    let mut ben_socket = joined(&b, &ben.token, &room).await;
    let mut away = joined(&b, &ben.token, &room).await;
    say(&mut ada, &room, "helo").await;
    say(&mut ben_socket, &room, "what?").await;
    away.event("room.message", |event| event["message"]["seq"] == 2).await;
    drop(away);
    let edit = json!({ "roomId": room, "messageSeq": 1, "text": "hello" });
    for _ in 0..2 {
        let answer = ada.ask("room.edit", edit.clone()).await;
        assert_eq!((&answer["message"]["text"], &answer["message"]["seq"]), (&json!("hello"), &json!(1)));
        assert!(answer["message"]["editedAt"].is_string());
    }
    let change = ben_socket.event("room.messageChanged", |_| true).await;
    assert_eq!((&change["seq"], &change["message"]["text"]), (&json!(3), &json!("hello")));
    let react = |emoji, on| json!({ "roomId": room, "messageSeq": 1, "emoji": emoji, "on": on });
    for on in [true, true, false, true] {
        ben_socket.ask("room.react", react("👍", on)).await;
    }
    let mut seqs = Vec::new();
    for _ in 0..3 {
        seqs.push(ada.event("room.messageChanged", |event| event["seq"] != 3).await);
    }
    let shown: Vec<_> = seqs.iter().map(|event| (&event["seq"], &event["message"]["reactions"])).collect();
    let reaction = json!([{ "emoji": "👍", "count": 1, "userIds": [ben.user] }]);
    // The second time changed nothing and took no number.
    assert_eq!(shown, [(&json!(4), &reaction), (&json!(5), &Value::Null), (&json!(6), &reaction)]);
    say(&mut ada, &room, "late").await;
    let mut back = Socket::open(&b.base, &ben.token).await;
    let missed = back.ask("room.join", json!({ "roomId": room, "after": 2 })).await;
    assert_eq!((&missed["recovered"], &missed["seq"]), (&json!(true), &json!(7)));
    let new: Vec<_> = missed["messages"].as_array().expect("messages").iter().map(|m| &m["seq"]).collect();
    assert_eq!(new, [7]);
    let changed = missed["changed"].as_array().expect("changes");
    assert_eq!(changed.len(), 1, "once, as it is now: {changed:?}");
    assert_eq!((&changed[0]["seq"], &changed[0]["message"]["reactions"]), (&json!(6), &reaction));
    let history = back.ask("room.history", json!({ "roomId": room })).await;
    let texts: Vec<_> =
        history["messages"].as_array().expect("messages").iter().map(|m| &m["text"]).collect();
    assert_eq!(texts, ["hello", "what?", "late"]);
}

/// Fails in the database unless it holds the word in a message, or does not.
fn holds(word: &str, does: bool) -> String {
    let is_wrong = if does { "NOT EXISTS" } else { "EXISTS" };
    format!(
        "DO $$ BEGIN IF {is_wrong} (SELECT FROM room_messages AS m WHERE m::text LIKE '%{word}%')
         THEN RAISE 'the database is wrong about {word}'; END IF; END $$"
    )
}

#[tokio::test]
async fn a_deleted_text_is_nowhere_any_more_and_only_who_may_deletes() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let (ben, carl) = (agent(&account, &server, "Ben").await, agent(&account, &server, "Carl").await);
    let mut ada = joined(&server, &account.admin.token, &room).await;
    let mut ben = joined(&server, &ben.token, &room).await;
    let mut carl = joined(&server, &carl.token, &room).await;
    for text in ["xylophone one", "xylophone two"] {
        say(&mut ben, &room, text).await;
    }
    installation.database.as_owner(&holds("xylophone", true)).await;
    let of = |seq: u64| json!({ "roomId": room, "messageSeq": seq });
    let edit = |seq: u64| json!({ "roomId": room, "messageSeq": seq, "text": "mine" });
    assert_eq!(refused(&mut carl, "room.delete", of(1)).await, "auth.forbidden");
    for other in [&mut carl, &mut ada] {
        assert_eq!(refused(other, "room.edit", edit(1)).await, "auth.forbidden");
    }
    // By its author, and by who manages rooms.
    for (who, seq) in [(&mut ben, 1), (&mut ada, 2)] {
        let answer = who.ask("room.delete", of(seq)).await;
        assert_eq!(answer["message"]["text"], "");
        assert!(answer["message"]["deletedAt"].is_string());
        assert_eq!(who.ask("room.delete", of(seq)).await, answer, "again, it changes nothing");
    }
    for seq in [3, 4] {
        carl.event("room.messageChanged", |event| event["seq"] == seq && event["message"]["text"] == "")
            .await;
    }
    let react = json!({ "roomId": room, "messageSeq": 1, "emoji": "👍", "on": true });
    for (method, params) in
        [("room.edit", edit(1)), ("room.react", react), ("room.edit", edit(3)), ("room.delete", of(99))]
    {
        assert_eq!(refused(&mut ben, method, params).await, "resource.notFound", "{method}");
    }
    installation.database.as_owner(&holds("xylophone", false)).await;
}

#[tokio::test]
async fn reactions_and_texts_have_their_limits() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut ada = joined(&server, &account.admin.token, &room).await;
    say(&mut ada, &room, "hello").await;
    let react = |emoji: &str| json!({ "roomId": room, "messageSeq": 1, "emoji": emoji, "on": true });
    for emoji in ["", "a", "👍👍", "<b>", &"👩‍👩‍👧‍👦".repeat(3)] {
        assert_eq!(refused(&mut ada, "room.react", react(emoji)).await, "request.invalid", "{emoji}");
    }
    let emojis: Vec<char> = ('\u{1f600}'..).take(REACTIONS_MAX + 1).collect();
    for emoji in &emojis[..REACTIONS_MAX] {
        ada.ask("room.react", react(&emoji.to_string())).await;
    }
    assert_eq!(
        refused(&mut ada, "room.react", react(&emojis[REACTIONS_MAX].to_string())).await,
        "limit.count"
    );
    for (text, code) in [(" \n", "request.invalid"), (&*"x".repeat(8193), "limit.size")] {
        let edit = json!({ "roomId": room, "messageSeq": 1, "text": text });
        assert_eq!(refused(&mut ada, "room.edit", edit).await, code);
    }
    let many: Vec<_> = (0..21).map(|_| Uuid::new_v4()).collect();
    let said = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": "x", "mentions": many });
    assert_eq!(refused(&mut ada, "room.send", said).await, "limit.count");
    let said = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": "x", "replyTo": 2 });
    assert_eq!(
        refused(&mut ada, "room.send", said).await,
        "resource.notFound",
        "the number of a change is no message"
    );
}

#[tokio::test]
async fn what_is_unread_is_counted_by_the_server_for_all_devices() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let ben = agent(&account, &b, "Ben").await;
    let mut ada = joined(&a, &account.admin.token, &room).await;
    let mut laptop = joined(&a, &ben.token, &room).await;
    let mut phone = joined(&b, &ben.token, &room).await;
    say(&mut ada, &room, "one").await;
    assert_eq!(laptop.ask("room.read", json!({ "roomId": room, "seq": 1 })).await, json!({ "seq": 1 }));
    for socket in [&mut phone, &mut ada] {
        let read = socket.event("room.read", |_| true).await;
        assert_eq!(read, json!({ "roomId": room, "userId": ben.user, "seq": 1 }));
    }
    say(&mut ada, &room, "two").await;
    let mention = json!({
        "roomId": room, "clientId": Uuid::new_v4(), "text": "you!", "replyTo": 1,
        "mentions": [ben.user, Uuid::new_v4()],
    });
    let sent = ada.ask("room.send", mention).await;
    assert_eq!((&sent["message"]["mentions"], &sent["message"]["replyTo"]), (&json!([ben.user]), &json!(1)));
    say(&mut laptop, &room, "my own").await;
    let unread = async || ben.get("/v1/rooms").await["items"][0]["read"].clone();
    assert_eq!(unread().await, json!({ "seq": 1, "unread": 2, "mentions": 1 }));
    let again = phone.ask("room.join", json!({ "roomId": room, "unread": true })).await;
    assert_eq!(again["read"], unread().await);
    assert_eq!(phone.ask("room.read", json!({ "roomId": room, "seq": 99 })).await, json!({ "seq": 4 }));
    assert_eq!(laptop.ask("room.read", json!({ "roomId": room, "seq": 2 })).await, json!({ "seq": 4 }));
    assert_eq!(unread().await, json!({ "seq": 4, "unread": 0, "mentions": 0 }));
}

#[tokio::test]
async fn who_falls_silent_types_no_longer() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = joined(&a, &account.admin.token, &room).await;
    let mut near = joined(&a, &account.admin.token, &room).await;
    let mut far = joined(&b, &account.admin.token, &room).await;
    ada.ask("room.typing", json!({ "roomId": room, "typing": true })).await;
    for socket in [&mut near, &mut far] {
        for typing in [true, false] {
            let told = socket.event("room.typing", |_| true).await;
            assert_eq!(
                (&told["typing"], &told["connectionId"]),
                (&json!(typing), &json!(ada.connection_id()))
            );
        }
    }
}

/// A back end: it edits what it has posted, for whomever, and deletes whatever there is.
#[tokio::test]
async fn a_back_end_edits_its_own_and_moderates_all() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let key = json!({ "name": "Shop", "permissions": ["rooms.read", "rooms.manage"] });
    let key = account.admin.post("/v1/api-keys", key).await;
    let shop = account.admin.with_key(key["key"].as_str().expect("a key"));
    let ben = agent(&account, &server, "Ben").await;
    let mut ada = joined(&server, &account.admin.token, &room).await;
    let messages = format!("/v1/rooms/{room}/messages");
    let grace = json!({ "identity": "grace", "name": "Grace" });
    shop.post(&messages, json!({ "text": "parcl" })).await;
    shop.post(&messages, json!({ "text": "thx", "author": grace, "replyTo": 1 })).await;
    say(&mut ada, &room, "from ada").await;
    assert_eq!(shop.patch(&format!("{messages}/1"), json!({ "text": "parcel" })).await["text"], "parcel");
    let edited = shop.patch(&format!("{messages}/2"), json!({ "text": "thanks", "author": grace })).await;
    assert_eq!((&edited["text"], &edited["replyTo"]), (&json!("thanks"), &json!(1)));
    for (seq, text) in [(4, "parcel"), (5, "thanks")] {
        ada.event("room.messageChanged", |event| event["seq"] == seq && event["message"]["text"] == text)
            .await;
    }
    let text = Some(json!({ "text": "x" }));
    let status = async |rest: &Rest, method: reqwest::Method, seq: u64, body: Option<Value>| {
        rest.call(method, &format!("{messages}/{seq}"), body).await.0.as_u16()
    };
    assert_eq!(status(&shop, reqwest::Method::PATCH, 3, text.clone()).await, 403);
    assert_eq!(status(&ben, reqwest::Method::PATCH, 3, text.clone()).await, 403);
    assert_eq!(status(&ben, reqwest::Method::DELETE, 3, None).await, 403);
    assert_eq!(status(&shop, reqwest::Method::PATCH, 4, text).await, 404, "the number of a change");
    shop.delete(&format!("{messages}/3")).await;
    ada.event("room.messageChanged", |event| event["message"]["seq"] == 3 && event["message"]["text"] == "")
        .await;
    let read = ben.get(&format!("{messages}/3")).await;
    assert_eq!((&read["text"], read["deletedAt"].is_string()), (&json!(""), true));
}

/// Presses a button of a message that is shown only while the pointer is over it.
fn press(text: &str, test_id: &str) -> String {
    format!(
        "(() => {{
            const message = [...document.querySelectorAll('[data-testid=\"message\"]')]
                .find(m => m.querySelector('.text').innerText.startsWith({}));
            const button = message?.querySelector('[data-testid=\"{test_id}\"]');
            button?.click();
            return Boolean(button);
        }})()",
        json!(text)
    )
}

/// What the console makes of it, in two browsers.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_reacted_to_edited_and_deleted_in_the_console() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let (room, other) = (account.room("Lobby").await, account.room("Other").await);
    let driver = Driver::start(turn);
    let mut browsers = Vec::new();
    for name in ["Ada", "Ben"] {
        let email = account.user(name).await;
        let browser = Browser::start(&driver).await;
        browser.sign_in(&server.base, &email, PASSWORD).await;
        browser.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
        browser.see("message-input").await;
        browsers.push(browser);
    }
    let [ada, ben] = &browsers[..] else { panic!("two") };
    ada.until("document.querySelectorAll('[data-testid=\"member\"]').length === 2").await;
    ada.fill("message-input", "Shall we call, @Ben?").await;
    ada.click("message-send").await;
    ben.until("document.querySelector('.message.mentions-me')?.innerText.includes('@Ben')").await;
    ben.until(&press("Shall", "message-reply")).await;
    ben.see("composer-target").await;
    ben.fill("message-input", "Yes, now.").await;
    ben.click("message-send").await;
    ada.until("document.querySelector('.message-reply:not([hidden])')?.innerText.includes('Shall we')").await;
    ada.until(&press("Yes", "message-react")).await;
    ben.until("document.querySelector('[data-testid=\"reaction\"]')?.innerText.includes('👍')").await;
    ben.until(&press("Yes", "message-edit")).await;
    ben.fill("message-input", "Yes, at once.").await;
    ben.click("message-send").await;
    ada.until("document.body.innerText.includes('Yes, at once.') && document.querySelector('.edited')").await;
    ada.screenshot("chat").await;
    ada.until(&press("Shall", "message-delete")).await;
    ada.click("confirm").await;
    ben.until("document.querySelectorAll('.message.deleted').length === 1").await;
    ben.until("!document.body.innerText.includes('Shall we call')").await;
    // Who looks at another room, and is in this one no more, sees it marked in the list.
    ben.click_css(&format!("[data-testid='room-item'][data-room-id='{other}']")).await;
    let said = json!({ "text": "Are you there?" });
    account.admin.post(&format!("/v1/rooms/{room}/messages"), said).await;
    ada.until("document.body.innerText.includes('Are you there?')").await;
    ben.until(&format!(
        "document.querySelector('[data-room-id=\"{room}\"] [data-testid=\"room-unread\"]:not([hidden])')?.innerText === '1'"
    ))
    .await;
    ben.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
    ben.until(&format!(
        "document.querySelector('[data-room-id=\"{room}\"] [data-testid=\"room-unread\"]').hidden"
    ))
    .await;
    ben.screenshot("chat-unread").await;
    for browser in browsers {
        browser.quit().await;
    }
}
