//! Calls that go on when the instance that runs them stops, dies or stands still.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use switchboard_tests::{
    PATIENCE, eventually,
    installation::{Account, Installation, PASSWORD},
    kernel,
    rest::Rest,
    server::Server,
    socket::Socket,
};

/// Five seconds are promised, and three more are for a machine that runs other tests meanwhile.
const TAKEOVER: Duration = Duration::from_secs(8);

/// Longer than a device may be away, with what it takes to notice that.
const LOST_PATIENCE: Duration = Duration::from_secs(60);

struct People {
    account: Account,
    ben: Rest,
    room: String,
}

async fn people(installation: &Installation, server: &Server) -> People {
    let account = installation.account("acme", server).await;
    let ben = Rest::sign_in(&server.base, &account.user("Ben").await, PASSWORD).await;
    let room = account.room("Lobby").await;
    People { account, ben, room }
}

impl People {
    /// Ada calls from an instance, which runs the call; Ben's phone rings at another.
    async fn ring(&self, runner: &Server, other: &Server) -> (Socket, Socket, Value) {
        let mut ada = Socket::open(&runner.base, &self.account.admin.token).await;
        ada.ask("room.join", json!({ "roomId": self.room })).await;
        let mut phone = Socket::open(&other.base, &self.ben.token).await;
        let ring = json!({ "roomId": self.room, "userId": self.ben.user, "media": "audio" });
        let call = ada.ask("call.ring", ring).await["callId"].clone();
        phone.event("call.incoming", |event| event["callId"] == call).await;
        (ada, phone, call)
    }

    async fn talk(&self, runner: &Server, other: &Server) -> (Socket, Socket, Value) {
        let (mut ada, mut phone, call) = self.ring(runner, other).await;
        phone.ask("call.accept", json!({ "callId": call })).await;
        ada.event("call.answered", |event| event["callId"] == call).await;
        (ada, phone, call)
    }

    /// What is recorded of a call, as that instance serves it.
    async fn record(&self, server: &Server, call: &Value) -> Value {
        record(&Rest::sign_in(&server.base, &self.account.email, PASSWORD).await, call).await
    }
}

async fn record(rest: &Rest, call: &Value) -> Value {
    rest.get(&format!("/v1/calls/{}", call.as_str().expect("an id"))).await
}

/// Asked again, as clients do, where the server says that it cannot tell for now.
async fn resume(socket: &mut Socket, call: &Value, from: &str) -> Value {
    loop {
        match socket.try_ask("call.resume", json!({ "callId": call, "connectionId": from })).await {
            Ok(stands) => return stands,
            Err(error) => assert_eq!(error["data"]["code"], "unavailable", "{error}"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what the product promises is measured")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_call_goes_on_under_another_instance_when_the_one_that_runs_it_is_killed() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (ada, mut phone, call) = people.talk(&b, &a).await;
    let before = ada.connection_id();
    b.kill();
    let killed = now();
    // The side that was connected to it comes back elsewhere, and the other notices nothing but that.
    let mut ada = Socket::open(&a.base, &people.account.admin.token).await;
    let stands = resume(&mut ada, &call, &before).await;
    let took = killed.elapsed();
    assert!(took < TAKEOVER, "{took:?}");
    eprintln!("taken over within {took:?}");
    assert_eq!(stands["connectionId"], phone.connection_id());
    assert_eq!(phone.event("call.resumed", |_| true).await["previousConnectionId"], before);
    assert!(people.record(&a, &call).await["endedAt"].is_null());
    phone.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(ada.event("call.ended", |_| true).await["reason"], "hungUp");
    assert_eq!(people.record(&a, &call).await["outcome"], "hungUp");
    // Neither is busy any more, once what the dead instance held has expired.
    let ring = json!({ "roomId": people.room, "userId": people.ben.user, "media": "audio" });
    ada.ask("room.join", json!({ "roomId": people.room })).await;
    let patience = Duration::from_secs(20).saturating_sub(killed.elapsed());
    let is_free = async || ada.try_ask("call.ring", ring.clone()).await.is_ok();
    eventually("they are not busy for ever", patience, is_free).await;
}

#[tokio::test]
async fn a_call_that_rings_rings_on_when_its_instance_is_killed_and_can_be_taken() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (ada, mut phone, call) = people.ring(&b, &a).await;
    let before = ada.connection_id();
    b.kill();
    let killed = now();
    // Picked up before anybody runs the call: it waits.
    phone.ask("call.accept", json!({ "callId": call })).await;
    let took = killed.elapsed();
    assert!(took < TAKEOVER, "{took:?}");
    let mut ada = Socket::open(&a.base, &people.account.admin.token).await;
    let stands = resume(&mut ada, &call, &before).await;
    assert_eq!(stands["connectionId"], phone.connection_id(), "{stands}");
    ada.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(phone.event("call.ended", |_| true).await["reason"], "hungUp");
    let record = people.record(&a, &call).await;
    assert!(record["answeredAt"].is_string() && record["outcome"] == "hungUp", "{record}");
}

/// Its only device was connected to the instance that was killed.
#[tokio::test]
async fn a_phone_whose_instance_was_killed_rings_on_at_another() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (ada, phone, call) = people.ring(&b, &b).await;
    let before = ada.connection_id();
    drop(phone);
    b.kill();
    let mut ada = Socket::open(&a.base, &people.account.admin.token).await;
    let mut phone = Socket::open(&a.base, &people.ben.token).await;
    resume(&mut ada, &call, &before).await;
    let incoming = phone.event("call.incoming", |event| event["callId"] == call).await;
    assert!(incoming["ringTimeMs"].as_u64().expect("a time") < 45_000, "for the rest of the time");
    phone.ask("call.accept", json!({ "callId": call })).await;
    assert_eq!(ada.event("call.answered", |_| true).await["by"], phone.connection_id());
}

#[tokio::test]
async fn whoever_talks_to_somebody_who_does_not_come_back_from_a_killed_instance_is_told_once() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (_ada, mut phone, call) = people.talk(&b, &a).await;
    let mut desk = Socket::open(&a.base, &people.ben.token).await;
    b.kill();
    let killed = now();
    let reason = tokio::select! {
        ended = phone.event_within(LOST_PATIENCE, "call.ended", |_| true) => ended["reason"].clone(),
        never = desk.idle() => match never {},
    };
    assert_eq!(reason, "lost");
    assert!(killed.elapsed() > Duration::from_secs(29), "it was waited for");
    assert!(!phone.has_seen("call.ended").await && !desk.has_seen("call.ended").await, "told once");
    assert_eq!(people.record(&a, &call).await["outcome"], "lost");
}

