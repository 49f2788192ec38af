//! Who rings whom when two things happen at once.

use serde_json::json;
use switchboard_tests::{
    installation::{Installation, PASSWORD},
    rest::Rest,
    socket::Socket,
};

/// Two who call each other at the same moment: on one instance and on two.
#[tokio::test]
async fn of_two_who_call_each_other_at_once_one_call_is_made_and_it_can_be_taken() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = Rest::sign_in(&a.base, &account.user("Ben").await, PASSWORD).await;
    let ada = &account.admin;
    let room = account.room("Lobby").await;
    for (attempt, base) in [&a.base, &b.base].into_iter().cycle().take(12).enumerate() {
        let mut one = Socket::open(&a.base, &ada.token).await;
        let mut other = Socket::open(base, &ben.token).await;
        for socket in [&mut one, &mut other] {
            socket.ask("room.join", json!({ "roomId": room })).await;
        }
        let (first, second) = tokio::join!(
            one.try_ask("call.ring", json!({ "roomId": room, "userId": ben.user, "media": "audio" })),
            other.try_ask("call.ring", json!({ "roomId": room, "userId": ada.user, "media": "audio" })),
        );
        let (mut caller, mut callee, ringing, refused) = match (first, second) {
            (Ok(ringing), Err(refused)) => (one, other, ringing, refused),
            (Err(refused), Ok(ringing)) => (other, one, ringing, refused),
            both => panic!("attempt {attempt}: {both:?}"),
        };
        assert_eq!(refused["data"]["code"], "call.busy", "attempt {attempt}");
        let call = &ringing["callId"];
        assert_eq!(callee.event("call.incoming", |_| true).await["callId"], *call);
        callee.ask("call.accept", json!({ "callId": call })).await;
        caller.event("call.answered", |event| event["callId"] == *call).await;
        caller.ask("call.hangUp", json!({ "callId": call })).await;
        callee.event("call.ended", |event| event["callId"] == *call).await;
    }
}

/// A phone that is switched on because its owner is called.
#[tokio::test]
async fn a_device_that_connects_while_its_user_is_called_rings_wherever_it_connects() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = Rest::sign_in(&a.base, &account.user("Ben").await, PASSWORD).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let mut desk = Socket::open(&a.base, &ben.token).await;
    let ring = json!({ "roomId": room, "userId": ben.user, "media": "audio" });
    let ringing = ada.ask("call.ring", ring).await;
    let (call, whole) = (&ringing["callId"], ringing["ringTimeMs"].as_u64().expect("a time"));
    desk.event("call.incoming", |event| event["callId"] == *call).await;
    for base in [&a.base, &b.base] {
        let mut phone = Socket::open(base, &ben.token).await;
        let incoming = phone.event("call.incoming", |event| event["callId"] == *call).await;
        let left = incoming["ringTimeMs"].as_u64().expect("a time");
        assert!(left > 0 && left < whole, "{left} of {whole} ms");
    }
    let mut phone = Socket::open(&b.base, &ben.token).await;
    phone.event("call.incoming", |event| event["callId"] == *call).await;
    phone.ask("call.accept", json!({ "callId": call })).await;
    ada.event("call.answered", |event| event["by"] == phone.connection_id()).await;
    assert_eq!(desk.event("call.ended", |_| true).await["reason"], "answeredElsewhere");
    let mut late = Socket::open(&a.base, &ben.token).await;
    phone.ask("call.hangUp", json!({ "callId": call })).await;
    ada.event("call.ended", |_| true).await;
    assert!(!late.has_seen("call.incoming").await, "it was answered");
}
