//! The list of rooms, live for people who have joined none of them.

use local_services::{redis::Redis, scratch::Scratch};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use tokio::time::timeout;

/// How long it takes to be sure that an instance is gone, and to look for what it stored.
pub(crate) const DEATH_PATIENCE: Duration = Duration::from_secs(20);

fn message(room: &str, text: &str) -> Value {
    json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text })
}

/// Somebody who is signed in.
pub(crate) async fn person(account: &Account, server: &Server, name: &str) -> Rest {
    Rest::sign_in(&server.base, &account.user(name).await, PASSWORD).await
}

/// A private room with these members.
pub(crate) async fn private_room(account: &Account, members: &[&Rest]) -> String {
    let room = account.admin.post("/v1/rooms", json!({ "name": "Board", "private": true })).await;
    let room = room["id"].as_str().expect("an id").to_owned();
    for member in members {
        let path = format!("/v1/rooms/{room}/members/{}", member.user);
        account.admin.call(Method::PUT, &path, None).await;
    }
    room
}

/// A device that follows the list, and has joined no room.
pub(crate) async fn follower(server: &Server, rest: &Rest) -> Socket {
    let mut socket = Socket::open(&server.base, &rest.token).await;
    socket.ask("rooms.subscribe", json!({})).await;
    socket
}

/// What is told of a room.
pub(crate) fn of<'a>(event: &'a Value, room: &str) -> Option<&'a Value> {
    event["rooms"].as_array().expect("rooms").iter().find(|of| of["roomId"] == room)
}

/// Waits until so much is unread in a room, and says up to where it was read.
async fn unread(socket: &mut Socket, room: &str, unread: u32, mentions: u32) -> Value {
    let fits = |event: &Value| {
        of(event, room).is_some_and(|of| of["read"]["unread"] == unread && of["read"]["mentions"] == mentions)
    };
    let event = socket.event("rooms.unreadChanged", fits).await;
    of(&event, room).expect("it fits")["read"]["seq"].clone()
}

/// Would pass for the wrong reason if Eve were told nothing at all: she is told of the other room afterwards.
#[tokio::test]
async fn what_is_unread_is_told_on_another_instance_to_those_alone_who_see_the_room() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (ben, eve) = (person(&account, &a, "Ben").await, person(&account, &a, "Eve").await);
    let carl = person(&account, &a, "Carl").await;
    let room = private_room(&account, &[&ben, &carl]).await;
    let both = private_room(&account, &[&ben, &eve]).await;
    let (mut desk, mut phone) = (follower(&b, &ben).await, follower(&a, &ben).await);
    let mut outsider = follower(&b, &eve).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    ada.ask("room.send", message(&room, "one")).await;
    let mention =
        json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "@Ben", "mentions": [ben.user] });
    ada.ask("room.send", mention).await;
    let listed = |list: Value| {
        let items = list["items"].as_array().expect("rooms").clone();
        items.into_iter().find(|item| item["id"] == *room).expect("it is listed")["read"].clone()
    };
    for device in [&mut desk, &mut phone] {
        assert_eq!(unread(device, &room, 2, 1).await, 0);
    }
    assert_eq!(listed(ben.get("/v1/rooms").await), json!({ "seq": 0, "unread": 2, "mentions": 1 }));
    // By REST, and taken back.
    let said = account.admin.post(&format!("/v1/rooms/{room}/messages"), json!({ "text": "three" })).await;
    unread(&mut desk, &room, 3, 1).await;
    account.admin.delete(&format!("/v1/rooms/{room}/messages/{}", said["seq"])).await;
    unread(&mut desk, &room, 2, 1).await;
    // On one device, and so on the other instance.
    phone.ask("room.join", json!({ "roomId": room })).await;
    phone.ask("room.read", json!({ "roomId": room, "seq": 2 })).await;
    assert_eq!(unread(&mut desk, &room, 0, 0).await, 2);
    account.admin.post(&format!("/v1/rooms/{both}/messages"), json!({ "text": "for both" })).await;
    unread(&mut outsider, &both, 1, 0).await;
    assert!(!outsider.has_read("rooms.unreadChanged"), "of the other room she was told something");
    account.admin.delete(&format!("/v1/rooms/{room}/members/{}", ben.user)).await;
    let (mut removed, mut member) = (follower(&b, &ben).await, follower(&b, &carl).await);
    ada.ask("room.send", message(&room, "among us")).await;
    unread(&mut member, &room, 3, 0).await;
    assert!(!removed.has_seen("rooms.unreadChanged").await, "he is no member any more");
}

