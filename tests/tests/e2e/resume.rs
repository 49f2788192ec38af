//! People who come back into their calls by another connection.

use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

/// Longer than a device may be away, with what it takes to notice that.
const LOST_PATIENCE: Duration = Duration::from_secs(60);

struct Call {
    account: Account,
    ben: Rest,
    ada_socket: Socket,
    ben_socket: Socket,
    room: String,
    id: Value,
}

/// Ada calls Ben, each from an instance.
async fn ringing(installation: &Installation, a: &Server, b: &Server) -> Call {
    let account = installation.account("acme", a).await;
    let ben = Rest::sign_in(&a.base, &account.user("Ben").await, PASSWORD).await;
    let room = account.room("Lobby").await;
    let mut ada_socket = Socket::open(&a.base, &account.admin.token).await;
    ada_socket.ask("room.join", json!({ "roomId": room })).await;
    let mut ben_socket = Socket::open(&b.base, &ben.token).await;
    let ring = json!({ "roomId": room, "userId": ben.user, "media": "audio" });
    let id = ada_socket.ask("call.ring", ring).await["callId"].clone();
    ben_socket.event("call.incoming", |event| event["callId"] == id).await;
    Call { account, ben, ada_socket, ben_socket, room, id }
}

async fn resume(socket: &mut Socket, call: &Value, from: &str) -> Value {
    socket.ask("call.resume", json!({ "callId": call, "connectionId": from })).await
}

#[tokio::test]
async fn either_side_comes_back_into_an_answered_call_on_whatever_instance_and_hangs_up_there() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    for (ada_at, ben_at) in [(&a, &b), (&b, &a), (&a, &a)] {
        let Call { account, ben, mut ada_socket, mut ben_socket, room, id } =
            ringing(&installation, &a, &b).await;
        ben_socket.ask("call.accept", json!({ "callId": id })).await;
        ada_socket.event("call.answered", |_| true).await;
        let (ada_before, ben_before) = (ada_socket.connection_id(), ben_socket.connection_id());

        drop(ada_socket);
        let mut ada = Socket::open(&ada_at.base, &account.admin.token).await;
        let stands = resume(&mut ada, &id, &ada_before).await;
        assert_eq!((&stands["roomId"], &stands["with"]), (&json!(room), &json!(ben.user)));
        assert_eq!((&stands["name"], &stands["isCaller"]), (&json!("Ben"), &json!(true)));
        assert_eq!(stands["connectionId"], ben_before);
        assert!(stands["answeredAt"].is_string() && stands["ringTimeMs"].is_null(), "{stands}");
        let moved = ben_socket.event("call.resumed", |_| true).await;
        let expected = json!({
            "callId": id, "connectionId": ada.connection_id(), "previousConnectionId": ada_before,
        });
        assert_eq!(moved, expected);

        // Not closed before, as a phone that changes networks: the old one is out of the call.
        let mut ben_new = Socket::open(&ben_at.base, &ben.token).await;
        let stands = resume(&mut ben_new, &id, &ben_before).await;
        assert_eq!(stands["connectionId"], ada.connection_id(), "{stands}");
        assert_eq!(ben_socket.event("call.ended", |_| true).await["reason"], "answeredElsewhere");
        assert_eq!(ada.event("call.resumed", |_| true).await["connectionId"], ben_new.connection_id());
        let old = ben_socket.try_ask("call.hangUp", json!({ "callId": id })).await.unwrap_err();
        assert_eq!(old["data"]["code"], "call.over");
        ben_new.ask("call.hangUp", json!({ "callId": id })).await;
        assert_eq!(ada.event("call.ended", |_| true).await["reason"], "hungUp");
        assert_eq!(record(&account, &id).await["outcome"], "hungUp");
    }
}

async fn record(account: &Account, call: &Value) -> Value {
    account.admin.get(&format!("/v1/calls/{}", call.as_str().expect("an id"))).await
}

#[tokio::test]
async fn a_ringing_call_goes_on_for_whoever_comes_back() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let Call { account, ben, ada_socket, ben_socket, id, .. } = ringing(&installation, &a, &b).await;
    let (ada_before, ben_before) = (ada_socket.connection_id(), ben_socket.connection_id());
    drop((ada_socket, ben_socket));
    let mut ada = Socket::open(&b.base, &account.admin.token).await;
    let stands = resume(&mut ada, &id, &ada_before).await;
    let left = stands["ringTimeMs"].as_u64().expect("it rings");
    assert!(left > 30_000 && left < 45_000 && stands["answeredAt"].is_null(), "{stands}");
    let mut ben = Socket::open(&a.base, &ben.token).await;
    let stands = resume(&mut ben, &id, &ben_before).await;
    assert_eq!((&stands["isCaller"], &stands["connectionId"]), (&json!(false), &json!(ada.connection_id())));
    ben.ask("call.accept", json!({ "callId": id })).await;
    assert_eq!(ada.event("call.answered", |_| true).await["by"], ben.connection_id());
    ada.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(ben.event("call.ended", |_| true).await["reason"], "hungUp");
}

