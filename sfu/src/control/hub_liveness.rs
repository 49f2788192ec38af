//! Which hub instances are gone for so long that their participants must be dropped.

use common::id::NodeId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long a hub instance must be missing, with the bus up all the while.
///
/// Shorter frees the seats of a crashed instance's clients sooner; longer
/// forgives an instance that is slow. Its clients reconnect within seconds.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Every instance that participants are connected to, and when it was last known to live.
#[derive(Debug, Default)]
pub(crate) struct HubLiveness {
    seen: BTreeMap<NodeId, Instant>,
}

impl HubLiveness {
    /// A request came from this instance: it lives.
    pub(crate) fn note(&mut self, hub: NodeId, now: Instant) {
        self.seen.insert(hub, now);
    }

    /// The bus is not to be relied upon: nobody is judged by what it says now,
    /// and everybody has the whole grace again once it is back.
    pub(crate) fn suspend(&mut self, now: Instant) {
        for seen in self.seen.values_mut() {
            *seen = now;
        }
    }

    /// Compares with the instances that are `present` and returns those that
    /// are gone, each once.
    pub(crate) fn observe(&mut self, present: &[NodeId], now: Instant) -> Vec<NodeId> {
        for hub in present {
            if let Some(seen) = self.seen.get_mut(hub) {
                *seen = now;
            }
        }
        self.seen
            .extract_if(.., |_, seen| now.saturating_duration_since(*seen) > GRACE)
            .map(|(hub, _)| hub)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    #[test]
    fn a_hub_is_gone_once_it_was_missing_for_longer_than_the_grace() {
        let clock = ManualClock::default();
        let (lost, kept) = (NodeId::generate(&clock), NodeId::generate(&clock));
        let mut hub_liveness = HubLiveness::default();
        hub_liveness.note(lost, clock.now());
        hub_liveness.note(kept, clock.now());
        clock.advance(GRACE);
        assert!(hub_liveness.observe(&[kept], clock.now()).is_empty());
        clock.advance(Duration::from_millis(1));
        assert_eq!(hub_liveness.observe(&[kept], clock.now()), [lost]);
        assert!(hub_liveness.observe(&[kept], clock.now()).is_empty(), "each is reported once");
    }

    #[test]
    fn time_without_the_bus_counts_against_nobody() {
        let clock = ManualClock::default();
        let hub = NodeId::generate(&clock);
        let mut hub_liveness = HubLiveness::default();
        hub_liveness.note(hub, clock.now());
        clock.advance(GRACE * 10);
        hub_liveness.suspend(clock.now());
        clock.advance(GRACE);
        assert!(hub_liveness.observe(&[], clock.now()).is_empty());
    }

    #[test]
    fn instances_without_participants_are_not_remembered() {
        let clock = ManualClock::default();
        let mut hub_liveness = HubLiveness::default();
        assert!(hub_liveness.observe(&[NodeId::generate(&clock)], clock.now()).is_empty());
        assert!(hub_liveness.seen.is_empty());
    }
}
