//! Which media nodes are there, or were a moment ago.

use bus::Bus;
use common::{id::NodeId, subject::media::MediaNodes};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Media nodes that were there of late.
pub(crate) struct Living {
    seen: BTreeMap<NodeId, Instant>,
    /// Since when there is a look for them.
    since: Instant,
    silence: Duration,
}

impl Living {
    /// Nobody yet. Who has not been there for `silence` is missed.
    pub(crate) const fn new(since: Instant, silence: Duration) -> Self {
        Self { seen: BTreeMap::new(), since, silence }
    }

    /// Looks who is there; as [`Self::there`], and `None` too while the bus does not know.
    pub(crate) async fn look(&mut self, bus: &Bus, now: Instant) -> Option<Vec<NodeId>> {
        match bus.snapshot(&MediaNodes).await {
            Ok(seen) if seen.is_fresh => self.there(seen.entries.into_iter().map(|(_, node)| node.node), now),
            Ok(_) | Err(_) => None,
        }
    }

    /// Those that are there, or were a moment ago, of which these `living` are seen now; `None` while there has been a
    /// look for too short a time to tell.
    fn there(&mut self, living: impl Iterator<Item = NodeId>, now: Instant) -> Option<Vec<NodeId>> {
        self.seen.extend(living.map(|node| (node, now)));
        self.seen.retain(|_, seen| now.saturating_duration_since(*seen) < self.silence);
        let is_long = now.saturating_duration_since(self.since) >= self.silence;
        is_long.then(|| self.seen.keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock as _, ManualClock};

    const TICK: Duration = Duration::from_secs(30);
    const SILENCE: Duration = Duration::from_secs(120);

    #[test]
    fn a_node_is_missed_when_it_has_not_been_there_for_long_and_not_by_who_has_just_come() {
        let clock = ManualClock::default();
        let [stays, goes] = [NodeId::generate(&clock), NodeId::generate(&clock)];
        let mut nodes = Living::new(clock.now(), SILENCE);
        assert_eq!(nodes.there([stays, goes].into_iter(), clock.now()), None);
        clock.advance(SILENCE - TICK);
        assert_eq!(nodes.there([stays, goes].into_iter(), clock.now()), None);
        clock.advance(TICK);
        let both = BTreeMap::from([(stays, ()), (goes, ())]).into_keys().collect();
        assert_eq!(nodes.there([stays].into_iter(), clock.now()), Some(both), "it may be shutting down");
        clock.advance(SILENCE - TICK);
        assert_eq!(nodes.there([stays].into_iter(), clock.now()), Some(vec![stays]));
    }
}
