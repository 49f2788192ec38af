//! Rooms that people make for themselves: of two, and of groups with owners and moderators; on two instances.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

struct World {
    servers: [Server; 2],
    account: Account,
    _installation: Installation,
}

/// Somebody of the account who manages nothing, at one of the instances.
struct Person {
    rest: Rest,
    user: String,
    socket: Socket,
}

async fn world() -> World {
    let installation = Installation::new().await.clustered();
    let servers = [installation.server(), installation.server()];
    let account = installation.account("acme", &servers[0]).await;
    World { servers, account, _installation: installation }
}

impl World {
    async fn person(&self, name: &str, at: usize) -> Person {
        let email = self.account.user(name).await;
        let base = &self.servers[at].base;
        let rest = Rest::sign_in(base, &email, PASSWORD).await;
        let socket = Socket::open(base, &rest.token).await;
        Person { user: rest.user.clone(), rest, socket }
    }
}

impl Person {
    async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let (status, answer) = self.rest.call(method, path, body).await;
        (status.as_u16(), answer["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn does(&self, method: Method, path: &str, body: Option<Value>) {
        let (status, code) = self.try_call(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {code}");
    }

    async fn refused(&mut self, method: &str, params: Value) -> String {
        let error = self.socket.try_ask(method, params).await.expect_err("it is refused");
        error["data"]["code"].as_str().expect("a code").to_owned()
    }

    async fn join(&mut self, room: &str) {
        self.socket.ask("room.join", json!({ "roomId": room })).await;
    }
}

fn said(room: &str, text: &str) -> Value {
    json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text })
}

#[tokio::test]
async fn two_people_have_one_room_however_they_open_it_and_nobody_else_does() {
    let world = world().await;
    let (mut ada, mut ben) = (world.person("ada", 0).await, world.person("ben", 1).await);
    let mut eve = world.person("eve", 1).await;
    let (to_ben, to_ada) =
        (format!("/v1/direct-rooms/{}", ben.user), format!("/v1/direct-rooms/{}", ada.user));
    let opening = (0..10).map(|n| {
        let (who, path) = if n % 2 == 0 { (&ada, &to_ben) } else { (&ben, &to_ada) };
        who.rest.call(Method::PUT, path, None)
    });
    let opened = join_all(opening).await;
    let room = opened[0].1["id"].as_str().expect("a room").to_owned();
    for (status, answer) in &opened {
        assert_eq!((status.as_u16(), &answer["id"], &answer["direct"]), (200, &json!(room), &json!(true)));
    }
    for person in [&mut ada, &mut ben] {
        person.join(&room).await;
    }
    ada.socket.ask("room.send", said(&room, "just us")).await;
    ben.socket.event("room.message", |event| event["message"]["text"] == "just us").await;
    let listed = ben.rest.get("/v1/rooms").await["items"][0].clone();
    assert_eq!((&listed["with"]["name"], &listed["read"]["unread"]), (&json!("ada"), &json!(1)));
    ben.socket.ask("room.read", json!({ "roomId": room, "seq": 1 })).await;
    assert_eq!(ben.rest.get("/v1/rooms").await["items"][0]["read"]["unread"], 0);

    assert_eq!(eve.refused("room.join", json!({ "roomId": room })).await, "resource.notFound");
    let path = format!("/v1/rooms/{room}");
    assert_eq!(eve.try_call(Method::GET, &path, None).await, (404, "resource.notFound".to_owned()));
    // It stays a room of two, whoever wants it otherwise.
    let member = format!("{path}/members/{}", eve.user);
    let admin = &world.account.admin;
    for (method, path, body) in [
        (Method::PUT, &member, None),
        (Method::PATCH, &path, Some(json!({ "name": "x" }))),
        (Method::PATCH, &path, Some(json!({ "private": false }))),
    ] {
        let (status, answer) = admin.call(method, path, body).await;
        assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("room.direct")));
    }
    let leave = format!("{path}/members/{}", ben.user);
    assert_eq!(ben.try_call(Method::DELETE, &leave, None).await, (409, "room.direct".to_owned()));
    assert_eq!(ada.try_call(Method::PUT, &to_ada, None).await.0, 422, "nobody is two");
}

