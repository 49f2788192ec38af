//! What an account's own back end may do with the hub: let guests in, speak, look, show the door, close.

use common::protocol::close;
use reqwest::Method;
use serde_json::{Value, json};
use switchboard_tests::{
    installation::{Account, Installation},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

/// Two instances, an account, a program with a key that may manage rooms, and a room.
struct World {
    servers: [Server; 2],
    account: Account,
    back_end: Rest,
    room: String,
    _installation: Installation,
}

async fn world() -> World {
    let installation = Installation::new().await.clustered();
    let servers = [installation.server(), installation.server()];
    let account = installation.account("acme", &servers[0]).await;
    let key = json!({ "name": "Shop", "permissions": ["rooms.read", "rooms.manage"] });
    let key = account.admin.post("/v1/api-keys", key).await;
    let back_end = account.admin.with_key(key["key"].as_str().expect("a key"));
    let room = account.room("Counter").await;
    World { servers, account, back_end, room, _installation: installation }
}

impl World {
    async fn token(&self, identity: &str, rights: Value) -> String {
        let body = json!({ "guest": { "identity": identity, "name": "Grace" }, "rights": rights });
        let minted = self.back_end.post(&format!("/v1/rooms/{}/join-tokens", self.room), body).await;
        minted["token"].as_str().expect("a token").to_owned()
    }

    /// The administrator, in the room, at the first instance.
    async fn ada(&self) -> Socket {
        let mut ada = Socket::open(&self.servers[0].base, &self.account.admin.token).await;
        ada.ask("room.join", json!({ "roomId": self.room })).await;
        ada
    }

    /// A guest, in the room, at the other.
    async fn guest(&self, rights: Value) -> Socket {
        let token = self.token("customer-1", rights).await;
        let mut guest = Socket::open(&self.servers[1].base, &token).await;
        guest.ask("room.join", json!({ "roomId": self.room })).await;
        guest
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.room)
    }

    fn said(&self, text: &str) -> Value {
        json!({ "roomId": self.room, "clientId": Uuid::new_v4(), "text": text })
    }
}

