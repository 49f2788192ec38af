//! When what is to be looked after.

use slotmap::{Key, SecondaryMap};
use std::{collections::BTreeSet, time::Instant};

/// A moment for each of some keys, the earliest found at once.
///
/// Changing one costs the logarithm of how many there are; what is not due costs nothing.
pub(crate) struct Schedule<K: Key> {
    queue: BTreeSet<(Instant, K)>,
    moments: SecondaryMap<K, Instant>,
}

impl<K: Key> Default for Schedule<K> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), moments: SecondaryMap::new() }
    }
}

impl<K: Key> Schedule<K> {
    /// The earliest moment.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// This is to be looked after then, whatever was said before.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        if self.moments.get(key) != Some(&at) {
            self.remove(key);
            self.moments.insert(key, at);
            self.queue.insert((at, key));
        }
    }

    /// This is to be looked after then, unless it is to be earlier anyway.
    pub(crate) fn set_if_earlier(&mut self, key: K, at: Instant) {
        if self.moments.get(key).is_none_or(|known| at < *known) {
            self.set(key, at);
        }
    }

    /// This needs no looking after.
    pub(crate) fn remove(&mut self, key: K) {
        if let Some(at) = self.moments.remove(key) {
            self.queue.remove(&(at, key));
        }
    }

    /// Takes out what has been due the longest.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (_, key) = self.queue.first().copied().filter(|(at, _)| *at <= now)?;
        self.remove(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TransportId;
    use common::clock::{Clock, ManualClock};
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use slotmap::SlotMap;
    use std::{collections::BTreeMap, time::Duration};

    /// Does the same as a map that is searched from end to end.
    #[test]
    fn what_is_due_comes_out_in_its_order_and_once() {
        let mut random = StdRng::seed_from_u64(11);
        let start = ManualClock::default().now();
        let at = |steps: u64| start + Duration::from_millis(steps);
        let mut keys = SlotMap::<TransportId, ()>::with_key();
        let keys: Vec<TransportId> = (0..20).map(|_| keys.insert(())).collect();
        let (mut schedule, mut model) = (Schedule::default(), BTreeMap::new());
        for step in 0..20_000 {
            let key = keys[random.random_range(0..keys.len())];
            let moment = at(step / 10 + random.random_range(0..100));
            match random.random_range(0..4) {
                0 => {
                    schedule.set(key, moment);
                    model.insert(key, moment);
                }
                1 => {
                    schedule.set_if_earlier(key, moment);
                    model.entry(key).and_modify(|known| *known = moment.min(*known)).or_insert(moment);
                }
                2 => {
                    schedule.remove(key);
                    model.remove(&key);
                }
                _ => {
                    let now = at(step / 10);
                    let earliest = model.iter().map(|(key, at)| (*at, *key)).min();
                    let due = earliest.filter(|(at, _)| *at <= now).map(|(_, key)| key);
                    assert_eq!(schedule.take_due(now), due);
                    due.map(|key| model.remove(&key));
                }
            }
            assert_eq!(schedule.next(), model.values().min().copied());
        }
    }
}
