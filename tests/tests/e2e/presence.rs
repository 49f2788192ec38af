//! Who is online, as somebody on another instance sees it.

use serde_json::json;
use std::time::Instant;
use switchboard_tests::{
    PATIENCE,
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
    assert_eq!(came["online"][0], json!({ "userId": ben.user, "name": "Ben" }));
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

/// Who called cannot hang up any more, and neither can who was called.
#[tokio::test]
async fn whoever_talks_to_somebody_whose_instance_was_killed_is_told_that_it_is_over() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let ben = person(&account, &a, "Ben").await;
    let mut ada = Socket::open(&b.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let (mut phone, mut desk) =
        (Socket::open(&a.base, &ben.token).await, Socket::open(&a.base, &ben.token).await);
    let ring = json!({ "roomId": room, "userId": ben.user, "media": "audio" });
    let call = ada.ask("call.ring", ring).await["callId"].clone();
    for device in [&mut phone, &mut desk] {
        device.event("call.incoming", |event| event["callId"] == call).await;
    }
    phone.ask("call.accept", json!({ "callId": call })).await;
    assert_eq!(desk.event("call.ended", |_| true).await["reason"], "answeredElsewhere");
    b.kill();
    // The call goes on for a while without its instance, and those who wait answer pings.
    let reason = tokio::select! {
        ended = phone.event_within(2 * PATIENCE, "call.ended", |_| true) => ended["reason"].clone(),
        never = desk.idle() => match never {},
    };
    assert_eq!(reason, "lost");
    assert!(!desk.has_seen("call.ended").await, "told once");
}
