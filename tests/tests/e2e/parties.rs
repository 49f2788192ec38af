//! Calls of more than two: people are rung into them, take them over, and leave them, on whatever instance.

use serde_json::{Value, json};
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

pub(crate) struct Call {
    pub(crate) account: Account,
    pub(crate) ben: Rest,
    pub(crate) carl: Rest,
    pub(crate) room: String,
    pub(crate) id: Value,
    pub(crate) ada_socket: Socket,
    pub(crate) ben_socket: Socket,
    pub(crate) carl_socket: Socket,
}

/// Ada, at `a`, talks with Ben, and Carl is connected; both at `b`.
pub(crate) async fn talking(installation: &Installation, a: &Server, b: &Server) -> Call {
    let account = installation.account("acme", a).await;
    let ben = Rest::sign_in(&b.base, &account.user("Ben").await, PASSWORD).await;
    let carl = Rest::sign_in(&b.base, &account.user("Carl").await, PASSWORD).await;
    let room = account.room("Lobby").await;
    let mut ada_socket = Socket::open(&a.base, &account.admin.token).await;
    ada_socket.ask("room.join", json!({ "roomId": room })).await;
    let mut ben_socket = Socket::open(&b.base, &ben.token).await;
    let carl_socket = Socket::open(&b.base, &carl.token).await;
    let ring = json!({ "roomId": room, "userId": ben.user, "media": "audio" });
    let id = ada_socket.ask("call.ring", ring).await["callId"].clone();
    ben_socket.event("call.incoming", |event| event["callId"] == id).await;
    ben_socket.ask("call.accept", json!({ "callId": id })).await;
    ada_socket.event("call.answered", |_| true).await;
    Call { account, ben, carl, room, id, ada_socket, ben_socket, carl_socket }
}

/// Until the device has heard that this user is so far.
pub(crate) async fn hears(socket: &mut Socket, user: &str, state: &str) -> Value {
    let is_so = |event: &Value| {
        let parties = event["parties"].as_array().expect("a list");
        parties.iter().any(|party| party["userId"] == user && party["state"] == state)
    };
    socket.event("call.changed", is_so).await
}

pub(crate) fn party<'a>(of: &'a Value, list: &str, user: &str) -> &'a Value {
    let all = of[list].as_array().expect("a list");
    all.iter().find(|one| one["userId"] == user).unwrap_or_else(|| panic!("{user} is not in {of}"))
}

pub(crate) async fn record(account: &Account, call: &Value) -> Value {
    account.admin.get(&format!("/v1/calls/{}", call.as_str().expect("an id"))).await
}

pub(crate) async fn meet(socket: &mut Socket, room: &str) -> Value {
    socket.ask("room.join", json!({ "roomId": room })).await;
    socket.ask("media.join", json!({ "roomId": room })).await["state"]["route"].clone()
}

#[tokio::test]
async fn a_third_is_rung_into_a_call_which_goes_on_through_the_server_until_two_have_left() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let mut call = talking(&installation, &a, &b).await;
    let (id, room, carl) = (call.id.clone(), call.room.clone(), call.carl.user.clone());
    for socket in [&mut call.ada_socket, &mut call.ben_socket] {
        assert_eq!(meet(socket, &room).await, "peerToPeer");
    }
    // The one who was called rings, from the other instance.
    let invite = json!({ "callId": id, "userId": carl });
    let invited = call.ben_socket.ask("call.invite", invite.clone()).await;
    assert_eq!((&invited["callId"], &invited["ringTimeMs"]), (&id, &json!(45_000)));
    call.ben_socket.ask("call.invite", invite).await;
    let incoming = call.carl_socket.event("call.incoming", |event| event["callId"] == id).await;
    assert_eq!((&incoming["from"], &incoming["name"]), (&json!(call.ben.user), &json!("Ben")));
    let changed = hears(&mut call.ada_socket, &carl, "ringing").await;
    let ben = party(&changed, "parties", &call.ben.user);
    assert_eq!(
        (&ben["name"], &ben["connectionId"]),
        (&json!("Ben"), &json!(call.ben_socket.connection_id()))
    );
    let accepted = call.carl_socket.ask("call.accept", json!({ "callId": id })).await;
    assert_eq!(accepted["roomId"], room);
    for socket in [&mut call.ada_socket, &mut call.ben_socket, &mut call.carl_socket] {
        let changed = hears(socket, &carl, "joined").await;
        assert_eq!(party(&changed, "parties", &carl)["invitedBy"], call.ben.user);
    }
    assert_eq!(meet(&mut call.carl_socket, &room).await, "server");
    call.ada_socket.event("media.changed", |event| event["state"]["route"] == "server").await;

    // Who called leaves; the two others go on, and end it.
    call.ada_socket.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(call.ada_socket.event("call.ended", |_| true).await["reason"], "hungUp");
    hears(&mut call.ben_socket, &call.account.admin.user, "left").await;
    assert_eq!(record(&call.account, &id).await["endedAt"], Value::Null);
    call.carl_socket.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(call.ben_socket.event("call.ended", |_| true).await["reason"], "hungUp");
    let record = record(&call.account, &id).await;
    assert_eq!(record["outcome"], "hungUp");
    assert_eq!(record["participants"].as_array().map(Vec::len), Some(3), "{record}");
    for user in [&call.account.admin.user, &call.ben.user, &carl] {
        let part = party(&record, "participants", user);
        assert_eq!(part["outcome"], "hungUp", "{part}");
        assert!(part["joinedAt"].is_string() && part["leftAt"].is_string(), "{part}");
    }
}

