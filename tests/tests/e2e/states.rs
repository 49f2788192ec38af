//! What participants of a media session say of themselves: muted, a hand raised, speaking.

use serde_json::{Value, json};
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

/// Somebody in the room and its media session.
async fn enter(server: &Server, token: &str, room: &str, state: Value) -> (Socket, Value) {
    let mut socket = Socket::open(&server.base, token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    let joined = socket.ask("media.join", json!({ "roomId": room, "state": state })).await;
    (socket, joined["state"].clone())
}

async fn say(socket: &mut Socket, room: &str, state: Value) {
    socket.ask("media.update", json!({ "roomId": room, "state": state })).await;
}

fn of<'a>(state: &'a Value, connection: &str) -> &'a Value {
    let participants = state["participants"].as_array().expect("a list");
    let found = participants.iter().find(|one| one["connectionId"] == connection);
    &found.unwrap_or_else(|| panic!("{connection} is not in {state}"))["state"]
}

/// Until the socket has heard that this one says so, by whatever event.
async fn hears(socket: &mut Socket, connection: &str, member: &str) -> Value {
    let heard = socket
        .event("media.updated", |event| event["connectionId"] == connection && event["state"][member] == true)
        .await;
    heard["state"].clone()
}

#[tokio::test]
async fn what_somebody_says_of_themselves_is_seen_on_all_instances_on_both_routes_and_by_who_comes_later() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let token = &account.admin.token;
    let (mut ada, _) = enter(&a, token, &room, json!({})).await;
    let (mut ben, state) = enter(&b, token, &room, json!({ "muted": true })).await;
    assert_eq!(state["route"], "peerToPeer");
    let (ada_id, ben_id) = (ada.connection_id(), ben.connection_id());
    assert_eq!(of(&state, &ben_id)["muted"], true, "from the beginning");
    let seen = ada.event("media.changed", |event| event["state"]["participants"][1].is_object()).await;
    assert_eq!(of(&seen["state"], &ben_id)["muted"], true);

    say(&mut ben, &room, json!({ "handRaised": true })).await;
    let heard = hears(&mut ada, &ben_id, "handRaised").await;
    assert_eq!((&heard["muted"], &heard["speaking"]), (&json!(true), &json!(false)), "the rest as it was");
    say(&mut ada, &room, json!({ "speaking": true })).await;
    hears(&mut ben, &ada_id, "speaking").await;

    // The third takes all of them through the server, on which it goes on.
    let (mut carl, state) = enter(&a, token, &room, json!({})).await;
    assert_eq!(state["route"], "server");
    assert_eq!(
        (&of(&state, &ben_id)["handRaised"], &of(&state, &ada_id)["speaking"]),
        (&json!(true), &json!(true))
    );
    say(&mut ben, &room, json!({ "sharing": true, "muted": false })).await;
    for socket in [&mut ada, &mut carl, &mut ben] {
        let heard = hears(socket, &ben_id, "sharing").await;
        assert_eq!((&heard["muted"], &heard["handRaised"]), (&json!(false), &json!(true)));
    }
    // Who only enters the room sees it, and who comes back into the same seat is as they were.
    let mut dora = Socket::open(&b.base, token).await;
    let joined = dora.ask("room.join", json!({ "roomId": room })).await;
    assert_eq!(of(&joined["media"], &ben_id)["sharing"], true);
    let mut back = Socket::open(&a.base, token).await;
    back.ask("room.join", json!({ "roomId": room })).await;
    let resume = json!({ "roomId": room, "previousConnectionId": ben_id, "state": { "handRaised": false } });
    let joined = back.ask("media.join", resume).await;
    assert_eq!(joined["resumed"], true);
    let state = of(&joined["state"], &back.connection_id()).clone();
    assert_eq!((&state["sharing"], &state["handRaised"]), (&json!(true), &json!(false)));
}

