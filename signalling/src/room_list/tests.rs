//! People who follow the rooms of their account without having joined any.

use super::*;
use crate::{
    config::Config,
    testing::{Connected, ID, World},
};
use common::{
    id::{ClientMessageId, RoomId, UserId},
    protocol::rooms::RoomCall,
    subject::media::{AccountSessions, AccountSessionsTopic, SessionSummary},
    token::Role,
};
use serde_json::{Value, json};
use signalling_core::room_list::ROUND_TIME;
use store::{
    TenantTx,
    rooms::{self, NewRoomMessage, Position, Uploads},
};

async fn say(tx: &mut TenantTx, world: &World, room: RoomId) {
    let new = NewRoomMessage {
        room,
        user: UserId::generate(&*world.clock),
        name: "Grace",
        client_id: ClientMessageId::generate(&*world.clock),
        text: "hello",
        reply_to: None,
        mentions: &[],
        attachments: Uploads::default(),
    };
    rooms::send(tx, &new, &*world.clock).await.unwrap().unwrap();
}

/// Stores messages in a room, and says so.
async fn said(world: &World, room: RoomId, count: u32) {
    let mut tx = world.tx().await;
    for _ in 0..count {
        say(&mut tx, world, room).await;
    }
    tx.commit().await.unwrap();
    moved(&world.hub, world.account, [room]);
}

async fn following(world: &World) -> Connected {
    let connected = world.connect().await;
    subscribe(&world.hub, &connected.client, None).await;
    connected
}

async fn member(world: &World, room: RoomId, who: &Connected) {
    let mut tx = world.tx().await;
    rooms::add_member(&mut tx, room, who.client.user, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the next frame says: which room, how far it was read, and how much is unread.
async fn told(who: &mut Connected) -> (Value, Value, Value) {
    let mut frame = who.frame().await;
    assert_eq!(frame["method"], "rooms.unreadChanged");
    let room = frame["params"]["rooms"][0].take();
    (room["roomId"].clone(), room["read"]["seq"].clone(), room["read"]["unread"].clone())
}

#[tokio::test]
async fn members_learn_what_is_unread_and_others_nothing() {
    let world = World::new(Config::default()).await;
    let (private, open) = (world.room().await, world.room().await);
    let mut tx = world.tx().await;
    let change = rooms::RoomChange { is_private: Some(true), ..rooms::RoomChange::default() };
    rooms::update(&mut tx, private, change).await.unwrap();
    tx.commit().await.unwrap();
    let (mut ada, mut eve) = (following(&world).await, following(&world).await);
    member(&world, private, &ada).await;
    member(&world, open, &eve).await;
    said(&world, private, 3).await;
    assert_eq!(told(&mut ada).await, (json!(private), json!(0), json!(3)));
    world.clock.advance(ROUND_TIME);
    let mut tx = world.tx().await;
    let position = Position { room: private, user: ada.client.user, seq: 2 };
    rooms::read_to(&mut tx, &[position]).await.unwrap();
    tx.commit().await.unwrap();
    read(&world.hub, world.account, &[position]);
    assert_eq!(told(&mut ada).await, (json!(private), json!(2), json!(1)));
    world.clock.advance(ROUND_TIME);
    said(&world, open, 1).await;
    assert_eq!(told(&mut eve).await, (json!(open), json!(0), json!(1)), "and of no other room before");
}

/// Would pass for the wrong reason if the second message were told by its own news: nobody says it.
#[tokio::test]
async fn what_was_told_nobody_is_found_by_the_rooms_numbers() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut ada = following(&world).await;
    member(&world, room, &ada).await;
    said(&world, room, 1).await;
    assert_eq!(told(&mut ada).await.2, 1);
    let mut tx = world.tx().await;
    say(&mut tx, &world, room).await;
    tx.commit().await.unwrap();
    world.clock.advance(ROUND_TIME);
    world.hub.0.room_lists.get(world.account).unwrap().doubt();
    assert_eq!(told(&mut ada).await.2, 2);
}

#[tokio::test]
async fn who_leaves_or_may_no_longer_is_told_nothing_and_the_list_ends_with_the_last() {
    let world = World::new(Config::default()).await;
    let (ada, ben) = (following(&world).await, following(&world).await);
    unsubscribe(&world.hub, &ada.client);
    unsubscribe(&world.hub, &ada.client);
    assert!(world.hub.0.room_lists.get(world.account).is_some());
    recheck(&world.hub, &ben.client);
    assert!(world.hub.0.room_lists.get(world.account).is_some(), "the token still allows it");
    lose_connection(&world.hub, &ben.client);
    assert!(world.hub.0.room_lists.get(world.account).is_none());
    let permissions = Role::AgentUser.permissions();
    let agent = common::token::Bearer::Caller(world.person(permissions));
    let late = world.connect_by(&agent).await;
    subscribe(&world.hub, &late.client, None).await;
    assert!(world.hub.0.room_lists.get(world.account).is_some(), "opened anew");
}

/// The next frame's call: in which room, and how many are in it.
async fn told_of_call(who: &mut Connected) -> (Value, Value) {
    let mut frame = who.frame().await;
    assert_eq!(frame["method"], "rooms.callsChanged");
    let room = frame["params"]["rooms"][0].take();
    (room["roomId"].clone(), room["participantCount"].clone())
}

/// Nobody says that the last one is over: its entry is gone with its node.
#[tokio::test]
async fn calls_are_told_as_their_nodes_say_and_end_with_them() {
    let world = World::new(Config::default()).await;
    let (before, after) = (world.room().await, world.room().await);
    let (bus, set) = (world.hub.bus(), AccountSessions(world.account));
    let session = |room_id, participant_count, revision| {
        let call = RoomCall { room_id, participant_count, participants: Vec::new() };
        SessionSummary { node: bus.node(), call, revision }
    };
    let first = bus.present(&set, "first", &session(before, 2, 1)).await.unwrap();
    let mut ada = world.connect().await;
    subscribe(&world.hub, &ada.client, Some(&ID)).await;
    assert_eq!(ada.frame().await["result"], json!({}));
    assert_eq!(told_of_call(&mut ada).await, (json!(before), json!(2)));
    world.clock.advance(ROUND_TIME);
    let _second = bus.present(&set, "second", &session(after, 3, 1)).await.unwrap();
    bus.publish(&AccountSessionsTopic(world.account), &session(after, 3, 1)).await.unwrap();
    assert_eq!(told_of_call(&mut ada).await, (json!(after), json!(3)));
    world.clock.advance(ROUND_TIME);
    drop(first);
    live::doubt_sessions(&world.hub.0.room_lists);
    assert_eq!(told_of_call(&mut ada).await, (json!(before), json!(0)));
    world.clock.advance(ROUND_TIME);
    let mut tx = world.tx().await;
    rooms::ban(&mut tx, after, ada.client.user, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    review(&world.hub, &Reviews::Of([(world.account, after)].into()));
    assert_eq!(told_of_call(&mut ada).await, (json!(after), json!(0)), "she is banned");
}