#[tokio::test]
async fn who_is_rung_into_a_call_has_an_outcome_of_their_own_and_strangers_ring_nobody() {
    let installation = Installation::new().await;
    let server = installation.server();
    let mut call = talking(&installation, &server, &server).await;
    let (id, carl) = (call.id.clone(), call.carl.user.clone());
    let dora = Rest::sign_in(&server.base, &call.account.user("Dora").await, PASSWORD).await;
    let code = |refused: Result<Value, Value>| refused.unwrap_err()["data"]["code"].clone();
    let invite = |user: &str| json!({ "callId": id, "userId": user });
    assert_eq!(code(call.ada_socket.try_ask("call.invite", invite(&dora.user)).await), "call.unreachable");
    assert_eq!(code(call.ada_socket.try_ask("call.invite", invite(&call.ben.user)).await), "call.wrongState");
    assert_eq!(code(call.carl_socket.try_ask("call.invite", invite(&dora.user)).await), "call.over");

    call.ada_socket.ask("call.invite", invite(&carl)).await;
    call.carl_socket.event("call.incoming", |_| true).await;
    let early = call.carl_socket.try_ask("call.invite", invite(&dora.user)).await;
    assert_eq!(code(early), "call.notInvited", "who is rung is not in it yet");
    call.carl_socket.ask("call.reject", json!({ "callId": id })).await;
    let changed = hears(&mut call.ben_socket, &carl, "left").await;
    assert_eq!(party(&changed, "parties", &carl)["reason"], "rejected");
    assert_eq!(party(&record(&call.account, &id).await, "participants", &carl)["outcome"], "rejected");

    // He is rung once more, and is busy for others while he is in it, and no longer than that.
    call.ben_socket.ask("call.invite", invite(&carl)).await;
    call.carl_socket.event("call.incoming", |event| event["from"] == call.ben.user).await;
    call.carl_socket.ask("call.accept", json!({ "callId": id })).await;
    let mut dora_socket = Socket::open(&server.base, &dora.token).await;
    dora_socket.ask("room.join", json!({ "roomId": call.room })).await;
    let ring = json!({ "roomId": call.room, "userId": carl, "media": "audio" });
    assert_eq!(code(dora_socket.try_ask("call.ring", ring.clone()).await), "call.busy");
    call.carl_socket.ask("call.hangUp", json!({ "callId": id })).await;
    let other = dora_socket.ask("call.ring", ring).await["callId"].clone();
    call.carl_socket.event("call.incoming", |event| event["callId"] == other).await;
    assert_eq!(code(call.ada_socket.try_ask("call.invite", invite(&carl)).await), "call.busy");
    let changed = call.ben_socket.event("call.changed", |event| {
        event["parties"].as_array().is_some_and(|all| all.iter().any(|one| one["reason"] == "busy"))
    });
    assert_eq!(party(&changed.await, "parties", &carl)["state"], "left");
}

#[tokio::test]
async fn a_call_is_handed_over_to_somebody_who_takes_it() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let mut call = talking(&installation, &a, &b).await;
    let (id, carl) = (call.id.clone(), call.carl.user.clone());
    call.ada_socket.ask("call.transfer", json!({ "callId": id, "userId": carl })).await;
    call.carl_socket.event("call.incoming", |event| event["callId"] == id).await;
    call.carl_socket.ask("call.accept", json!({ "callId": id })).await;
    assert_eq!(call.ada_socket.event("call.ended", |_| true).await["reason"], "transferred");
    hears(&mut call.ben_socket, &call.account.admin.user, "left").await;
    let refused = call.ada_socket.try_ask("call.hangUp", json!({ "callId": id })).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "call.over");
    call.ben_socket.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(call.carl_socket.event("call.ended", |_| true).await["reason"], "hungUp");
    let record = record(&call.account, &id).await;
    assert_eq!(party(&record, "participants", &call.account.admin.user)["outcome"], "transferred");
}

#[tokio::test]
async fn all_of_them_go_on_under_another_instance_when_the_one_that_runs_the_call_is_killed() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    // Ada's instance runs it, and dies.
    let mut call = talking(&installation, &b, &a).await;
    let (id, carl) = (call.id.clone(), call.carl.user.clone());
    call.ada_socket.ask("call.invite", json!({ "callId": id, "userId": carl })).await;
    call.carl_socket.event("call.incoming", |event| event["callId"] == id).await;
    call.carl_socket.ask("call.accept", json!({ "callId": id })).await;
    hears(&mut call.ben_socket, &carl, "joined").await;
    let before = call.ada_socket.connection_id();
    b.kill();
    let mut ada = Socket::open(&a.base, &call.account.admin.token).await;
    let stands = ada.ask("call.resume", json!({ "callId": id, "connectionId": before })).await;
    for user in [&call.account.admin.user, &call.ben.user, &carl] {
        assert_eq!(party(&stands, "parties", user)["state"], "joined", "{stands}");
    }
    let mine = party(&stands, "parties", &call.account.admin.user);
    assert_eq!(mine["connectionId"], ada.connection_id());
    for socket in [&mut call.ben_socket, &mut call.carl_socket] {
        assert_eq!(socket.event("call.resumed", |_| true).await["connectionId"], ada.connection_id());
    }
    call.ben_socket.ask("call.hangUp", json!({ "callId": id })).await;
    hears(&mut ada, &call.ben.user, "left").await;
    ada.ask("call.hangUp", json!({ "callId": id })).await;
    assert_eq!(call.carl_socket.event("call.ended", |_| true).await["reason"], "hungUp");
}
