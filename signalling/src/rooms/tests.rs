//! Who may come into a room, and what is left when they do not.

use super::*;
use crate::{
    calls,
    config::Config,
    presence,
    testing::{Connected, ID, SIGNING_KEY, World},
};
use bus::Asked;
use common::{
    clock::Clock,
    error::ErrorCode,
    guest::Right,
    id::{AccountId, RoomId, SignInId, UserId},
    permission::{Permission, Permissions},
    protocol::{
        call::{Media as CallMedia, Ring},
        room::{Join, ROOMS_MAX, RemovalReason},
    },
    subject::media::{MediaAction, MediaService, SessionLease},
    token::{Bearer, Role, Subject, sign, sign_join},
};
use jsonwebtoken::EncodingKey;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::users;
use tokio::time::timeout;

/// How long may be waited for. It only bounds failure: less than a media server has to answer for all rooms of a test.
const PATIENCE: Duration = Duration::from_secs(30);

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) -> Value {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id: Some(room_id), ..Join::default() }).await;
    client.frame().await
}

fn code(answer: &Value) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_account_has_people_in_so_many_rooms_and_who_is_refused_leaves_nothing_open() {
    let world = World::new(Config { rooms_per_account_max: 2, ..Config::default() }).await;
    let [first, second, third] = [world.room().await, world.room().await, world.room().await];
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    for room in [first, second] {
        assert_eq!(code(&enter(&world, &mut ada, room).await), "");
    }
    assert_eq!(code(&enter(&world, &mut ada, third).await), "limit.count");
    assert_eq!(world.hub.0.rooms.followed().len(), 2, "the third was not opened");
    assert_eq!(code(&enter(&world, &mut ben, first).await), "", "a room that is live costs no further slot");
    leave(&world.hub, &ada.client, second).await.unwrap();
    // The place is free when the room's task has ended.
    while code(&enter(&world, &mut ben, third).await) == "limit.count" {
        tokio::task::yield_now().await;
    }
    for client in [&ada, &ben] {
        lose_connection(&world.hub, &client.client);
    }
    assert!(world.hub.0.rooms.followed().is_empty());
}

#[tokio::test]
async fn a_connection_is_in_so_many_rooms() {
    let world = World::new(Config::default()).await;
    let (room, last) = (world.room().await, world.room().await);
    let mut ada = world.connect().await;
    enter(&world, &mut ada, room).await;
    ada.client.held().rooms.extend((1..ROOMS_MAX).map(|_| RoomId::generate(&*world.clock)));
    assert_eq!(code(&enter(&world, &mut ada, last).await), "limit.count");
    assert_eq!(code(&enter(&world, &mut ada, room).await), "", "where it is, it may come back to");
    leave(&world.hub, &ada.client, room).await.unwrap();
    assert_eq!(code(&enter(&world, &mut ada, last).await), "");
}

#[tokio::test]
async fn who_is_removed_has_come_and_gone_for_the_others_in_this_order() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let (mut watcher, mut ada) = (world.connect().await, world.connect().await);
    enter(&world, &mut watcher, room).await;
    enter(&world, &mut ada, room).await;
    let id = ada.client.id;
    assert_eq!(remove(&world.hub, room, RemovalReason::Removed, |client| client.id == id), 1);
    for method in ["room.memberJoined", "room.memberLeft"] {
        assert_eq!(watcher.frame().await["method"], method);
    }
    assert!(ada.client.held().rooms.is_empty());
    assert_eq!(code(&enter(&world, &mut ada, room).await), "", "the store lets them in");
}

/// An access token of a user with exactly these permissions.
fn signed(world: &World, user: UserId, permissions: Permissions) -> String {
    let subject = Subject {
        account: world.account,
        user,
        role: Role::AgentUser,
        permissions: Some(permissions),
        elevated: None,
        sign_in: SignInId::generate(&*world.clock),
    };
    sign(&EncodingKey::from_secret(SIGNING_KEY), &subject, world.clock.utc()).unwrap()
}

