//! Rooms, presence and calls on several instances under one seed: a virtual store, bus and clients, in virtual time.
//!
//! News between instances is late or lost, instances are killed, cut off and started again, clients come and go,
//! are too slow and come back. Whatever happens, each client gets every message of its rooms, and every change of one,
//! once and in order;
//! and once it has been quiet for a while, everybody has everything and knows who is there: in their rooms, and
//! online at all. Nobody is left ringing, one device at most takes a call, both sides
//! agree on how it ended, and no call stays open which nobody is in, whichever instances ran it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "test code: whatever is not as expected is a failure"
)]
#![allow(clippy::wildcard_enum_match_arm, reason = "of all events there are, few are those of rooms")]

mod accidents;
mod bus;
mod calls;
mod client;
mod dice;
mod online;
mod recent;
mod rooms;
mod statuses;
mod store;
mod world;

use calls::Counts;
use world::World;

/// Steps of each run, and runs: a million in all.
const STEPS: usize = 20_000;

/// What came of its calls.
fn run(seed: u64, instances: usize, clients: usize, rooms: usize) -> Counts {
    let mut world = World::new(seed, instances, clients, rooms);
    for _ in 0..STEPS {
        world.step();
    }
    world.settle();
    world.check();
    world.check_online();
    world.check_calls()
}

#[test]
fn few_people_on_two_instances() {
    let calls: Counts = (0..20).map(|seed| run(seed, 2, 8, 2)).sum();
    assert!(
        calls.taken > 200 && calls.resumed > 20 && calls.taken_over > 20 && calls.ran_on > 5,
        "{calls:?}"
    );
}

#[test]
fn more_people_on_three_instances() {
    let calls: Counts = (100..120).map(|seed| run(seed, 3, 24, 4)).sum();
    assert!(
        calls.taken > 200 && calls.resumed > 20 && calls.taken_over > 20 && calls.ran_on > 5,
        "{calls:?}"
    );
    assert!(calls.groups > 20 && calls.transferred > 5, "{calls:?}");
    assert!(calls.to_room > 5 && calls.withdrawn > 5, "{calls:?}");
}

/// More than are told one by one.
#[test]
fn a_crowd_on_three_instances() {
    let calls: Counts = (200..210).map(|seed| run(seed, 3, 150, 2)).sum();
    assert!(calls.taken > 20, "{calls:?}");
}