#[tokio::test]
async fn an_instance_that_stops_in_order_hands_its_calls_over() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (ada, mut phone, call) = people.talk(&b, &a).await;
    let before = ada.connection_id();
    b.terminate();
    let told = now();
    let mut ada = Socket::open(&a.base, &people.account.admin.token).await;
    resume(&mut ada, &call, &before).await;
    let took = told.elapsed();
    assert!(took < TAKEOVER, "{took:?}");
    eprintln!("handed over within {took:?}");
    b.ended();
    ada.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(phone.event("call.ended", |_| true).await["reason"], "hungUp");
    assert_eq!(people.record(&a, &call).await["outcome"], "hungUp");
}

#[tokio::test]
async fn the_only_instance_takes_its_calls_up_when_it_is_started_again() {
    let installation = Installation::new().await;
    let server = installation.server();
    let people = people(&installation, &server).await;
    let (ada, phone, call) = people.talk(&server, &server).await;
    let (ada_before, phone_before) = (ada.connection_id(), phone.connection_id());
    let address = server.address();
    server.kill();
    let server = installation.server_on(&address);
    let mut ada = Socket::open(&server.base, &people.account.admin.token).await;
    let mut phone = Socket::open(&server.base, &people.ben.token).await;
    resume(&mut ada, &call, &ada_before).await;
    let stands = resume(&mut phone, &call, &phone_before).await;
    assert_eq!(stands["connectionId"], ada.connection_id());
    phone.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(ada.event("call.ended", |_| true).await["reason"], "hungUp");
    assert_eq!(people.record(&server, &call).await["outcome"], "hungUp");
}

#[tokio::test]
async fn no_record_stays_open_of_calls_that_nobody_comes_back_to() {
    let installation = Installation::new().await;
    let server = installation.server();
    let people = people(&installation, &server).await;
    let (_ada, _phone, talking) = people.talk(&server, &server).await;
    let address = server.address();
    server.kill();
    let server = installation.server_on(&address);
    let admin = Rest::sign_in(&server.base, &people.account.email, PASSWORD).await;
    let is_ended = async || !record(&admin, &talking).await["endedAt"].is_null();
    eventually("it does not stay open", LOST_PATIENCE, is_ended).await;
    assert_eq!(record(&admin, &talking).await["outcome"], "lost");
}

/// What it has been asked, and has not heard, it hears when it goes on: by then the call is another's.
#[tokio::test]
async fn an_instance_that_stood_still_does_not_act_on_calls_that_are_anothers_by_then() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let people = people(&installation, &a).await;
    let (mut ada, mut phone, call) = people.talk(&b, &a).await;
    let signal = |signal: &str| {
        let kill = std::process::Command::new("kill").args([signal, &b.id().to_string()]).status();
        assert!(kill.expect("there is kill").success());
    };
    signal("-STOP");
    // The signal comes to one of its threads, and on a busy machine others go on until that one has run.
    eventually("it stands still", PATIENCE, async || kernel::stands_still(&b)).await;
    let stopped = now();
    // Said to the instance that stands still, as the last that it has from this device.
    let hang_up =
        json!({ "jsonrpc": "2.0", "id": 99, "method": "call.hangUp", "params": { "callId": call } });
    ada.send_text(&hang_up.to_string()).await;
    // She goes on by another device, which is hers too.
    let before = ada.connection_id();
    let mut elsewhere = Socket::open(&a.base, &people.account.admin.token).await;
    resume(&mut elsewhere, &call, &before).await;
    phone.event("call.resumed", |_| true).await;
    // Longer than a lease.
    tokio::time::sleep(Duration::from_secs(11).saturating_sub(stopped.elapsed())).await;
    signal("-CONT");
    let refused = loop {
        let message = ada.receive().await;
        if message["id"] == 99 {
            break message["error"]["data"]["code"].clone();
        }
    };
    assert!(refused == "call.over" || refused == "call.notInvited", "{refused}");
    assert!(people.record(&a, &call).await["endedAt"].is_null(), "the call goes on");
    assert!(!phone.has_seen("call.ended").await && !elsewhere.has_seen("call.ended").await);
    elsewhere.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(phone.event("call.ended", |_| true).await["reason"], "hungUp");
    assert_eq!(people.record(&a, &call).await["outcome"], "hungUp");
}
