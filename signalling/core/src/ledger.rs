//! Who has how many connections, and what they have used of their rates together.

use crate::limit::Meter;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long somebody without a connection is remembered, counted from when they last left.
///
/// Shorter forgets debts: then a new connection would buy a new burst. Longer keeps some hundred bytes for
/// everybody who was there.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// A meter that several connections share.
pub type SharedMeter = Arc<Mutex<Meter>>;

/// Counts connections per `K`, up to a maximum, and keeps one meter for all of the same `K`.
#[derive(Debug)]
pub struct Ledger<K> {
    max: usize,
    entries: BTreeMap<K, Entry>,
    /// Who had no connection left, and when.
    left: VecDeque<(Instant, K)>,
}

#[derive(Debug)]
struct Entry {
    count: usize,
    /// When the last of them was gone, of those that were here most recently. What `left` says of an earlier
    /// time is no longer so.
    left_at: Option<Instant>,
    meter: SharedMeter,
}

impl<K: Ord + Copy> Ledger<K> {
    /// An empty ledger that lets each have `max` connections.
    pub const fn new(max: usize) -> Self {
        Self { max, entries: BTreeMap::new(), left: VecDeque::new() }
    }

    /// Counts a connection of `who`; `None` if there are as many as allowed. `meter` makes the meter of
    /// somebody who is not known.
    pub fn take(&mut self, who: K, now: Instant, meter: impl FnOnce() -> Meter) -> Option<SharedMeter> {
        self.forget(now);
        let entry = self.entries.entry(who).or_insert_with(|| Entry {
            count: 0,
            left_at: None,
            meter: Arc::new(Mutex::new(meter())),
        });
        if entry.count >= self.max {
            if entry.count == 0 {
                self.entries.remove(&who);
            }
            return None;
        }
        entry.count += 1;
        Some(Arc::clone(&entry.meter))
    }

    /// A connection of `who` is gone.
    pub fn give_back(&mut self, who: K, now: Instant) {
        self.forget(now);
        let Some(entry) = self.entries.get_mut(&who) else { return };
        entry.count = entry.count.saturating_sub(1);
        if entry.count == 0 {
            entry.left_at = Some(now);
            self.left.push_back((now, who));
        }
    }

    /// How many connections `who` has.
    pub fn count(&self, who: K) -> usize {
        self.entries.get(&who).map_or(0, |entry| entry.count)
    }

    /// Of how many something is known.
    pub fn known(&self) -> usize {
        self.entries.len()
    }

    /// Drops those who left long enough ago.
    fn forget(&mut self, now: Instant) {
        while let Some(&(left_at, who)) = self.left.front() {
            if now.saturating_duration_since(left_at) < REMEMBERED_FOR {
                return;
            }
            self.left.pop_front();
            let is_last = |entry: &Entry| entry.count == 0 && entry.left_at == Some(left_at);
            if self.entries.get(&who).is_some_and(is_last) {
                self.entries.remove(&who);
            }
        }
    }
}

/// Works on a meter. One whose holder panicked is as good as before: there is nothing half done in it.
pub fn with<T>(meter: &SharedMeter, work: impl FnOnce(&mut Meter) -> T) -> T {
    work(&mut meter.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::bucket::Rate;
    use common::clock::{Clock, ManualClock};

    fn meter(clock: &ManualClock) -> Meter {
        let rate = Rate::per_second(2, 1);
        Meter::new(rate, rate, clock.now())
    }

    #[test]
    fn there_are_as_many_as_allowed_and_a_place_that_is_given_back_is_free() {
        let clock = ManualClock::default();
        let mut ledger = Ledger::new(2);
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_none());
        assert!(ledger.take(2, clock.now(), || meter(&clock)).is_some(), "others are not concerned");
        ledger.give_back(1, clock.now());
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        assert_eq!((ledger.count(1), ledger.count(2)), (2, 1));
    }

    /// Else whoever has used up a burst would connect again for the next one.
    #[test]
    fn a_new_connection_buys_no_new_burst_and_nobody_is_remembered_for_ever() {
        let clock = ManualClock::default();
        let mut ledger = Ledger::new(1);
        let first = ledger.take(1, clock.now(), || meter(&clock)).unwrap();
        with(&first, |meter| meter.spend_bytes(60, clock.now()));
        ledger.give_back(1, clock.now());
        let again = ledger.take(1, clock.now(), || meter(&clock)).unwrap();
        assert!(with(&again, |meter| meter.wait_for_bytes(clock.now())) > Duration::from_secs(50));
        ledger.give_back(1, clock.now());
        clock.advance(REMEMBERED_FOR);
        assert!(ledger.take(2, clock.now(), || meter(&clock)).is_some());
        assert_eq!(ledger.known(), 1, "only who is there");
    }

    /// Else whoever connects again all the time would have a new meter for every connection, once a minute
    /// had gone by since the first of them.
    #[test]
    fn what_was_used_is_remembered_from_the_last_leaving_not_from_an_earlier_one() {
        let clock = ManualClock::default();
        let mut ledger = Ledger::new(1);
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        ledger.give_back(1, clock.now());
        clock.advance(REMEMBERED_FOR - Duration::from_secs(1));
        let last = ledger.take(1, clock.now(), || meter(&clock)).unwrap();
        with(&last, |meter| meter.spend_bytes(60, clock.now()));
        ledger.give_back(1, clock.now());
        clock.advance(Duration::from_secs(1));
        let again = ledger.take(1, clock.now(), || meter(&clock)).unwrap();
        assert!(with(&again, |meter| meter.wait_for_bytes(clock.now())) > Duration::from_secs(50));
        ledger.give_back(1, clock.now());
        clock.advance(REMEMBERED_FOR);
        assert!(ledger.take(2, clock.now(), || meter(&clock)).is_some());
        assert_eq!(ledger.known(), 1, "only who is there");
    }

    /// Passes for the wrong reason if `forget` were never called: it is, by every `take`.
    #[test]
    fn who_came_back_is_not_forgotten() {
        let clock = ManualClock::default();
        let mut ledger = Ledger::new(1);
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        ledger.give_back(1, clock.now());
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_some());
        clock.advance(REMEMBERED_FOR);
        assert!(ledger.take(1, clock.now(), || meter(&clock)).is_none(), "it is still counted");
    }
}
