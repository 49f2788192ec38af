//! Rooms that are joined by a name, of all classes, on two instances.

use local_services::{redis::Redis, scratch::Scratch};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    PATIENCE, eventually,
    installation::{Account, Installation, PASSWORD},
    raw::Raw,
    rest::Rest,
    server::Server,
    socket::Socket,
};

const CLASSES: [&str; 3] = ["ephemeral", "recent", "durable"];

async fn join(socket: &mut Socket, class: &str, name: &str) -> Value {
    socket.ask("room.join", json!({ "name": name, "class": class })).await
}

async fn publish(socket: &mut Socket, room: &Value, data: Value) -> Value {
    socket.ask("room.publish", json!({ "roomId": room, "name": "move", "data": data })).await
}

async fn refusal(socket: &mut Socket, method: &str, params: Value) -> String {
    let error = socket.try_ask(method, params).await.expect_err("it is refused");
    error["data"]["code"].as_str().expect("a code").to_owned()
}

fn data(events: &Value) -> Vec<u64> {
    events
        .as_array()
        .map(|all| all.iter().filter_map(|event| event["data"].as_u64()).collect())
        .unwrap_or_default()
}

/// The same user at two instances, or twice at one.
async fn two(account: &Account, a: &Server, b: &Server) -> (Socket, Socket) {
    let token = &account.admin.token;
    (Socket::open(&a.base, token).await, Socket::open(&b.base, token).await)
}

async fn person(account: &Account, server: &Server, name: &str) -> Rest {
    Rest::sign_in(&server.base, &account.user(name).await, PASSWORD).await
}

#[tokio::test]
async fn a_name_that_many_join_at_once_on_two_instances_is_one_room_of_each_class() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let mut ids = Vec::new();
    for class in CLASSES {
        let mut sockets = Vec::new();
        for n in 0..8 {
            let base = if n % 2 == 0 { &a.base } else { &b.base };
            sockets.push(Socket::open(base, &account.admin.token).await);
        }
        let joins = sockets.iter_mut().map(|socket| join(socket, class, "caf\u{e9} \u{1f44b}"));
        let joined = futures_util::future::join_all(joins).await;
        for answer in &joined {
            assert_eq!((&answer["roomId"], &answer["class"]), (&joined[0]["roomId"], &json!(class)));
        }
        // Typed on another keyboard. Who has joined on the other instance is known here a moment later.
        eventually("everybody is in it", PATIENCE, async || {
            let again = join(&mut sockets[1], class, "cafe\u{301} \u{1f44b}").await;
            assert_eq!(again["roomId"], joined[0]["roomId"]);
            again["memberCount"] == json!(8)
        })
        .await;
        ids.push(joined[0]["roomId"].clone());
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "each class has names of its own");
    let rooms = account.admin.get("/v1/rooms").await;
    assert!(
        rooms.to_string().contains(ids[2].as_str().expect("an id"))
            && !rooms.to_string().contains(ids[0].as_str().expect("an id"))
    );
}

#[tokio::test]
async fn who_may_open_rooms_by_their_names_is_the_accounts_choice() {
    let installation = Installation::new().await;
    let a = installation.server();
    let account = installation.account("acme", &a).await;
    let agent = person(&account, &a, "Ben").await;
    let (mut ada, mut ben) =
        (Socket::open(&a.base, &account.admin.token).await, Socket::open(&a.base, &agent.token).await);
    let board = |class: &str| json!({ "name": "board", "class": class });
    for class in CLASSES {
        join(&mut ada, class, "board").await;
        assert_eq!(join(&mut ben, class, "board").await["memberCount"], 2);
    }
    account.admin.patch("/v1/account", json!({ "settings": { "namedRooms": "nobody" } })).await;
    let mut probes = 0;
    let is_refused = async || {
        probes += 1;
        let probe = json!({ "name": format!("probe {probes}"), "class": "ephemeral" });
        ada.try_ask("room.join", probe).await.is_err()
    };
    eventually("what an instance has read is read anew", PATIENCE, is_refused).await;
    for class in CLASSES {
        let new = json!({ "name": "new", "class": class });
        assert_eq!(refusal(&mut ada, "room.join", new).await, "resource.notFound");
        assert_eq!(join(&mut ben, class, "board").await["memberCount"], 2, "it is open");
    }
    drop(ada);
    ben.event("room.memberLeft", |_| true).await;
    drop(ben);
    let mut ben = Socket::open(&a.base, &agent.token).await;
    while ben.try_ask("room.join", board("recent")).await.is_ok() {
        let id = join(&mut ben, "recent", "board").await["roomId"].clone();
        ben.ask("room.leave", json!({ "roomId": id })).await;
    }
    assert_eq!(join(&mut ben, "durable", "board").await["memberCount"], 1, "what is kept stays open");
}