/// A group of its owner's, with two others in it, who are connected to different instances.
async fn group(world: &World) -> (String, [Person; 3]) {
    let mut people =
        [world.person("ada", 0).await, world.person("ben", 1).await, world.person("cleo", 0).await];
    let room = people[0].rest.post("/v1/rooms", json!({ "name": "den", "private": true })).await;
    let room = room["id"].as_str().expect("an id").to_owned();
    let [ada, ben, cleo] = &mut people;
    for other in [&*ben, &*cleo] {
        ada.does(Method::PUT, &format!("/v1/rooms/{room}/members/{}", other.user), None).await;
    }
    for person in [ada, ben, cleo] {
        person.join(&room).await;
    }
    (room, people)
}

#[tokio::test]
async fn who_makes_a_group_owns_it_and_says_who_belongs_to_it_and_what_they_are() {
    let world = world().await;
    let (room, [mut ada, mut ben, mut cleo]) = group(&world).await;
    let path = format!("/v1/rooms/{room}");
    let (of_ada, of_ben, of_cleo) = (
        format!("{path}/members/{}", ada.user),
        format!("{path}/members/{}", ben.user),
        format!("{path}/members/{}", cleo.user),
    );
    let forbidden = (403, "auth.forbidden".to_owned());
    let rename = || Some(json!({ "name": "lair" }));
    let promote = |role: &str| Some(json!({ "role": role }));
    assert_eq!(ben.try_call(Method::PATCH, &path, rename()).await, forbidden);
    assert_eq!(ben.try_call(Method::DELETE, &of_cleo, None).await, forbidden);
    assert_eq!(ben.try_call(Method::PATCH, &of_ben, promote("owner")).await, forbidden);
    ada.does(Method::PATCH, &path, rename()).await;
    ada.does(Method::PATCH, &of_ben, promote("moderator")).await;
    for person in [&mut ben, &mut cleo] {
        let renamed = person.socket.event("room.renamed", |_| true).await;
        assert_eq!((&renamed["roomId"], &renamed["name"]), (&json!(room), &json!("lair")));
        person.socket.event("room.memberChanged", |event| event["role"] == "moderator").await;
    }
    assert_eq!(ben.try_call(Method::PATCH, &path, rename()).await, forbidden, "moderators do not rename");
    // Somebody owns it as long as others belong to it.
    let last = (409, "room.lastOwner".to_owned());
    assert_eq!(ada.try_call(Method::DELETE, &of_ada, None).await, last);
    assert_eq!(ada.try_call(Method::PATCH, &of_ada, promote("member")).await, last);
    ada.does(Method::PATCH, &of_cleo, promote("owner")).await;
    ada.does(Method::DELETE, &of_ada, None).await;
    assert_eq!(ada.socket.event("room.removed", |_| true).await["reason"], "removed");
    assert_eq!(ada.refused("room.join", json!({ "roomId": room })).await, "resource.notFound");
    let gone = ben.socket.event("room.memberChanged", |event| event["userId"] == json!(ada.user)).await;
    assert_eq!(gone["role"], Value::Null);
    let members = cleo.rest.get(&format!("{path}/members")).await;
    let roles: Vec<_> =
        members["items"].as_array().expect("members").iter().map(|member| &member["role"]).collect();
    assert_eq!(roles.len(), 2);
    assert!(roles.contains(&&json!("owner")) && roles.contains(&&json!("moderator")));
    // Everybody else of the account is where they were: nobody of them may know of it.
    let eve = world.person("eve", 1).await;
    assert_eq!(eve.try_call(Method::PUT, &of_ada, None).await, (404, "resource.notFound".to_owned()));
}

