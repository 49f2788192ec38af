//! What is said in many rooms at once.

use super::*;
use crate::{
    config::Config,
    rooms::join,
    testing::{Connected, ID, World},
};
use common::{clock::Clock, id::ClientMessageId, protocol::room::Join, token::Bearer};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use store::rooms;

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id: Some(room_id), ..Join::default() }).await;
    assert!(client.frame().await["result"].is_object());
}

/// A message that refers to nothing.
fn plain(room_id: RoomId, client_id: ClientMessageId, text: String) -> Send {
    Send { room_id, client_id, text, reply_to: None, mentions: Vec::new(), attachments: Vec::new() }
}

/// Says so many things, each in the next of these rooms, without waiting for the answers.
async fn say(world: &World, client: &Connected, rooms: &[RoomId], count: u64) {
    for (number, room) in (0..count).zip(rooms.iter().cycle()) {
        let client_id = ClientMessageId::generate(&*world.clock);
        let said = plain(*room, client_id, number.to_string());
        send(&world.hub, &client.client, Some(RequestId::Number(number)), said).await;
    }
}

/// What the stored and told messages of a frame say: the room, the number in it, whose it is, and the text.
fn told(frame: &Value) -> Option<(String, u64, String, u64)> {
    let (room, message) = (frame["params"]["roomId"].as_str()?, &frame["params"]["message"]);
    let text = message["text"].as_str()?.parse().ok()?;
    Some((room.to_owned(), message["seq"].as_u64()?, message["userId"].as_str()?.to_owned(), text))
}

/// More than a group has, from several at once: everybody is told everything once and in order, and each is answered.
#[tokio::test]
async fn what_many_say_at_once_is_stored_and_told_in_order() {
    const EACH: u64 = 100;
    let world = World::new(Config::default()).await;
    let rooms = [world.room().await, world.room().await, world.room().await];
    let mut people = [world.connect().await, world.connect().await, world.connect().await];
    for person in &mut people {
        for room in rooms {
            enter(&world, person, room).await;
        }
    }
    let [first, second, third] = &people;
    tokio::join!(
        say(&world, first, &rooms, EACH),
        say(&world, second, &rooms, EACH),
        say(&world, third, &rooms, EACH)
    );
    for person in &mut people {
        let (mut answers, mut events) = (Vec::new(), Vec::new());
        while answers.len() < usize::try_from(EACH).unwrap() || events.len() < people_total(EACH) {
            let frame = person.frame().await;
            match told(&frame) {
                Some(event) => events.push(event),
                None if frame["result"].is_object() => answers.push(frame["id"].as_u64().unwrap()),
                None => {}
            }
        }
        answers.sort_unstable();
        assert_eq!(answers, (0..EACH).collect::<Vec<_>>(), "each is answered once");
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut said: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (room, seq, user, number) in events {
            let before = last.insert(room.clone(), seq).unwrap_or(0);
            assert_eq!(seq, before + 1, "numbered without gaps and told in order");
            if let Some(before) = said.insert((room, user), number) {
                assert!(number > before, "nobody is overtaken by themselves");
            }
        }
    }
}

/// As many as three people say.
fn people_total(each: u64) -> usize {
    usize::try_from(each * 3).unwrap()
}

/// Passes for the wrong reason if the three were stored one by one: nothing is written before all have been said.
#[tokio::test]
async fn who_may_no_more_is_refused_and_the_others_of_the_group_are_stored() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut guest_token = world.guest(room, &[common::guest::Right::SendMessages]);
    guest_token.issued_at = world.clock.utc();
    let guest_id = guest_token.id;
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    let mut guest = world.connect_by(&Bearer::Guest(guest_token)).await;
    for client in [&mut ada, &mut ben, &mut guest] {
        enter(&world, client, room).await;
    }
    // The instance has not heard of it yet.
    let mut tx = world.tx().await;
    world.clock.advance(Duration::from_secs(1));
    rooms::remove(&mut tx, room, guest_id.as_user(), &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    let hello = || plain(room, ClientMessageId::generate(&*world.clock), "hello".to_owned());
    let answers =
        store_together(&world, &mut [(&mut ada, hello()), (&mut guest, hello()), (&mut ben, hello())]).await;
    assert_eq!(answers, [Ok(1), Err("room.notJoined".into()), Ok(2)]);
}

/// The answer to the first was lost on its way.
#[tokio::test]
async fn what_is_sent_again_among_others_is_stored_once_and_the_others_without_a_gap() {
    let world = World::new(Config::default()).await;
    let rooms = [world.room().await, world.room().await];
    let (mut ada, mut ben, mut eve) = (world.connect().await, world.connect().await, world.connect().await);
    for client in [&mut ada, &mut ben, &mut eve] {
        enter(&world, client, rooms[0]).await;
        enter(&world, client, rooms[1]).await;
    }
    let hello = |room| plain(room, ClientMessageId::generate(&*world.clock), "hello".to_owned());
    let lost = hello(rooms[0]);
    assert_eq!(store_together(&world, &mut [(&mut ada, lost.clone())]).await, [Ok(1)]);
    let mut group = [(&mut ben, hello(rooms[0])), (&mut ada, lost), (&mut eve, hello(rooms[1]))];
    assert_eq!(store_together(&world, &mut group).await, [Ok(2), Ok(1), Ok(1)]);
    let mut group = [(&mut ada, hello(rooms[0])), (&mut ben, hello(rooms[1]))];
    assert_eq!(store_together(&world, &mut group).await, [Ok(3), Ok(2)]);
}

/// Has all of this stored in one group; the number of each, or the code of why there is none.
async fn store_together(world: &World, group: &mut [(&mut Connected, Send)]) -> Vec<Result<u64, Value>> {
    let mut are_first = Vec::new();
    for (client, said) in &*group {
        let post = Post {
            client: Arc::clone(&client.client),
            id: Some(ID.clone()),
            room: world.hub.0.rooms.get(said.room_id).unwrap(),
            what: What::Said(said.clone()),
            outcome: None,
            _permit: None,
        };
        are_first.push(world.hub.0.posts.push(world.account, post));
    }
    assert_eq!(are_first.iter().position(|is_first| *is_first), Some(0));
    assert!(are_first[1..].iter().all(|is_first| !is_first), "the others wait with the first");
    store_all(world.hub.clone(), world.account).await;
    let mut answers = Vec::new();
    for (client, _) in group {
        let answer = loop {
            let frame = client.frame().await;
            if frame["id"] == 1 {
                break frame;
            }
        };
        answers
            .push(answer["result"]["message"]["seq"].as_u64().ok_or(answer["error"]["data"]["code"].clone()));
    }
    assert!(world.hub.0.posts.is_empty());
    answers
}

/// Whoever says something and leaves at once, or is gone, has said it.
#[tokio::test]
async fn what_somebody_said_who_is_gone_is_told() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    enter(&world, &mut ada, room).await;
    enter(&world, &mut ben, room).await;
    say(&world, &ada, &[room], 20).await;
    super::super::lose_connection(&world.hub, &ada.client);
    drop(ada);
    for number in 1..=20 {
        let seq = loop {
            let frame = ben.frame().await;
            if let Some((_, seq, ..)) = told(&frame) {
                break seq;
            }
        };
        assert_eq!(seq, number);
    }
}
