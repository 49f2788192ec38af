//! Calls that this instance is said to run.

use super::*;
use crate::{config::Config, testing::World};
use common::{id::ConnectionId, protocol::call::Media};
use store::calls::NewCall;

#[tokio::test]
async fn a_call_that_nobody_runs_is_found_behind_more_than_are_looked_at_in_one_go() {
    let world = World::new(Config::default()).await;
    let (room, clock) = (world.room().await, &*world.clock);
    let mut tx = world.tx().await;
    let mut said = Vec::new();
    for _ in 0..=PAGE {
        // Later ones sort later.
        clock.advance(Duration::from_millis(1));
        let new = NewCall {
            id: CallId::generate(clock),
            room,
            caller: UserId::generate(clock),
            callee: UserId::generate(clock),
            media: Media::Audio,
            device: ConnectionId::generate(clock),
            runner: world.hub.bus().node(),
        };
        calls::start(&mut tx, &new, clock).await.unwrap();
        said.push(new.id);
    }
    tx.commit().await.unwrap();
    let last = said.pop().unwrap();
    let (orders, _queue) = mpsc::channel(1);
    for call in said {
        world.hub.0.calls.insert(call, orders.clone());
    }
    for look in 0..2 {
        assert!(world.hub.0.calls.get(last).is_none(), "one that begins is recorded first");
        try_sweep(&world.hub, true).await.unwrap_or_else(|error| panic!("look {look}: {error}"));
    }
    assert!(world.hub.0.calls.get(last).is_some(), "it goes on");
}
