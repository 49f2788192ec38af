//! Who may come into a room, and what is left when they do not.

use super::*;
use crate::{
    config::Config,
    testing::{Connected, ID, World},
};
use common::{
    id::RoomId,
    protocol::room::{Join, ROOMS_MAX},
};
use serde_json::Value;

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) -> Value {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id, after: None }).await;
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
    assert_eq!(remove(&world.hub, room, RemovalReason::Removed, |client| client.id == id).await, 1);
    for method in ["room.memberJoined", "room.memberLeft"] {
        assert_eq!(watcher.frame().await["method"], method);
    }
    assert!(ada.client.held().rooms.is_empty());
    assert_eq!(code(&enter(&world, &mut ada, room).await), "", "the store lets them in");
}
