//! What this instance has stored without hearing that it has.

use super::*;
use crate::{
    config::Config,
    rooms::{self, join},
    testing::{Connected, ID, World, proxy::Proxy},
};
use common::{
    id::ClientMessageId,
    protocol::room::{Join, Send},
    subject::link::LinkUp,
};
use store::testing::TestDatabase;
use tokio::time::timeout;

/// How long something may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(60);

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id: Some(room_id), ..Join::default() }).await;
    assert!(client.frame().await["result"].is_object());
}

/// Passes for the wrong reason if the sender tried again, or somebody said something after it: nobody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_without_the_hub_hearing_of_it_is_told_all_the_same() {
    let postgres = Proxy::start().await;
    let world = World::on(TestDatabase::create_on(&postgres.url).await, Config::default()).await;
    let others = world.hub.bus().subscribe(&LinkUp).await.unwrap();
    world.hub.spawn(watch(world.hub.clone(), others));
    let room = world.room().await;
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    enter(&world, &mut ada, room).await;
    enter(&world, &mut ben, room).await;
    postgres.lose_commit();
    let said = Send {
        room_id: room,
        client_id: ClientMessageId::generate(&*world.clock),
        text: "hello".to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        attachments: Vec::new(),
    };
    rooms::send(&world.hub, &ada.client, Some(ID.clone()), said).await;
    let answer = async {
        loop {
            let frame = ada.frame().await;
            if frame["id"] == 1 {
                return frame;
            }
        }
    };
    let answer = timeout(PATIENCE, answer).await.expect("it is answered");
    assert_eq!(answer["error"]["data"]["code"], "unavailable");
    let told = async { while ben.frame().await["params"]["message"]["text"] != "hello" {} };
    timeout(PATIENCE, told).await.expect("it is told");
}