async fn refused(socket: &mut Socket, method: &str, params: Value) -> String {
    let error = socket.try_ask(method, params).await.expect_err("it is refused");
    error["data"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_guest_may_do_exactly_what_the_token_names_in_exactly_one_room() {
    let world = world().await;
    let other = world.account.room("Back office").await;
    let mut ada = world.ada().await;
    let mut guest = world.guest(json!(["messages.read", "messages.send"])).await;
    assert_eq!(guest.opened["roomId"], world.room);
    assert!(guest.opened.get("role").is_none());
    guest.ask("room.send", world.said("is anybody there?")).await;
    let heard = ada.event("room.message", |_| true).await;
    assert_eq!(
        (&heard["message"]["name"], &heard["message"]["text"]),
        (&json!("Grace"), &json!("is anybody there?"))
    );
    assert_eq!(heard["message"]["userId"], guest.opened["userId"]);

    assert_eq!(refused(&mut guest, "room.join", json!({ "roomId": other })).await, "resource.notFound");
    assert_eq!(refused(&mut guest, "room.history", json!({ "roomId": other })).await, "resource.notFound");
    for (method, params) in [
        ("presence.subscribe", json!({})),
        ("inbox.subscribe", json!({})),
        ("call.ring", json!({ "roomId": world.room, "userId": world.account.admin.user, "media": "audio" })),
        ("media.join", json!({ "roomId": world.room })),
    ] {
        assert_eq!(refused(&mut guest, method, params).await, "auth.forbidden", "{method}");
    }
    // Nothing but the hub takes the token.
    let token = world.token("customer-1", json!([])).await;
    let (status, problem) = world.back_end.with_key(&token).call(Method::GET, "/v1/rooms", None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("auth.invalidToken")));
    // Nobody sees guests as people of the account, or rings them.
    let online = ada.ask("presence.subscribe", json!({})).await;
    assert_eq!(online["users"].as_array().expect("users").len(), 1);
    let ring = json!({ "roomId": world.room, "userId": guest.opened["userId"], "media": "audio" });
    assert_eq!(refused(&mut ada, "call.ring", ring).await, "call.unreachable");
}

#[tokio::test]
async fn a_guest_without_the_right_to_read_sees_who_is_there_and_not_what_is_said() {
    let world = world().await;
    let mut ada = world.ada().await;
    ada.ask("room.send", world.said("before")).await;
    let token = world.token("silent", json!([])).await;
    let mut silent = Socket::open(&world.servers[1].base, &token).await;
    let joined = silent.ask("room.join", json!({ "roomId": world.room })).await;
    assert_eq!(
        (joined["messages"].as_array().map(Vec::len), joined["members"].as_array().map(Vec::len)),
        (Some(0), Some(2))
    );
    ada.ask("room.send", world.said("after")).await;
    let history = json!({ "roomId": world.room });
    assert_eq!(refused(&mut silent, "room.history", history).await, "auth.forbidden");
    assert_eq!(refused(&mut silent, "room.send", world.said("me too")).await, "auth.forbidden");
    // What comes after the message on the same way arrives, so the message would have.
    let event = json!({ "name": "poll.opened", "data": { "question": "tea?", "answers": [1.5, null] } });
    world.back_end.post(&world.path("/events"), event.clone()).await;
    let heard = silent.event("room.event", |_| true).await;
    assert_eq!((&heard["name"], &heard["data"]), (&event["name"], &event["data"]));
    assert!(!silent.has_seen("room.message").await);
    // More rights come with another token, on the same connection.
    let token = world.token("silent", json!(["messages.read"])).await;
    silent.ask("connection.refresh", json!({ "token": token })).await;
    ada.ask("room.send", world.said("now")).await;
    let heard = silent.event("room.message", |_| true).await;
    assert_eq!(heard["message"]["text"], "now");
    let token = world.token("somebody-else", json!([])).await;
    assert_eq!(refused(&mut silent, "connection.refresh", json!({ "token": token })).await, "auth.forbidden");
}

#[tokio::test]
async fn a_back_end_speaks_in_a_room_and_everybody_hears_it_on_both_instances() {
    let world = world().await;
    let (mut ada, mut guest) = (world.ada().await, world.guest(json!(["messages.read"])).await);
    let body = json!({ "text": "Your parcel is here.", "author": { "identity": "bot", "name": "Parcels" } });
    let said = world.back_end.post(&world.path("/messages"), body).await;
    for socket in [&mut ada, &mut guest] {
        let heard = socket.event("room.message", |_| true).await;
        assert_eq!(heard["message"], said);
    }
    let own = world.back_end.post(&world.path("/messages"), json!({ "text": "by the key" })).await;
    assert_eq!(own["name"], "Shop");
    let forged = json!({ "text": "x", "author": { "identity": "bot", "name": "Boss" } });
    let (status, _) = world.account.admin.call(Method::POST, &world.path("/messages"), Some(forged)).await;
    assert_eq!(status.as_u16(), 422);
}

#[tokio::test]
async fn who_is_shown_the_door_leaves_at_once_and_needs_a_newer_token() {
    let world = world().await;
    let mut ada = world.ada().await;
    let mut guest = world.guest(json!(["messages.read"])).await;
    let early = world.token("customer-1", json!(["messages.read"])).await;
    let here = world.back_end.get(&world.path("/connections")).await;
    assert_eq!(here["items"].as_array().map(Vec::len), Some(2));
    let user = guest.opened["userId"].as_str().expect("an id").to_owned();
    world.back_end.delete(&world.path(&format!("/members/{user}"))).await;
    let removed = guest.event("room.removed", |_| true).await;
    assert_eq!((&removed["roomId"], &removed["reason"]), (&json!(world.room), &json!("removed")));
    assert_eq!(guest.closed().await, Some(close::ENDED));
    let gone = guest.connection_id();
    ada.event("room.memberLeft", |event| event["connectionId"] == gone).await;
    let mut again = Socket::open(&world.servers[0].base, &early).await;
    assert_eq!(refused(&mut again, "room.join", json!({ "roomId": world.room })).await, "auth.forbidden");
    world.guest(json!(["messages.read"])).await;

    // One device of a person, who may come back.
    world.back_end.delete(&world.path(&format!("/connections/{}", ada.connection_id()))).await;
    ada.event("room.removed", |event| event["reason"] == "removed").await;
    ada.ask("room.join", json!({ "roomId": world.room })).await;
}

#[tokio::test]
async fn a_closed_room_is_empty_at_once_and_nobody_says_anything_in_it() {
    let world = world().await;
    let (mut ada, mut guest) = (world.ada().await, world.guest(json!(["messages.read"])).await);
    ada.ask("room.send", world.said("last words")).await;
    let closed = world.back_end.post(&world.path("/close"), json!({})).await;
    assert!(closed["closedAt"].is_string());
    ada.event("room.removed", |event| event["reason"] == "closed").await;
    guest.event("room.removed", |event| event["reason"] == "closed").await;
    assert_eq!(guest.closed().await, Some(close::ENDED));
    assert_eq!(refused(&mut ada, "room.join", json!({ "roomId": world.room })).await, "room.closed");
    let (status, problem) =
        world.back_end.call(Method::POST, &world.path("/messages"), Some(json!({ "text": "x" }))).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("room.closed")));
    let history = ada.ask("room.history", json!({ "roomId": world.room })).await;
    assert_eq!(history["messages"][0]["text"], "last words");

    world.back_end.post(&world.path("/reopen"), json!({})).await;
    ada.ask("room.join", json!({ "roomId": world.room })).await;
    world.back_end.delete(&world.path("")).await;
    ada.event("room.removed", |event| event["reason"] == "deleted").await;
    assert_eq!(refused(&mut ada, "room.join", json!({ "roomId": world.room })).await, "resource.notFound");
}