/// Would pass for the wrong reason if Eve had anything to do with the rooms: she is no member, and nobody says anything.
#[tokio::test]
async fn of_a_room_that_is_new_and_for_all_everybody_is_told_and_of_a_private_one_once_it_is_no_more() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let eve = person(&account, &a, "Eve").await;
    let mut follower = follower(&b, &eve).await;
    let private = private_room(&account, &[]).await;
    let open = account.room("Lobby").await;
    unread(&mut follower, &open, 0, 0).await;
    assert!(!follower.has_read("rooms.unreadChanged"), "of the private room she was told something");
    account
        .admin
        .call(Method::PATCH, &format!("/v1/rooms/{private}"), Some(json!({ "private": false })))
        .await;
    unread(&mut follower, &private, 0, 0).await;
}

#[tokio::test]
async fn guests_do_not_follow_rooms() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let guest = json!({ "guest": { "identity": "gina", "name": "Gina" }, "rights": ["messages.read"] });
    let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), guest).await;
    let mut gina = Socket::open(&server.base, minted["token"].as_str().expect("a token")).await;
    let refused = gina.try_ask("rooms.subscribe", json!({})).await.expect_err("she is a guest");
    assert_eq!(refused["data"]["code"], "auth.forbidden");
}

/// Four write as fast as they may. Passes for the wrong reason if they were slow: there are many more messages than
/// seconds.
#[tokio::test]
async fn a_flood_in_one_room_costs_a_follower_a_frame_a_second_and_none_once_the_count_has_ended() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let (hot, quiet) = (private_room(&account, &[&ben]).await, private_room(&account, &[&ben]).await);
    let mut follower = follower(&b, &ben).await;
    let began = std::time::Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut socket = Socket::open(&a.base, &account.admin.token).await;
        let room = hot.clone();
        writers.spawn(async move {
            socket.ask("room.join", json!({ "roomId": room })).await;
            for _ in 0..50 {
                while socket.try_ask("room.send", message(&room, "x")).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    writers.join_all().await;
    let (mut frames, mut last) = (0, json!(null));
    while last != 100 {
        let event = follower.event("rooms.unreadChanged", |_| true).await;
        frames += 1;
        last = of(&event, &hot).expect("of no other room")["read"]["unread"].clone();
    }
    let seconds = began.elapsed().as_secs();
    println!("200 messages in {seconds} s: {frames} frames");
    assert!(frames <= seconds + 2, "{frames} frames in {seconds} s");
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": hot })).await;
    for _ in 0..20 {
        while ada.try_ask("room.send", message(&hot, "x")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    account.admin.post(&format!("/v1/rooms/{quiet}/messages"), json!({ "text": "quiet" })).await;
    unread(&mut follower, &quiet, 1, 0).await;
    assert!(!follower.has_read("rooms.unreadChanged"), "a hundred are a hundred, and more");
}

/// The instance is shut out of Redis, stores what nobody hears, and is killed.
#[tokio::test]
async fn what_an_instance_stored_before_it_was_killed_is_told_by_the_others() {
    let directory = Scratch::new().expect("a directory");
    let redis = Redis::start(directory.path()).expect("Redis starts");
    let mut installation = Installation::new().await.with_own_redis(&redis);
    let b = installation.server();
    installation.set("SWITCHBOARD_REDIS__URL", &redis.let_in("a").expect("Redis obeys"));
    let a = installation.server();
    let account = installation.account("acme", &b).await;
    let ben = person(&account, &b, "Ben").await;
    let room = private_room(&account, &[&ben]).await;
    let mut desk = follower(&b, &ben).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    redis.shut_out("a").expect("Redis obeys");
    ada.ask("room.send", message(&room, "dark")).await;
    a.kill();
    timeout(DEATH_PATIENCE, unread(&mut desk, &room, 1, 0)).await.expect("in time");
    drop((b, redis));
}

/// Also that somebody has read on another instance, which no number of the room shows.
#[tokio::test]
async fn what_was_said_and_read_while_redis_was_away_is_told_everywhere() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let room = private_room(&account, &[&ben]).await;
    let mut desk = follower(&b, &ben).await;
    let mut phone = Socket::open(&a.base, &ben.token).await;
    phone.ask("room.join", json!({ "roomId": room })).await;
    redis.kill().expect("it was running");
    account.admin.post(&format!("/v1/rooms/{room}/messages"), json!({ "text": "dark" })).await;
    unread(&mut desk, &room, 1, 0).await;
    phone.ask("room.read", json!({ "roomId": room, "seq": 1 })).await;
    redis.restart().expect("Redis starts again");
    timeout(DEATH_PATIENCE, unread(&mut desk, &room, 0, 0)).await.expect("in time");
    drop((a, b));
    redis.kill().expect("it was running");
}
