//! Which media node has which room's session, as far as somebody here is in it, and which of these nodes has died.

use common::id::{NodeId, RoomId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long the bus must have been there throughout before it counts that it does not know a node: a node that lives takes
/// as long at most to say again that it does, after an outage.
const SETTLED_AFTER: Duration = Duration::from_secs(6);

/// How often in a row a node must not be there.
const MISSES_MAX: u32 = 2;

/// See the module. Bounded by the rooms that are open here, if those that are not are [forgotten](Self::retain).
#[derive(Debug, Default)]
pub struct MediaOwners {
    rooms: BTreeMap<RoomId, NodeId>,
    /// How often in a row these were not there.
    misses: BTreeMap<NodeId, u32>,
    /// Since when the bus has been there.
    there_since: Option<Instant>,
}

impl MediaOwners {
    /// This node has answered for the room's session.
    pub fn note(&mut self, room: RoomId, owner: NodeId) {
        self.rooms.insert(room, owner);
    }

    /// Whether there is any session to look after.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Forgets rooms.
    pub fn retain(&mut self, is_open: impl Fn(RoomId) -> bool) {
        self.rooms.retain(|room, _| is_open(*room));
    }

    /// The bus is not to be relied upon.
    pub fn suspend(&mut self) {
        self.there_since = None;
        self.misses.clear();
    }

    /// Compares with the media nodes that are `present`. Returns the rooms whose node has died, each once.
    pub fn observe(&mut self, present: &BTreeSet<NodeId>, now: Instant) -> Vec<RoomId> {
        let since = *self.there_since.get_or_insert(now);
        let missing: BTreeSet<NodeId> =
            self.rooms.values().filter(|owner| !present.contains(owner)).copied().collect();
        self.misses.retain(|node, _| missing.contains(node));
        if now.saturating_duration_since(since) < SETTLED_AFTER {
            return Vec::new();
        }
        for node in missing {
            *self.misses.entry(node).or_default() += 1;
        }
        let misses = &self.misses;
        let is_dead = |owner: &NodeId| misses.get(owner).is_some_and(|misses| *misses >= MISSES_MAX);
        self.rooms.extract_if(.., |_, owner| is_dead(owner)).map(|(room, _)| room).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    struct World {
        clock: ManualClock,
        owners: MediaOwners,
        room: RoomId,
        owner: NodeId,
    }

    impl World {
        fn new() -> Self {
            let clock = ManualClock::default();
            let (room, owner) = (RoomId::generate(&clock), NodeId::generate(&clock));
            let mut owners = MediaOwners::default();
            owners.note(room, owner);
            Self { clock, owners, room, owner }
        }

        fn look(&mut self, is_there: bool) -> Vec<RoomId> {
            let present = is_there.then_some(self.owner).into_iter().collect();
            self.owners.observe(&present, self.clock.now())
        }

        fn settle(&mut self) {
            assert_eq!(self.look(true), []);
            self.clock.advance(SETTLED_AFTER);
        }
    }

    #[test]
    fn a_node_has_died_that_was_missing_twice_in_a_row() {
        let mut world = World::new();
        world.settle();
        assert_eq!(world.look(false), []);
        assert_eq!(world.look(true), [], "it was slow");
        assert_eq!(world.look(false), []);
        assert_eq!(world.look(false), [world.room]);
        assert_eq!(world.look(false), [], "it is said once");
        assert!(world.owners.is_empty());
    }

    #[test]
    fn after_an_outage_every_node_has_the_time_to_come_back() {
        let mut world = World::new();
        world.settle();
        world.look(false);
        world.owners.suspend();
        for _ in 0..5 {
            assert_eq!(world.look(false), []);
        }
        world.clock.advance(SETTLED_AFTER);
        assert_eq!(world.look(true), []);
        assert_eq!(world.look(false), []);
        assert_eq!(world.look(false), [world.room]);
    }

    #[test]
    fn a_session_that_has_moved_is_not_lost_with_the_node_of_before() {
        let mut world = World::new();
        world.settle();
        world.look(false);
        let next = NodeId::generate(&world.clock);
        world.owners.note(world.room, next);
        let present = BTreeSet::from([next]);
        for _ in 0..5 {
            assert_eq!(world.owners.observe(&present, world.clock.now()), []);
        }
    }
}