#[tokio::test]
async fn a_private_room_exists_for_its_members_only() {
    let world = world().await;
    let email = world.account.user("Ben").await;
    let ben = Rest::sign_in(&world.servers[1].base, &email, switchboard_tests::installation::PASSWORD).await;
    let mut ben_socket = Socket::open(&world.servers[1].base, &ben.token).await;
    ben_socket.ask("room.join", json!({ "roomId": world.room })).await;
    let mut ada = world.ada().await;
    world
        .back_end
        .call(Method::PUT, &world.path(&format!("/members/{}", world.account.admin.user)), None)
        .await;
    let mut guest = world.guest(json!(["messages.read"])).await;
    // Who is no member leaves when the room becomes private; who was let in as a guest stays.
    world.back_end.patch(&world.path(""), json!({ "private": true })).await;
    ben_socket.event("room.removed", |_| true).await;
    ada.ask("room.send", world.said("between us")).await;
    guest.event("room.message", |_| true).await;
    for method in ["room.join", "room.history"] {
        let code = refused(&mut ben_socket, method, json!({ "roomId": world.room })).await;
        assert_eq!(code, "resource.notFound", "{method}");
    }
    for path in ["", "/messages", "/members", "/connections"] {
        let (status, _) = ben.call(Method::GET, &world.path(path), None).await;
        assert_eq!(status.as_u16(), 404, "{path}");
    }
    assert_eq!(ben.get("/v1/rooms").await["items"], json!([]));
    world.back_end.call(Method::PUT, &world.path(&format!("/members/{}", ben.user)), None).await;
    ben_socket.ask("room.join", json!({ "roomId": world.room })).await;
    assert_eq!(ben.get("/v1/rooms").await["items"][0]["private"], true);
}

#[tokio::test]
async fn whose_sign_in_is_ended_is_disconnected_everywhere_at_once() {
    let world = world().await;
    let email = world.account.user("Ben").await;
    let sign_in = || Rest::sign_in(&world.servers[1].base, &email, switchboard_tests::installation::PASSWORD);
    let (first, second) = (sign_in().await, sign_in().await);
    let mut lost = Socket::open(&world.servers[0].base, &first.token).await;
    let mut kept = Socket::open(&world.servers[1].base, &second.token).await;
    let sign_ins = first.get("/v1/me/sign-ins").await;
    let own =
        sign_ins["items"].as_array().expect("sign-ins").iter().find(|sign_in| sign_in["current"] == true);
    let own = own.expect("one is this one")["id"].as_str().expect("an id");
    first.delete(&format!("/v1/me/sign-ins/{own}")).await;
    assert_eq!(lost.closed().await, Some(close::ENDED));
    // The access token has not expired yet; the hub knows better.
    let mut again = Socket::connect(&world.servers[1].base).await;
    let open = json!({ "token": first.token });
    assert_eq!(refused(&mut again, "connection.open", open).await, "auth.invalidToken");
    let tokens = json!({ "email": email, "password": switchboard_tests::installation::PASSWORD });
    let tokens = first.post("/v1/auth/sign-in", tokens).await;
    let token = tokens["accessToken"].as_str().expect("a token");
    let mut left = Socket::open(&world.servers[0].base, token).await;
    let (status, _) = first
        .call(Method::POST, "/v1/auth/sign-out", Some(json!({ "refreshToken": tokens["refreshToken"] })))
        .await;
    assert!(status.is_success());
    assert_eq!(left.closed().await, Some(close::ENDED));
    kept.ask("room.join", json!({ "roomId": world.room })).await;
    world.account.admin.delete(&format!("/v1/users/{}/connections", second.user)).await;
    assert_eq!(kept.closed().await, Some(close::ENDED));
}

/// The permissions behind a role hold on the socket as they do over REST, and with the next token.
#[tokio::test]
async fn a_role_without_a_permission_does_not_have_it_on_the_socket() {
    let world = world().await;
    let narrow = json!({ "name": "auditor", "permissions": ["auditEntries.read"] });
    let narrow = world.account.admin.post("/v1/roles", narrow).await;
    let email = world.account.user("Ben").await;
    let sign_in = || Rest::sign_in(&world.servers[0].base, &email, switchboard_tests::installation::PASSWORD);
    let before = sign_in().await;
    let mut ben = Socket::open(&world.servers[0].base, &before.token).await;
    ben.ask("inbox.subscribe", json!({})).await;
    world.account.admin.patch(&format!("/v1/users/{}", before.user), json!({ "roleId": narrow["id"] })).await;
    // Who may do less than before is signed out, on the socket too.
    assert_eq!(ben.closed().await, Some(close::ENDED));
    let after = sign_in().await;
    let mut ben = Socket::open(&world.servers[0].base, &after.token).await;
    for (method, params) in [
        ("room.join", json!({ "roomId": world.room })),
        ("room.history", json!({ "roomId": world.room })),
        ("presence.subscribe", json!({})),
        ("inbox.subscribe", json!({})),
        ("feed.subscribe", json!({ "table": "conversations" })),
        ("call.ring", json!({ "roomId": world.room, "userId": before.user, "media": "audio" })),
    ] {
        assert_eq!(refused(&mut ben, method, params).await, "auth.forbidden", "{method}");
    }
    ben.ask("feed.subscribe", json!({ "table": "auditEntries" })).await;
}