#[tokio::test]
async fn a_stranger_and_another_device_of_the_same_person_take_nobodys_call() {
    let installation = Installation::new().await;
    let server = installation.server();
    let Call { account, ben, mut ada_socket, mut ben_socket, id, .. } =
        ringing(&installation, &server, &server).await;
    ben_socket.ask("call.accept", json!({ "callId": id })).await;
    ada_socket.event("call.answered", |_| true).await;
    let stranger = installation.account("other", &server).await;
    let carl = Rest::sign_in(&server.base, &account.user("Carl").await, PASSWORD).await;
    for token in [&stranger.admin.token, &carl.token] {
        let mut socket = Socket::open(&server.base, token).await;
        for from in [ada_socket.connection_id(), ben_socket.connection_id(), socket.connection_id()] {
            let params = json!({ "callId": id, "connectionId": from });
            let refused = socket.try_ask("call.resume", params).await.unwrap_err();
            assert_eq!(refused["data"]["code"], "call.over", "as if there were none");
        }
    }
    // Not by a guess: the connection that is in the call has to be named.
    let mut desk = Socket::open(&server.base, &ben.token).await;
    let params = json!({ "callId": id, "connectionId": desk.connection_id() });
    let refused = desk.try_ask("call.resume", params).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "call.alreadyTaken");
    assert!(!ada_socket.has_seen("call.resumed").await && !ada_socket.has_seen("call.ended").await);
    ben_socket.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(ada_socket.event("call.ended", |_| true).await["reason"], "hungUp");
}

#[tokio::test]
async fn who_does_not_come_back_in_time_is_lost_and_the_record_says_so() {
    let installation = Installation::new().await;
    let server = installation.server();
    let Call { account, mut ada_socket, mut ben_socket, id, .. } =
        ringing(&installation, &server, &server).await;
    ben_socket.ask("call.accept", json!({ "callId": id })).await;
    ada_socket.event("call.answered", |_| true).await;
    drop(ben_socket);
    let ended = ada_socket.event_within(LOST_PATIENCE, "call.ended", |_| true).await;
    assert_eq!(ended["reason"], "lost");
    let kept = record(&account, &id).await;
    assert_eq!(kept["outcome"], "lost");
    assert!(kept["endedAt"].is_string());
}

/// What goes peer to peer needs no seat taken anew: nobody is told that anybody left.
#[tokio::test]
async fn whoever_comes_back_into_a_call_takes_over_their_seat_in_its_media_session() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let Call { account, mut ada_socket, mut ben_socket, room, id, .. } = ringing(&installation, &a, &b).await;
    ben_socket.ask("call.accept", json!({ "callId": id })).await;
    ben_socket.ask("room.join", json!({ "roomId": room })).await;
    for socket in [&mut ada_socket, &mut ben_socket] {
        let joined = socket.ask("media.join", json!({ "roomId": room })).await;
        assert_eq!(joined["resumed"], false);
    }
    let (before, other) = (ada_socket.connection_id(), ben_socket.connection_id());
    drop(ada_socket);
    ben_socket.event("room.memberLeft", |event| event["connectionId"] == before).await;
    let mut ada = Socket::open(&b.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    resume(&mut ada, &id, &before).await;
    let join = json!({ "roomId": room, "previousConnectionId": before });
    let joined = ada.ask("media.join", join).await;
    assert_eq!((&joined["resumed"], &joined["state"]["route"]), (&json!(true), &json!("peerToPeer")));
    let who = |state: &Value| -> Vec<Value> {
        let all = state["participants"].as_array().expect("participants");
        all.iter().map(|one| one["connectionId"].clone()).collect()
    };
    assert_eq!(who(&joined["state"]), [json!(ada.connection_id()), json!(other)], "in the same place");
    let now = ada.connection_id();
    loop {
        let changed = ben_socket.event("media.changed", |_| true).await;
        let there = who(&changed["state"]);
        if there.contains(&json!(now)) {
            break;
        }
        assert!(there.contains(&json!(before)) || !there.contains(&json!(other)), "nobody left: {there:?}");
    }
}
