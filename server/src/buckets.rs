//! Token buckets, many and bounded: so much at once, then one after the other.

use common::clock::Clock;
use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How much at once, and how soon each comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// At once, after a pause.
    pub(crate) burst: u32,
    /// How long each takes to come back.
    pub(crate) every: Duration,
}

/// A bucket for each key, at most so many.
///
/// When there are more, the bucket that is nearest to full is forgotten: it
/// knows the least. Who makes up keys loses what these know, not what is known
/// about others.
pub(crate) struct Buckets {
    clock: Arc<dyn Clock>,
    rate: Rate,
    most: usize,
    /// Keyed at random, so that nobody can choose keys that fall together.
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By when each bucket is full again; absent: full. Taking a token moves that later.
    full_at: HashMap<u64, Instant>,
    /// The same, the nearest to full first.
    order: BTreeSet<(Instant, u64)>,
}

impl Buckets {
    pub(crate) fn new(rate: Rate, most: usize, clock: Arc<dyn Clock>) -> Self {
        Self { clock, rate, most, hasher: RandomState::new(), table: Mutex::default() }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// If there is none, with the time until there is.
    pub(crate) fn take(&self, key: &impl Hash) -> Result<(), Duration> {
        let (key, now) = (self.hasher.hash_one(key), self.clock.now());
        let mut table = self.table();
        let after = self.after_one_more(&table, key, now)?;
        table.set(key, after);
        while table.order.first().is_some_and(|(full_at, _)| *full_at <= now)
            || table.full_at.len() > self.most
        {
            let Some((_, key)) = table.order.pop_first() else { break };
            table.full_at.remove(&key);
        }
        Ok(())
    }

    /// Whether there is a token, without taking it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(crate) fn look(&self, key: &impl Hash) -> Result<(), Duration> {
        self.after_one_more(&self.table(), self.hasher.hash_one(key), self.clock.now()).map(|_| ())
    }

    /// Puts a token back that was taken for nothing.
    pub(crate) fn give_back(&self, key: &impl Hash) {
        let key = self.hasher.hash_one(key);
        let mut table = self.table();
        if let Some(full_at) = table.full_at.get(&key).copied() {
            // Never before the epoch of the clock: then it is full anyway.
            table.set(key, full_at.checked_sub(self.rate.every).unwrap_or(full_at));
        }
    }

    /// Fills a bucket.
    pub(crate) fn forget(&self, key: &impl Hash) {
        let key = self.hasher.hash_one(key);
        let mut table = self.table();
        if let Some(full_at) = table.full_at.remove(&key) {
            table.order.remove(&(full_at, key));
        }
    }

    fn after_one_more(&self, table: &Table, key: u64, now: Instant) -> Result<Instant, Duration> {
        let after = table.full_at.get(&key).copied().unwrap_or(now).max(now) + self.rate.every;
        let wait = after.saturating_duration_since(now + self.rate.every * self.rate.burst);
        if wait > Duration::ZERO { Err(wait) } else { Ok(after) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn set(&mut self, key: u64, full_at: Instant) {
        if let Some(before) = self.full_at.insert(key, full_at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((full_at, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(10) };

    fn buckets(most: usize) -> (Buckets, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        (Buckets::new(RATE, most, clock.clone()), clock)
    }

    #[test]
    fn so_much_at_once_then_one_after_the_other() {
        let (buckets, clock) = buckets(10);
        for _ in 0..3 {
            buckets.take(&"a").unwrap();
        }
        assert_eq!(buckets.take(&"a"), Err(Duration::from_secs(10)));
        assert_eq!(buckets.look(&"a"), Err(Duration::from_secs(10)));
        buckets.take(&"b").unwrap();
        clock.advance(Duration::from_secs(10));
        buckets.take(&"a").unwrap();
        assert!(buckets.take(&"a").is_err());
        buckets.give_back(&"a");
        buckets.take(&"a").unwrap();
        buckets.forget(&"a");
        for _ in 0..3 {
            buckets.take(&"a").unwrap();
        }
    }

    /// With "forget all" instead, a flood of made-up keys gives whoever guesses a fresh start.
    #[test]
    fn a_flood_of_new_keys_does_not_fill_the_bucket_that_is_empty() {
        let (buckets, _) = buckets(100);
        for _ in 0..3 {
            buckets.take(&"guessed at").unwrap();
        }
        for number in 0..10_000 {
            buckets.take(&number).unwrap();
        }
        assert!(buckets.take(&"guessed at").is_err());
        assert_eq!(buckets.table().full_at.len(), 100);
        assert_eq!(buckets.table().order.len(), 100);
    }

    #[test]
    fn full_buckets_are_not_kept() {
        let (buckets, clock) = buckets(1000);
        for number in 0..500 {
            buckets.take(&number).unwrap();
        }
        clock.advance(Duration::from_secs(10));
        buckets.take(&"last").unwrap();
        assert_eq!(buckets.table().full_at.len(), 1);
    }
}