#[tokio::test]
async fn moderators_delete_mute_and_ban_those_below_them_and_all_instances_hold_to_it() {
    let world = world().await;
    let (room, [mut ada, mut ben, mut cleo]) = group(&world).await;
    let path = format!("/v1/rooms/{room}");
    let (mute, ban) = (format!("{path}/mutes/{}", cleo.user), format!("{path}/bans/{}", cleo.user));
    let at = |seq: u64| json!({ "roomId": room, "messageSeq": seq });
    cleo.socket.ask("room.send", said(&room, "rude")).await;
    assert_eq!(ben.refused("room.delete", at(1)).await, "auth.forbidden");
    assert_eq!(ben.try_call(Method::PUT, &mute, Some(json!({ "until": null }))).await.0, 403);
    ada.does(Method::PATCH, &format!("{path}/members/{}", ben.user), Some(json!({ "role": "moderator" })))
        .await;
    ben.socket.ask("room.delete", at(1)).await;
    cleo.socket.event("room.messageChanged", |event| event["message"]["deletedAt"].is_string()).await;

    ben.does(Method::PUT, &mute, Some(json!({ "until": null }))).await;
    let restricted = cleo.socket.event("room.restricted", |_| true).await;
    assert_eq!((&restricted["userId"], &restricted["muted"]), (&json!(cleo.user), &json!(true)));
    assert_eq!(cleo.refused("room.send", said(&room, "again")).await, "room.muted");
    let event = json!({ "roomId": room, "name": "applause" });
    assert_eq!(cleo.refused("room.publish", event).await, "room.muted");
    let posted = cleo.try_call(Method::POST, &format!("{path}/messages"), Some(json!({ "text": "x" }))).await;
    assert_eq!(posted, (403, "room.muted".to_owned()));
    // One who was muted until a time may speak after it, and one who is not any more at once.
    ben.does(Method::PUT, &mute, Some(json!({ "until": "2020-01-01T00:00:00Z" }))).await;
    cleo.socket.ask("room.send", said(&room, "sorry")).await;
    ben.does(Method::PUT, &mute, Some(json!({ "until": "2099-01-01T00:00:00Z" }))).await;
    assert_eq!(cleo.refused("room.send", said(&room, "x")).await, "room.muted");
    assert_eq!(ben.rest.get(&format!("{path}/mutes")).await["items"][0]["until"], "2099-01-01T00:00:00Z");
    ben.does(Method::DELETE, &mute, None).await;
    cleo.socket.ask("room.send", said(&room, "thanks")).await;

    let owner = format!("{path}/bans/{}", ada.user);
    assert_eq!(ben.try_call(Method::PUT, &owner, None).await, (403, "auth.forbidden".to_owned()));
    ben.does(Method::PUT, &ban, None).await;
    assert_eq!(cleo.socket.event("room.removed", |_| true).await["reason"], "banned");
    assert_eq!(cleo.refused("room.join", json!({ "roomId": room })).await, "room.banned");
    let member = format!("{path}/members/{}", cleo.user);
    assert_eq!(ada.try_call(Method::PUT, &member, None).await, (409, "room.banned".to_owned()));
    ada.socket.event("room.restricted", |event| event["banned"] == true).await;
    ada.does(Method::DELETE, &ban, None).await;
    ada.does(Method::PUT, &member, None).await;
    cleo.join(&room).await;
}

/// Also in rooms that everybody may enter, and of guests, whose token stays good.
#[tokio::test]
async fn a_banned_guest_is_out_of_an_open_room_and_stays_out() {
    let world = world().await;
    let room = world.account.room("Lobby").await;
    let body = json!({ "guest": { "identity": "g", "name": "Grace" }, "rights": ["messages.send"] });
    let path = format!("/v1/rooms/{room}");
    let token = world.account.admin.post(&format!("{path}/join-tokens"), body).await;
    let (token, user) = (token["token"].as_str().expect("a token"), token["userId"].as_str().expect("an id"));
    let mut guest = Socket::open(&world.servers[1].base, token).await;
    guest.ask("room.join", json!({ "roomId": room })).await;
    let ban = format!("{path}/bans/{user}");
    world.account.admin.call(Method::PUT, &ban, None).await;
    assert_eq!(guest.event("room.removed", |_| true).await["reason"], "banned");
    let mut again = Socket::open(&world.servers[0].base, token).await;
    let refused = again.try_ask("room.join", json!({ "roomId": room })).await.expect_err("banned");
    assert_eq!(refused["data"]["code"], "room.banned");
    world.account.admin.call(Method::DELETE, &ban, None).await;
    // A token from before the removal is good no more; the back end mints another.
    let refused = again.try_ask("room.join", json!({ "roomId": room })).await.expect_err("removed");
    assert_eq!(refused["data"]["code"], "auth.forbidden");
}