/// What was allowed for a while may not be when the next token comes.
#[tokio::test]
async fn who_refreshes_with_a_token_that_opens_no_room_is_out_of_all_rooms() {
    let world = World::new(Config::default()).await;
    let [first, second] = [world.room().await, world.room().await];
    let reader = Permissions::of(&[Permission::RoomsRead]);
    let person = world.person(reader);
    let user = person.user;
    let mut ada = world.connect_by(&Bearer::Caller(person)).await;
    for room in [first, second] {
        assert_eq!(code(&enter(&world, &mut ada, room).await), "");
    }
    world.refresh(&ada.client, signed(&world, user, reader)).await;
    assert!(ada.frame().await["result"]["expiresAt"].is_string());
    assert_eq!(ada.client.held().rooms.len(), 2, "with the same permissions nothing changes");
    world.refresh(&ada.client, signed(&world, user, Permissions::of(&[Permission::UsersRead]))).await;
    let mut left = BTreeSet::new();
    for _ in [first, second] {
        let removed = ada.frame().await;
        assert_eq!(
            (&removed["method"], &removed["params"]["reason"]),
            (&"room.removed".into(), &"removed".into())
        );
        left.insert(removed["params"]["roomId"].to_string());
    }
    assert_eq!(left.len(), 2, "each is told");
    assert!(ada.frame().await["result"]["expiresAt"].is_string(), "by then it is so");
    assert!(ada.client.held().rooms.is_empty());
    assert_eq!(code(&enter(&world, &mut ada, first).await), "auth.forbidden");
}

/// The media server takes requests and answers none: each is given up only after seconds.
#[tokio::test]
async fn who_is_removed_is_out_of_all_rooms_while_the_media_server_hangs() {
    const ROOMS: usize = 12;
    let world = World::new(Config::default()).await;
    let bus = world.hub.bus();
    let mut hanging = bus.serve(&MediaService(bus.node())).await.unwrap();
    let person = world.person(Permissions::of(&[Permission::RoomsRead]));
    let user = person.user;
    let mut ada = world.connect_by(&Bearer::Caller(person)).await;
    let mut sessions = BTreeMap::new();
    for _ in 0..ROOMS {
        let room = world.room().await;
        assert_eq!(code(&enter(&world, &mut ada, room).await), "");
        sessions.insert(room, bus.acquire(&SessionLease(room)).await.unwrap());
        ada.client.held().media.insert(room);
    }
    let token = signed(&world, user, Permissions::of(&[Permission::UsersRead]));
    timeout(PATIENCE, world.refresh(&ada.client, token)).await.expect("nobody waits for the media server");
    assert!(ada.client.held().rooms.is_empty());
    for _ in 0..ROOMS {
        assert_eq!(ada.frame().await["method"], "room.removed");
    }
    // Each session is told all the same.
    let mut told = BTreeMap::new();
    while told.len() < ROOMS {
        let asked = timeout(PATIENCE, hanging.next()).await.expect("it is told");
        let Asked { request, reply } = asked.unwrap();
        let MediaAction::Leave { connection } = request.action else { continue };
        assert_eq!(connection, ada.client.id);
        told.insert(request.room, reply);
    }
    assert!(told.keys().eq(sessions.keys()));
}

/// A media node holds a participant to the rights that they came with.
#[tokio::test]
async fn who_refreshes_with_fewer_rights_of_media_leaves_the_session() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let both = world.guest(room, &[Right::SendMedia, Right::ReceiveMedia]);
    let mut grace = world.connect_by(&Bearer::Guest(both.clone())).await;
    assert_eq!(code(&enter(&world, &mut grace, room).await), "");
    grace.client.held().media.insert(room);
    let token = |guest| sign_join(&EncodingKey::from_secret(SIGNING_KEY), guest).unwrap();
    world.refresh(&grace.client, token(&both)).await;
    assert!(grace.client.held().media.contains(&room), "with the same rights nothing changes");
    world.refresh(&grace.client, token(&world.guest(room, &[Right::ReceiveMedia]))).await;
    assert!(grace.client.held().media.is_empty());
    assert!(grace.client.held().rooms.contains(&room), "they are in the room");
}

/// Each device goes by its own token: removed are those that came by one from before.
#[tokio::test]
async fn when_it_is_looked_at_who_may_stay_each_device_is_judged_by_its_own_token() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    let mut early = world.connect_by(&Bearer::Guest(world.guest(room, &[]))).await;
    let guest = early.client.user;
    let mut tx = world.tx().await;
    rooms::add_member(&mut tx, room, ada.client.user, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    for client in [&mut ada, &mut ben, &mut early] {
        assert_eq!(code(&enter(&world, client, room).await), "");
    }
    assert_eq!(review(&world.hub, world.account, room).await, 0);
    let mut tx = world.tx().await;
    rooms::remove(&mut tx, room, guest, &*world.clock).await.unwrap();
    let private = rooms::RoomChange { name: None, is_private: Some(true) };
    rooms::update(&mut tx, room, private).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    let mut late = world.connect_by(&Bearer::Guest(world.guest(room, &[]))).await;
    assert_eq!(code(&enter(&world, &mut late, room).await), "");
    assert_eq!(review(&world.hub, AccountId::generate(&*world.clock), room).await, 0, "another's is none");
    assert_eq!(review(&world.hub, world.account, room).await, 2);
    let is_in = |client: &Connected| client.client.held().rooms.contains(&room);
    assert_eq!([&ada, &ben, &early, &late].map(is_in), [true, false, false, true]);
    let mut tx = world.tx().await;
    rooms::close(&mut tx, room, Some(world.clock.utc())).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(review(&world.hub, world.account, room).await, 2, "nobody stays in a closed room");
}

