//! Devices of a user who follow their mailbox.

use super::*;
use crate::{
    config::Config,
    testing::{Connected, ID, World},
};
use common::{
    id::{CallId, RoomId, UserId},
    protocol::mailbox::ENTRIES_MAX,
    token::{Bearer, Role},
};
use serde_json::{Value, json};
use store::mailbox::{Cause, NewEntry};

async fn add(world: &World, user: UserId, count: u32) -> Vec<Delivered> {
    let new = |_| NewEntry {
        user,
        cause: Cause::CallMissed(CallId::generate(&*world.clock)),
        from: user,
        name: "Ada".to_owned(),
        room: RoomId::generate(&*world.clock),
    };
    let new: Vec<NewEntry> = (0..count).map(new).collect();
    let mut tx = world.tx().await;
    let delivered = mailbox::add(&mut tx, &new, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    delivered
}

async fn two_devices(world: &World) -> (UserId, Connected, Connected) {
    let person = Bearer::Caller(world.person(Role::Admin.permissions()));
    (person.user(), world.connect_by(&person).await, world.connect_by(&person).await)
}

async fn subscribed(world: &World, device: &mut Connected, after: Option<u64>) -> Value {
    subscribe(&world.hub, &device.client, Some(&ID), after).await;
    device.frame().await["result"].take()
}

fn numbers(answer: &Value) -> Vec<u64> {
    answer["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn every_device_gets_each_entry_once_and_what_one_acknowledges_the_others_learn() {
    let world = World::new(Config::default()).await;
    let (user, mut phone, mut desktop) = two_devices(&world).await;
    add(&world, user, 2).await;
    let answer = subscribed(&world, &mut phone, None).await;
    assert_eq!((numbers(&answer), &answer["complete"]), (vec![1, 2], &json!(true)));
    assert_eq!(numbers(&subscribed(&world, &mut desktop, Some(1)).await), [2]);
    let entries = add(&world, user, 1).await;
    tell(&world.hub, world.account, entries.clone());
    tell(&world.hub, world.account, entries);
    for device in [&mut phone, &mut desktop] {
        assert_eq!(device.frame().await["params"]["seq"], 3);
    }
    for (seq, expected) in [(2, 2), (1, 2), (900, 3)] {
        let acknowledged = acknowledge(&world.hub, &phone.client, &Acknowledge { seq }).await.unwrap();
        assert_eq!(acknowledged.seq, expected);
    }
    for seq in [2, 3] {
        let told = desktop.frame().await;
        assert_eq!((&told["method"], &told["params"]["seq"]), (&json!("mailbox.acknowledged"), &json!(seq)));
    }
    for device in [&phone, &desktop] {
        assert!(!world.hub.0.mailboxes.all().is_empty());
        lose_connection(&world.hub, &device.client);
    }
    assert!(world.hub.0.mailboxes.all().is_empty());
}

#[tokio::test]
async fn what_was_not_heard_is_read_in_the_store_and_nobody_else_is_told_of_it() {
    let world = World::new(Config::default()).await;
    let (user, mut phone, _) = two_devices(&world).await;
    let mut other = world.connect().await;
    subscribed(&world, &mut phone, None).await;
    subscribed(&world, &mut other, None).await;
    // Another instance has stored these, and this one hears of the last alone.
    let mut entries = add(&world, user, 250).await;
    tell(&world.hub, world.account, entries.split_off(249));
    for seq in 1..=250 {
        assert_eq!(phone.frame().await["params"]["seq"], seq);
    }
    // Nothing is heard of these at all, and of more than are kept the latest are told.
    for _ in 0..2 {
        add(&world, user, ENTRIES_MAX).await;
    }
    add(&world, user, 1).await;
    world.hub.0.mailboxes.get(world.account).unwrap().doubt_all();
    for seq in 1252..=2251 {
        assert_eq!(phone.frame().await["params"]["seq"], seq);
    }
    tell(&world.hub, world.account, add(&world, other.client.user, 1).await);
    assert_eq!(other.frame().await["params"]["seq"], 1, "others' entries were not theirs");
}

#[tokio::test]
async fn a_long_mailbox_is_answered_with_one_page() {
    let world = World::new(Config::default()).await;
    let (user, mut phone, _) = two_devices(&world).await;
    for _ in 0..3 {
        add(&world, user, ENTRIES_MAX).await;
    }
    let all: Vec<u64> = (2901..=3000).collect();
    for after in [None, Some(0), Some(2800), Some(9999)] {
        let answer = subscribed(&world, &mut phone, after).await;
        assert_eq!((numbers(&answer), &answer["complete"]), (all.clone(), &json!(false)), "{after:?}");
    }
    let answer = subscribed(&world, &mut phone, Some(2900)).await;
    assert_eq!((numbers(&answer), &answer["complete"]), (all, &json!(true)));
}
