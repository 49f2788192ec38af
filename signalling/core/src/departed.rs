//! Devices that have gone, for as long as it may still be said or read that they are there.

use common::id::ConnectionId;
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// See the module. Each costs some 60 bytes until later ones push it out.
#[derive(Debug)]
pub(crate) struct Departed {
    time: Duration,
    until: BTreeMap<ConnectionId, Instant>,
    order: VecDeque<(Instant, ConnectionId)>,
}

impl Departed {
    /// Remembers each for this long.
    pub(crate) const fn new(time: Duration) -> Self {
        Self { time, until: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Whether this one has gone lately, and not come back.
    pub(crate) fn has(&self, connection: ConnectionId, now: Instant) -> bool {
        self.until.get(&connection).is_some_and(|until| now < *until)
    }

    /// One has gone.
    pub(crate) fn insert(&mut self, connection: ConnectionId, now: Instant) {
        while let Some((until, first)) = self.order.front().copied()
            && until <= now
        {
            self.order.pop_front();
            // Unless it has gone once more since.
            if self.until.get(&first) == Some(&until) {
                self.until.remove(&first);
            }
        }
        let until = now + self.time;
        self.until.insert(connection, until);
        self.order.push_back((until, connection));
    }

    /// One is back.
    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        self.until.remove(&connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use uuid::Uuid;

    #[test]
    fn who_has_gone_is_remembered_for_a_while_counted_from_the_last_time() {
        let (clock, time) = (ManualClock::default(), Duration::from_secs(10));
        let [one, other] = [1, 2].map(|n| ConnectionId::from_uuid(Uuid::from_u128(n)));
        let mut departed = Departed::new(time);
        let has = |departed: &Departed, who| departed.has(who, clock.now());
        departed.insert(one, clock.now());
        departed.remove(one);
        assert!(!has(&departed, one), "it is back");
        clock.advance(time / 2);
        departed.insert(one, clock.now());
        clock.advance(time / 2);
        departed.insert(other, clock.now());
        assert!(has(&departed, one) && has(&departed, other));
        clock.advance(time / 2);
        assert!(!has(&departed, one) && has(&departed, other));
        departed.insert(other, clock.now());
        assert_eq!(departed.until.len(), 1, "and then no more");
    }
}