#[tokio::test]
async fn names_that_are_none_and_what_a_room_does_not_do_are_refused() {
    let installation = Installation::new().await;
    let a = installation.server();
    let account = installation.account("acme", &a).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    for (name, code) in [
        ("a\0b", "request.invalid"),
        ("\u{202e}board", "request.invalid"),
        ("  ", "request.invalid"),
        (&"x".repeat(256), "limit.size"),
    ] {
        assert_eq!(refusal(&mut ada, "room.join", json!({ "name": name, "class": "recent" })).await, code);
    }
    let id = account.room("Lobby").await;
    for params in
        [json!({}), json!({ "roomId": id, "name": "x" }), json!({ "roomId": id, "class": "recent" })]
    {
        assert_eq!(refusal(&mut ada, "room.join", params).await, "protocol.invalidParams");
    }
    let like_an_id = join(&mut ada, "ephemeral", &id).await;
    assert_ne!(like_an_id["roomId"], json!(id), "a name that looks like an id is a name");
    let room = like_an_id["roomId"].clone();
    let message = json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x" });
    assert_eq!(refusal(&mut ada, "room.send", message).await, "room.class");
    let large = json!({ "roomId": room, "name": "x", "data": "x".repeat(16 * 1024) });
    assert_eq!(refusal(&mut ada, "room.publish", large).await, "limit.size");
    let elsewhere = json!({ "roomId": uuid::Uuid::new_v4(), "name": "x" });
    assert_eq!(refusal(&mut ada, "room.publish", elsewhere).await, "room.notJoined");
}

#[tokio::test]
async fn what_is_ephemeral_reaches_the_others_once_and_is_kept_for_nobody() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (mut ada, mut ben) = two(&account, &a, &b).await;
    let room = join(&mut ada, "ephemeral", "cursors").await["roomId"].clone();
    join(&mut ben, "ephemeral", "cursors").await;
    for n in 0..50 {
        assert_eq!(publish(&mut ada, &room, json!(n)).await, json!({}));
    }
    for n in 0..50 {
        let event = ben.event("room.event", |_| true).await;
        assert_eq!(
            (&event["data"], &event["from"]["connectionId"]),
            (&json!(n), &json!(ada.connection_id()))
        );
    }
    assert!(!ada.has_seen("room.event").await, "the others are told");
    let mut late = Socket::open(&b.base, &account.admin.token).await;
    let joined = join(&mut late, "ephemeral", "cursors").await;
    assert_eq!((&joined["seq"], &joined["events"]), (&json!(0), &Value::Null));

    // Beside the messages of a durable room it is so, too: an event has no number among them.
    let lobby = account.room("Lobby").await;
    for socket in [&mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": lobby })).await;
    }
    assert_eq!(publish(&mut ada, &json!(lobby), json!("applause")).await, json!({}));
    let event = ben.event("room.event", |event| event["roomId"] == json!(lobby)).await;
    assert_eq!(
        (&event["data"], &event["from"]["connectionId"], &event["seq"]),
        (&json!("applause"), &json!(ada.connection_id()), &Value::Null)
    );
    assert!(!ada.has_seen("room.event").await, "nor is its sender told there");
    let joined = late.ask("room.join", json!({ "roomId": lobby })).await;
    assert_eq!((&joined["seq"], &joined["messages"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn who_comes_back_to_a_recent_room_is_sent_exactly_what_they_missed_or_told_that_it_is_gone() {
    let mut installation = Installation::new().await.clustered();
    installation.set("SWITCHBOARD_SIGNALLING__RECENT_EVENTS_MAX", "5");
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (mut ada, mut ben) = two(&account, &a, &b).await;
    let joined = join(&mut ada, "recent", "board").await;
    let room = joined["roomId"].clone();
    assert_eq!((&joined["seq"], &joined["recovered"]), (&json!(0), &json!(true)));
    join(&mut ben, "recent", "board").await;
    for n in 1..=3 {
        let placed = publish(&mut ada, &room, json!(n)).await;
        assert_eq!((&placed["seq"], &placed["epoch"]), (&json!(n), &joined["epoch"]));
        for socket in [&mut ada, &mut ben] {
            let event = socket.event("room.event", |_| true).await;
            assert_eq!((&event["seq"], &event["data"]), (&json!(n), &json!(n)));
        }
    }
    drop(ben);
    for n in 4..=6 {
        publish(&mut ada, &room, json!(n)).await;
    }
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    let back = json!({ "name": "board", "class": "recent", "after": 3, "epoch": joined["epoch"] });
    let resumed = ben.ask("room.join", back.clone()).await;
    assert_eq!((data(&resumed["events"]), &resumed["recovered"]), (vec![4, 5, 6], &json!(true)));
    publish(&mut ada, &room, json!(7)).await;
    assert_eq!(ben.event("room.event", |_| true).await["seq"], 7);
    for n in 8..=9 {
        publish(&mut ada, &room, json!(n)).await;
    }
    let late = Socket::open(&b.base, &account.admin.token).await.ask("room.join", back).await;
    assert_eq!((data(&late["events"]), &late["recovered"]), (vec![5, 6, 7, 8, 9], &json!(false)));
    assert_eq!((&late["seq"], &late["epoch"]), (&json!(9), &joined["epoch"]));
}

#[tokio::test]
async fn a_redis_that_was_emptied_has_everybody_read_anew_and_nobody_told_that_they_have_everything() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (mut ada, mut ben) = two(&account, &a, &b).await;
    let joined = join(&mut ada, "recent", "board").await;
    let room = joined["roomId"].clone();
    join(&mut ben, "recent", "board").await;
    let cursors = join(&mut ada, "ephemeral", "cursors").await["roomId"].clone();
    let mut near = Socket::open(&a.base, &account.admin.token).await;
    join(&mut near, "ephemeral", "cursors").await;
    publish(&mut ada, &room, json!(1)).await;
    ben.event("room.event", |event| event["seq"] == 1).await;
    redis.kill().expect("it ran");
    // Nobody is promised what cannot be kept, and nothing gets a number that nobody gave.
    let refused = json!({ "roomId": room, "name": "x" });
    while ada.try_ask("room.publish", refused.clone()).await.is_ok() {}
    assert_eq!(refusal(&mut ada, "room.publish", refused).await, "unavailable");
    publish(&mut ada, &cursors, json!("near")).await;
    near.event("room.event", |event| event["data"] == "near").await;
    redis.restart().expect("it starts again");
    for socket in [&mut ada, &mut ben] {
        let reload = socket.event("connection.reload", |_| true).await;
        assert_eq!(reload["sequence"], json!({ "kind": "room", "roomId": room }));
    }
    let back = json!({ "name": "board", "class": "recent", "after": 1, "epoch": joined["epoch"] });
    let resumed = ben.ask("room.join", back).await;
    assert_eq!(resumed["recovered"], false);
    assert_ne!(resumed["epoch"], joined["epoch"]);
    let seq = resumed["seq"].as_u64().expect("a number");
    publish(&mut ada, &room, json!("after")).await;
    let event = ben.event("room.event", |event| event["data"] == "after").await;
    assert_eq!((event["seq"].as_u64(), &event["epoch"]), (Some(seq + 1), &resumed["epoch"]));
    let _gone = redis.kill();
}

/// What it had kept and not said is found in the history.
#[tokio::test]
async fn what_a_killed_instance_kept_is_heard_by_those_on_the_other() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (mut ada, mut ben) = two(&account, &a, &b).await;
    let room = join(&mut ada, "recent", "board").await["roomId"].clone();
    join(&mut ben, "recent", "board").await;
    let mut last = 0;
    for n in 1..=20 {
        last = publish(&mut ben, &room, json!(n)).await["seq"].as_u64().expect("a number");
    }
    b.kill();
    for n in 1..=last {
        assert_eq!(ada.event("room.event", |_| true).await["seq"], n);
    }
    ada.event("room.memberLeft", |_| true).await;
    assert!(!ada.has_seen("connection.reload").await);
}

#[tokio::test]
async fn a_client_joins_names_up_to_its_limit_and_no_further() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__NAMED_ROOMS_PER_ACCOUNT_MAX", "3");
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_BURST", "5000");
    let a = installation.server();
    let account = installation.account("acme", &a).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    for n in 0..3 {
        join(&mut ada, "durable", &format!("kept {n}")).await;
    }
    let fourth = json!({ "name": "kept 3" });
    assert_eq!(refusal(&mut ada, "room.join", fourth).await, "limit.count");
    for n in 3..500 {
        join(&mut ada, "ephemeral", &format!("room {n}")).await;
    }
    let one_more = json!({ "name": "one more", "class": "ephemeral" });
    assert_eq!(refusal(&mut ada, "room.join", one_more).await, "limit.count");
    assert_eq!(
        join(&mut ada, "ephemeral", "room 400").await["memberCount"],
        1,
        "where it is, it may come back to"
    );
}

