//! When a lane says that it has room.

use super::*;
use crate::{
    client::Queue,
    config::Config,
    flusher::{Flush, Flusher},
    testing::{self, ID, World},
};
use common::{id::ConnectionId, token::Bearer};
use std::time::Duration;
use tokio::time::timeout;

/// How long something may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn fill_with_answers(queue: &Arc<Queue>) {
    while queue.has_room_for_answers() {
        queue.answer(&ID, &Ok(()));
    }
}

/// Else the connection would not be read until the next request is done, which may wait for long.
#[tokio::test]
async fn a_lane_says_that_it_has_room_once_it_has_though_answers_had_to_be_read_first() {
    let world = World::new(Config::default()).await;
    let id = ConnectionId::generate(&*world.clock);
    // Nothing flushes but the test.
    let (queue, _far) = testing::queue(id, Flusher::default()).await;
    let bearer = Bearer::Guest(world.guest(world.room().await, &[]));
    let client = Arc::new(Client::new(id, &bearer, "Ada".to_owned(), Arc::clone(&queue)));
    let (lane, begun, done) = (Lane::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (first, last) = (Arc::clone(&begun), Arc::clone(&done));
    lane.push(&world.hub, &client, 1, async move {
        first.notified().await;
        last.notify_one();
    });
    for _ in 0..WAITING_MAX {
        lane.push(&world.hub, &client, 1, std::future::pending());
    }
    assert!(!lane.has_room());
    fill_with_answers(&queue);
    begun.notify_one();
    let has_room = async {
        while !lane.has_room() {
            lane.changed().await;
        }
    };
    let read = async {
        done.notified().await;
        queue.flush();
    };
    timeout(PATIENCE, async { tokio::join!(has_room, read) }).await.expect("it says so");
}
