//! Many who read at once.

use super::*;
use crate::{
    config::Config,
    rooms::join,
    testing::{Connected, ID, World},
};
use common::{id::ClientMessageId, protocol::room::Join};
use futures_util::future::join_all;
use store::rooms::NewRoomMessage;

/// The answer, and the positions that were told before it.
async fn answered(client: &mut Connected) -> (u64, Vec<u64>) {
    let mut told = Vec::new();
    loop {
        let frame = client.frame().await;
        if frame["method"] == "room.read" {
            told.push(frame["params"]["seq"].as_u64().unwrap());
        }
        if frame["id"] == 1 {
            return (frame["result"]["seq"].as_u64().unwrap(), told);
        }
    }
}

#[tokio::test]
async fn how_far_everybody_has_read_is_stored_and_answered() {
    let world = World::new(Config::default()).await;
    let room = world.room().await;
    let mut tx = world.tx().await;
    for _ in 0..5 {
        let new = NewRoomMessage {
            room,
            user: UserId::generate(&*world.clock),
            name: "Grace",
            client_id: ClientMessageId::generate(&*world.clock),
            text: "hello",
            reply_to: None,
            mentions: &[],
            attachments: rooms::Uploads::default(),
        };
        rooms::send(&mut tx, &new, &*world.clock).await.unwrap().unwrap();
    }
    tx.commit().await.unwrap();
    let mut people = Vec::new();
    for _ in 0..8 {
        let mut client = world.connect().await;
        let params = Join { room_id: Some(room), unread: true, ..Join::default() };
        join(&world.hub, &client.client, Some(&ID), &params).await;
        assert_eq!(client.frame().await["result"]["read"]["seq"], 0);
        people.push(client);
    }
    let params = |seq| Read { room_id: room, seq };
    let params: Vec<Read> = (1..=8).map(params).collect();
    let reads = people
        .iter()
        .zip(&params)
        .map(|(client, params)| read(&world.hub, &client.client, Some(ID.clone()), params));
    join_all(reads).await;
    for (client, seq) in people.iter_mut().zip(1..) {
        assert_eq!(answered(client).await.0, seq.min(5), "no further than the room");
    }
    let back = Read { room_id: room, seq: 2 };
    let last = people.last_mut().unwrap();
    read(&world.hub, &last.client, Some(ID.clone()), &back).await;
    assert_eq!(answered(last).await.0, 5, "never back");
    assert!(world.hub.0.reads.is_empty());
}
