//! Calls that this instance is said to run.

use super::*;
use crate::{
    config::Config,
    testing::{World, proxy::Proxy},
};
use common::{clock::Clock, id::ConnectionId, protocol::call::Media};
use store::{calls::NewCall, testing::TestDatabase};

/// How long something may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// Else its calls would be taken over for as long as the kernel does not find out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_says_that_it_is_there_though_its_connections_are_dead_without_anybody_knowing() {
    let postgres = Proxy::start().await;
    let world = World::on(TestDatabase::create_on(&postgres.url).await, Config::default()).await;
    world.hub.spawn(watch(world.hub.clone()));
    let is_missed = async || {
        while !world.hub.0.heart.is_missed(world.clock.now()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, is_missed()).await.expect("it says so");
    postgres.freeze();
    world.clock.advance(NODE_SILENCE);
    timeout(PATIENCE, is_missed()).await.expect("it says so by another connection");
}
