//! What is committed is told, also if whoever asked for it is gone by then.

use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use switchboard_tests::{
    installation::{Installation, PASSWORD},
    raw::{self, Raw},
    rest::Rest,
    socket::Socket,
};

/// Passes for the wrong reason if nothing was stored, or if a later message healed an earlier one: nothing is
/// said after the last, and what is stored is counted.
#[tokio::test]
async fn a_message_whose_sender_closes_the_tab_is_told_to_those_who_watch() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    for is_polite in [true, false] {
        let mut stored_in_all = 0;
        for attempt in 0..50_u64 {
            // A room each: the next message would heal the gap.
            let room = account.room("Lobby").await;
            let mut ben = Socket::open(&server.base, &account.admin.token).await;
            ben.ask("room.join", json!({ "roomId": room })).await;
            let mut ada = Raw::open(&server.base, &account.admin.token).await;
            ada.ask("room.join", json!({ "roomId": room })).await;
            let said = json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "goodbye" });
            let send = raw::request(2, "room.send", said);
            ada.send(raw::TEXT, send.as_bytes()).await.expect("it is sent");
            tokio::time::sleep(Duration::from_micros(attempt * 100)).await;
            if is_polite {
                ada.send(raw::CLOSE, b"").await.expect("it is sent");
                ada.closed_within(Duration::from_secs(5)).await;
            } else {
                ada.vanish();
            }
            let left = ben.event("room.memberLeft", |_| true).await;
            assert_eq!(left["roomId"], room);
            let history = ben.ask("room.history", json!({ "roomId": room })).await;
            let stored = history["messages"].as_array().map_or(0, Vec::len);
            let told = usize::from(ben.has_read("room.message"));
            assert_eq!(told, stored, "attempt {attempt}, polite: {is_polite}");
            stored_in_all += stored;
        }
        assert!(stored_in_all > 25, "{stored_in_all} of 50 were stored, polite: {is_polite}");
        eprintln!("polite: {is_polite}, stored and told: {stored_in_all} of 50");
    }
}

/// The devices stop ringing, nothing stays open, and both can be called again, once the time is over in which the
/// caller could have come back.
#[tokio::test]
async fn who_rings_and_vanishes_leaves_nothing_behind() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    // Before anybody connects: hashing passwords takes so long that who is not listened to meanwhile is taken for dead.
    let mut people = Vec::new();
    for attempt in 0..24 {
        let mut pair = Vec::new();
        for name in ["Caller", "Ben"] {
            let email = account.user(&format!("{name}{attempt}")).await;
            pair.push(Rest::sign_in(&server.base, &email, PASSWORD).await);
        }
        let (Some(ben), Some(caller)) = (pair.pop(), pair.pop()) else { panic!("two people") };
        people.push((caller, ben));
    }
    let mut watcher = Socket::open(&server.base, &account.admin.token).await;
    watcher.ask("room.join", json!({ "roomId": room })).await;
    let mut callees = Vec::new();
    for (attempt, (caller, ben)) in (0_u64..).zip(people) {
        let callee = Socket::open(&server.base, &ben.token).await;
        let mut socket = Raw::open(&server.base, &caller.token).await;
        socket.ask("room.join", json!({ "roomId": room })).await;
        let ring = json!({ "roomId": room, "userId": ben.user, "media": "audio" });
        let ring = raw::request(2, "call.ring", ring);
        socket.send(raw::TEXT, ring.as_bytes()).await.expect("it is sent");
        tokio::time::sleep(Duration::from_micros(attempt * 500)).await;
        socket.vanish();
        // It has left when its calls have been told.
        watcher.event("room.memberLeft", |_| true).await;
        callees.push((callee, ben.user));
    }
    let open = || async {
        let calls = account.admin.get("/v1/calls").await;
        let calls = calls["items"].as_array().cloned().expect("a list");
        calls.into_iter().filter(|call| call["endedAt"].is_null()).collect::<Vec<Value>>()
    };
    let mut still = open().await;
    for _ in 0..100 {
        if still.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        still = open().await;
    }
    assert!(still.is_empty(), "{still:?}");
    // What rang has stopped ringing.
    let mut rung = 0;
    for (callee, user) in &mut callees {
        let mut ringing = BTreeSet::new();
        callee.try_ask("no.such.method", Value::Null).await.expect_err("what was sent before is read");
        while callee.has_read("call.incoming") {
            let incoming = callee.event("call.incoming", |_| true).await;
            ringing.insert(incoming["callId"].as_str().expect("an id").to_owned());
            rung += 1;
        }
        for call in &ringing {
            callee.event("call.ended", |ended| ended["callId"] == call.as_str()).await;
        }
        let ring = json!({ "roomId": room, "userId": user, "media": "audio" });
        let again = watcher.ask("call.ring", ring).await["callId"].clone();
        watcher.ask("call.cancel", json!({ "callId": again })).await;
    }
    assert!(rung > 5, "{rung} of 24 rang");
}
