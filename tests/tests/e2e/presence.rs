//! Who is online, as somebody on another instance sees it.

use serde_json::json;
use std::time::Instant;
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

async fn person(account: &Account, server: &Server, name: &str) -> Rest {
    Rest::sign_in(&server.base, &account.user(name).await, PASSWORD).await
}

#[tokio::test]
async fn a_user_is_online_while_any_device_is_on_whatever_instance() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let online = ada.ask("presence.subscribe", json!({})).await;
    assert_eq!(online["onlineCount"], 1);
    let phone = Socket::open(&a.base, &ben.token).await;
    let came = ada.event("presence.changed", |_| true).await;
    assert_eq!(came["online"][0], json!({ "userId": ben.user, "name": "Ben", "status": "online" }));
    let desk = Socket::open(&b.base, &ben.token).await;
    let mut watcher = Socket::open(&b.base, &account.admin.token).await;
    assert_eq!(watcher.ask("presence.subscribe", json!({})).await["onlineCount"], 2);
    drop(phone);
    // What is told next is of somebody else: nothing was told of the one who is still there.
    let carl = Socket::open(&b.base, &person(&account, &b, "Carl").await.token).await;
    for socket in [&mut ada, &mut watcher] {
        let changed = socket.event("presence.changed", |_| true).await;
        assert_eq!((&changed["onlineCount"], &changed["offline"]), (&json!(3), &json!([])));
    }
    drop((desk, carl));
    for socket in [&mut ada, &mut watcher] {
        socket.event("presence.changed", |event| event["onlineCount"] == 1).await;
    }
}

/// A machine may stand still for as long; a process that is gone is gone.
#[tokio::test]
async fn the_people_of_a_killed_instance_are_gone_within_five_seconds() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let _ben = Socket::open(&b.base, &ben.token).await;
    assert_eq!(ada.ask("presence.subscribe", json!({})).await["onlineCount"], 2);
    #[expect(clippy::disallowed_methods, reason = "what the product promises is measured")]
    let killed = Instant::now();
    b.kill();
    let gone = ada.event("presence.changed", |_| true).await;
    let took = killed.elapsed();
    assert_eq!((&gone["offline"], &gone["onlineCount"]), (&json!([ben.user]), &json!(1)));
    assert!(took.as_secs() < 6, "{took:?}");
}

#[tokio::test]
async fn how_somebody_is_follows_from_all_of_their_devices_and_is_seen_on_other_instances() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("presence.subscribe", json!({})).await;
    let (mut phone, mut desk) =
        (Socket::open(&a.base, &ben.token).await, Socket::open(&b.base, &ben.token).await);
    ada.event("presence.changed", |event| event["online"][0]["status"] == "online").await;
    phone.ask("presence.set", json!({ "status": "away" })).await;
    desk.ask("presence.set", json!({ "status": "away" })).await;
    let changed = ada.event("presence.changed", |_| true).await;
    let expected = json!([{ "userId": ben.user, "name": "Ben", "status": "away" }]);
    assert_eq!((&changed["online"], &changed["onlineCount"]), (&expected, &json!(2)));
    desk.ask("presence.set", json!({ "status": "busy" })).await;
    ada.event("presence.changed", |event| event["online"][0]["status"] == "busy").await;
    let mut late = Socket::open(&b.base, &account.admin.token).await;
    let online = late.ask("presence.subscribe", json!({})).await;
    let seen =
        online["users"].as_array().expect("users").iter().find(|user| user["userId"] == json!(ben.user));
    assert_eq!(seen.expect("Ben")["status"], "busy");
    // With the instance goes what was said on it.
    b.kill();
    ada.event("presence.changed", |event| event["online"][0]["status"] == "away").await;
    let room = account.room("Lobby").await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    ada.ask("call.ring", json!({ "roomId": room, "userId": ben.user, "media": "audio" })).await;
    let calls = phone.event("call.incoming", |_| true).await["callId"].clone();
    ada.event("presence.changed", |event| event["online"][0]["status"] == "inCall").await;
    phone.ask("call.accept", json!({ "callId": calls })).await;
    let is_ben = |event: &serde_json::Value| {
        event["online"]
            .as_array()
            .expect("users")
            .iter()
            .any(|user| user["name"] == "Ben" && user["status"] == "inCall")
    };
    ada.event("presence.changed", is_ben).await;
    phone.ask("call.hangUp", json!({ "callId": calls })).await;
    let is_away = |event: &serde_json::Value| {
        event["online"]
            .as_array()
            .expect("users")
            .iter()
            .any(|user| user["name"] == "Ben" && user["status"] == "away")
    };
    ada.event("presence.changed", is_away).await;
}