/// Of two, of three, and of one who comes back.
#[tokio::test]
async fn both_sides_hold_at_once_and_are_on_hold_until_they_say_otherwise_whichever_way_media_goes() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let ben_user = Rest::sign_in(&b.base, &account.user("Ben").await, PASSWORD).await;
    let token = &account.admin.token;
    let (mut ada, _) = enter(&a, token, &room, json!({})).await;
    let mut ben = Socket::open(&b.base, &ben_user.token).await;
    let ring = json!({ "roomId": room, "userId": ben_user.user, "media": "audio" });
    let call = ada.ask("call.ring", ring).await["callId"].clone();
    ben.event("call.incoming", |event| event["callId"] == call).await;
    ben.ask("call.accept", json!({ "callId": call })).await;
    ada.event("call.answered", |event| event["callId"] == call).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    let joined = ben.ask("media.join", json!({ "roomId": room })).await;
    assert_eq!(joined["state"]["route"], "peerToPeer");
    let (ada_id, ben_id) = (ada.connection_id(), ben.connection_id());
    let hold = json!({ "roomId": room, "state": { "onHold": true } });
    tokio::join!(ada.ask("media.update", hold.clone()), ben.ask("media.update", hold));
    hears(&mut ada, &ben_id, "onHold").await;
    hears(&mut ben, &ada_id, "onHold").await;

    // A third moves everybody to the server, and Ben comes back into the call by another connection.
    let (mut carl, state) = enter(&b, token, &room, json!({})).await;
    assert_eq!(state["route"], "server");
    for id in [&ada_id, &ben_id] {
        assert_eq!(of(&state, id)["onHold"], true);
    }
    let mut back = Socket::open(&a.base, &ben_user.token).await;
    back.ask("call.resume", json!({ "callId": call, "connectionId": ben_id })).await;
    back.ask("room.join", json!({ "roomId": room })).await;
    let joined = back.ask("media.join", json!({ "roomId": room, "previousConnectionId": ben_id })).await;
    assert_eq!(joined["resumed"], true);
    assert_eq!(of(&joined["state"], &back.connection_id())["onHold"], true, "as it was");
    assert_eq!(of(&joined["state"], &ada_id)["onHold"], true);
    say(&mut back, &room, json!({ "onHold": false })).await;
    for socket in [&mut ada, &mut carl] {
        let id = back.connection_id();
        let is_back = |event: &Value| event["connectionId"] == id && event["state"]["onHold"] == false;
        socket.event("media.updated", is_back).await;
    }
    let (_, state) = enter(&a, token, &room, json!({})).await;
    assert_eq!(of(&state, &ada_id)["onHold"], true, "nobody else has gone on for her");
    ada.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(back.event("call.ended", |_| true).await["reason"], "hungUp");
}

#[tokio::test]
async fn nobody_speaks_for_another_and_who_says_too_much_is_not_heard() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let token = &account.admin.token;
    let (mut ada, _) = enter(&server, token, &room, json!({})).await;
    let mut stranger = Socket::open(&server.base, token).await;
    stranger.ask("room.join", json!({ "roomId": room })).await;
    let raise = json!({ "roomId": room, "state": { "handRaised": true } });
    let refused = stranger.try_ask("media.update", raise).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "media.notJoined");

    let (mut vandal, _) = enter(&server, token, &room, json!({})).await;
    let (ada_id, vandal_id) = (ada.connection_id(), vandal.connection_id());
    let aimed = json!({ "roomId": room, "connectionId": ada_id, "state": { "handRaised": true } });
    vandal.ask("media.update", aimed).await;
    hears(&mut ada, &vandal_id, "handRaised").await;

    let mut refusals = 0;
    for n in 0..40 {
        let flip = json!({ "roomId": room, "state": { "muted": n % 2 == 0 } });
        if let Err(error) = vandal.try_ask("media.update", flip).await {
            assert_eq!(error["data"]["code"], "limit.rate");
            assert!(error["data"]["retryAfterMs"].as_u64().is_some_and(|wait| wait > 0), "{error}");
            refusals += 1;
        }
    }
    assert!(refusals > 10, "{refusals}");
    let state = vandal.ask("media.join", json!({ "roomId": room })).await["state"].clone();
    assert_eq!(of(&state, &ada_id)["handRaised"], false, "and she never raised hers");
    ada.ask("media.update", json!({ "roomId": room, "state": { "muted": true } })).await;
}

#[tokio::test]
async fn a_listener_raises_a_hand_and_is_never_shown_as_one_who_speaks() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let (mut ada, _) = enter(&server, &account.admin.token, &room, json!({})).await;
    let listener = guest(&account, &room).await;
    let (mut listener, state) = enter(&server, &listener, &room, json!({ "speaking": true })).await;
    let id = listener.connection_id();
    assert_eq!(of(&state, &id)["speaking"], false);
    say(&mut listener, &room, json!({ "speaking": true, "sharing": true, "handRaised": true })).await;
    let heard = hears(&mut ada, &id, "handRaised").await;
    assert_eq!((&heard["speaking"], &heard["sharing"]), (&json!(false), &json!(false)));
}

async fn guest(account: &Account, room: &str) -> String {
    let body =
        json!({ "guest": { "identity": "listener", "name": "Listener" }, "rights": ["media.receive"] });
    let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
    minted["token"].as_str().expect("a token").to_owned()
}