/// Nobody tells this instance anything here: what it knows, it has from the store.
#[tokio::test]
async fn only_where_something_has_changed_it_is_looked_at_who_may_stay_and_whoever_is_entering_comes_anew() {
    let world = World::new(Config::default()).await;
    let [quiet, lively] = [world.room().await, world.room().await];
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    for (client, room) in [(&mut ada, quiet), (&mut ben, lively)] {
        assert_eq!(code(&enter(&world, client, room).await), "");
    }
    let (removals, mut mark) = (|| world.hub.0.rooms.removals(), None);
    let mut look = async || watch::look_again(&world.hub, &mut mark).await.unwrap();
    assert_eq!((look().await, look().await), (0, 0));
    let before = removals();
    send_in(&world, &ben, lively).await;
    assert_eq!((look().await, removals()), (0, before), "what is said keeps nobody out");
    let mut tx = world.tx().await;
    rooms::ban(&mut tx, lively, UserId::generate(&*world.clock), &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(look().await, 0, "somebody else is banned");
    assert!(removals() > before, "who enters reads again");
    let before = removals();
    assert_eq!((look().await, removals()), (0, before), "once");
    let mut tx = world.tx().await;
    rooms::delete(&mut tx, lively).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(look().await, 1);
    let is_in = |client: &Connected, room| client.client.held().rooms.contains(&room);
    assert!(is_in(&ada, quiet) && !is_in(&ben, lively));
}

/// Has something said, as a program would.
async fn send_in(world: &World, client: &Connected, room: RoomId) {
    let said = rooms::NewRoomMessage {
        room,
        user: client.client.user,
        name: "Ben",
        client_id: uuid::Uuid::new_v4().into(),
        text: "hello",
        reply_to: None,
        mentions: &[],
        attachments: rooms::Uploads::default(),
    };
    let mut tx = world.tx().await;
    rooms::send(&mut tx, &said, &*world.clock).await.unwrap().unwrap();
    tx.commit().await.unwrap();
}

/// What the store says counts, also where the hub has not heard of it.
#[tokio::test]
async fn nobody_is_rung_by_or_for_who_may_not_come_into_the_room() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let (mut ada, ben) = (world.connect().await, world.connect().await);
    let ring = |user_id| Ring { room_id: room, user_id, media: CallMedia::Audio };
    let mut tx = world.tx().await;
    for client in [&ada, &ben] {
        let (user, role) = (client.client.user, Role::Admin);
        users::create_if_absent(&mut tx, user, "Somebody", role, &*world.clock).await.unwrap();
    }
    rooms::add_member(&mut tx, room, ada.client.user, &*world.clock).await.unwrap();
    let private = rooms::RoomChange { name: None, is_private: Some(true) };
    rooms::update(&mut tx, room, private).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(code(&enter(&world, &mut ada, room).await), "");
    presence::come_online(&world.hub, &ben.client).await;
    let call = async || {
        let rung = calls::ring(&world.hub, &ada.client, &ring(ben.client.user)).await;
        rung.map_err(|failure| failure.data.code)
    };
    assert_eq!(call().await.unwrap_err(), ErrorCode::CALL_UNREACHABLE, "a private room of others");
    let mut tx = world.tx().await;
    rooms::add_member(&mut tx, room, ben.client.user, &*world.clock).await.unwrap();
    rooms::close(&mut tx, room, Some(world.clock.utc())).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(call().await.unwrap_err(), ErrorCode::ROOM_CLOSED);
    let mut tx = world.tx().await;
    rooms::close(&mut tx, room, None).await.unwrap();
    rooms::remove(&mut tx, room, ada.client.user, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(call().await.unwrap_err(), ErrorCode::NOT_IN_ROOM);
    let mut tx = world.tx().await;
    rooms::add_member(&mut tx, room, ada.client.user, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(call().await.is_ok(), "none of the refused calls has left anybody busy");
}
