//! What many change at once.

use super::*;
use crate::{
    config::Config,
    rooms::{join, send},
    testing::{Connected, ID, World},
};
use common::{
    clock::Clock,
    guest::Right,
    id::ClientMessageId,
    protocol::room::{Join, Send},
    token::Bearer,
};
use serde_json::Value;

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id: Some(room_id), ..Join::default() }).await;
    assert!(client.frame().await["result"].is_object());
}

/// The next answer; what happens before it is left out.
async fn answer(client: &mut Connected) -> Value {
    loop {
        let frame = client.frame().await;
        if frame["id"] == 1 {
            return frame;
        }
    }
}

async fn say(world: &World, client: &mut Connected, room_id: RoomId) -> u64 {
    let client_id = ClientMessageId::generate(&*world.clock);
    let said = Send {
        room_id,
        client_id,
        text: "hello".to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        attachments: Vec::new(),
    };
    send(&world.hub, &client.client, Some(ID.clone()), said).await;
    answer(client).await["result"]["message"]["seq"].as_u64().unwrap()
}

/// A change of message 1 of the room, queued and not begun to be stored.
fn queued(world: &World, client: &Connected, room: RoomId, change: Change) {
    let post = Post {
        client: Arc::clone(&client.client),
        id: Some(ID.clone()),
        room: world.hub.0.rooms.get(room).unwrap(),
        what: What::Changed { message_seq: 1, change },
        outcome: None,
        _permit: None,
    };
    world.hub.0.posts.push(world.account, post);
}

fn react(emoji: &str) -> Change {
    Change::React { emoji: emoji.to_owned(), on: true }
}

/// A group of reactions to one message costs one number and one event.
#[tokio::test]
async fn what_a_group_changes_of_one_message_is_told_once_and_answered_to_each() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut people = [world.connect().await, world.connect().await, world.connect().await];
    for person in &mut people {
        enter(&world, person, room).await;
    }
    assert_eq!(say(&world, &mut people[0], room).await, 1);
    for (person, emoji) in people.iter().zip(["👍", "👍", "🎉"]) {
        queued(&world, person, room, react(emoji));
    }
    queued(&world, &people[1], room, Change::Edit { text: "not mine".to_owned() });
    crate::rooms::post::store_all(world.hub.clone(), world.account).await;
    for (at, person) in people.iter_mut().enumerate() {
        let mut changes = Vec::new();
        let answered = loop {
            let frame = person.frame().await;
            match frame["method"].as_str() {
                Some("room.messageChanged") => changes.push(frame["params"].clone()),
                Some(_) => {}
                None => break frame,
            }
        };
        let [change] = &changes[..] else { panic!("one event, before the answer: {changes:?}") };
        let counts: Vec<_> = change["message"]["reactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reaction| (reaction["emoji"].as_str().unwrap(), reaction["count"].as_u64().unwrap()))
            .collect();
        assert_eq!((change["seq"].as_u64(), counts), (Some(2), vec![("👍", 2), ("🎉", 1)]));
        assert_eq!(answered["result"]["message"], change["message"]);
        if at == 1 {
            assert_eq!(answer(person).await["error"]["data"]["code"], "auth.forbidden");
        }
    }
    assert!(world.hub.0.posts.is_empty());
}

/// The answer would show them the message.
#[tokio::test]
async fn a_guest_who_may_not_read_may_not_react() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut ada = world.connect().await;
    enter(&world, &mut ada, room).await;
    say(&world, &mut ada, room).await;
    for (rights, code) in
        [(vec![Right::SendMessages], "auth.forbidden"), (vec![Right::SendMessages, Right::ReadMessages], "")]
    {
        let mut guest = world.connect_by(&Bearer::Guest(world.guest(room, &rights))).await;
        enter(&world, &mut guest, room).await;
        let params = React { room_id: room, message_seq: 1, emoji: "👍".to_owned(), on: true };
        super::react(&world.hub, &guest.client, Some(ID.clone()), params).await;
        let answered = answer(&mut guest).await;
        assert_eq!(answered["error"]["data"]["code"].as_str().unwrap_or_default(), code);
        crate::rooms::lose_connection(&world.hub, &guest.client);
    }
}

/// What the instance has not heard of yet.
#[tokio::test]
async fn nothing_is_changed_in_a_room_that_was_closed_meanwhile_or_by_who_was_removed() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut ada = world.connect().await;
    let token = world.guest(room, &[Right::SendMessages, Right::ReadMessages]);
    let guest_id = token.id;
    let mut guest = world.connect_by(&Bearer::Guest(token)).await;
    for client in [&mut ada, &mut guest] {
        enter(&world, client, room).await;
    }
    say(&world, &mut ada, room).await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let mut tx = world.tx().await;
    rooms::remove(&mut tx, room, guest_id.as_user(), &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    let params = || React { room_id: room, message_seq: 1, emoji: "👍".to_owned(), on: true };
    super::react(&world.hub, &guest.client, Some(ID.clone()), params()).await;
    assert_eq!(answer(&mut guest).await["error"]["data"]["code"], "room.notJoined");
    let mut tx = world.tx().await;
    rooms::close(&mut tx, room, Some(world.clock.utc())).await.unwrap();
    tx.commit().await.unwrap();
    super::react(&world.hub, &ada.client, Some(ID.clone()), params()).await;
    assert_eq!(answer(&mut ada).await["error"]["data"]["code"], "room.closed");
}