#[tokio::test]
async fn who_reads_a_flood_too_slowly_is_sent_away_to_resume_and_costs_nobody_else_an_event() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_BURST", "5000");
    installation.set("SWITCHBOARD_SIGNALLING__BYTES_BURST", "67108864");
    let a = installation.server();
    let account = installation.account("acme", &a).await;
    let (mut ada, mut ben) = two(&account, &a, &a).await;
    let room = join(&mut ada, "recent", "flood").await["roomId"].clone();
    join(&mut ben, "recent", "flood").await;
    let mut slow = Raw::open_narrow(&a.base, &account.admin.token).await;
    let joined = slow.ask("room.join", json!({ "name": "flood", "class": "recent" })).await;
    for n in 1..=700 {
        assert_eq!(publish(&mut ada, &room, json!("x".repeat(8 * 1024))).await["seq"], n);
        assert_eq!(ben.event("room.event", |_| true).await["seq"], n);
    }
    assert_eq!(slow.closed_within(Duration::from_secs(30)).await, Some(4000));
    let back =
        json!({ "name": "flood", "class": "recent", "after": joined["seq"], "epoch": joined["epoch"] });
    let resumed = Socket::open(&a.base, &account.admin.token).await.ask("room.join", back).await;
    assert_eq!((&resumed["seq"], &resumed["recovered"]), (&json!(700), &json!(false)));
    let kept = resumed["events"].as_array().expect("events");
    assert!((5..=12).contains(&kept.len()), "of 96 KiB: {}", kept.len());
    assert_eq!(kept.last().expect("the last")["seq"], 700);
}
