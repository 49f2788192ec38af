//! Token buckets, many and bounded: so much at once, then one after the other.

use super::{Bucket, Rate};
use crate::clock::Clock;
use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A bucket for each key, at most so many.
///
/// When there are more, the bucket that is nearest to full is forgotten: it
/// knows the least. Who makes up keys loses what these know, not what is known
/// about others.
pub struct Buckets {
    clock: Arc<dyn Clock>,
    rate: Rate,
    most: usize,
    /// Keyed at random, so that nobody can choose keys that fall together.
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Those that are not full.
    buckets: HashMap<u64, Bucket>,
    /// The time at which each is full again, the nearest first.
    order: BTreeSet<(Instant, u64)>,
}

impl Buckets {
    /// Full buckets of which `most` at most are remembered.
    pub fn new(rate: Rate, most: usize, clock: Arc<dyn Clock>) -> Self {
        Self { clock, rate, most, hasher: RandomState::new(), table: Mutex::default() }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// If there is none, with the time until there is.
    pub fn take(&self, key: &impl Hash) -> Result<(), Duration> {
        let (key, now) = (self.hasher.hash_one(key), self.clock.now());
        let mut table = self.table();
        table.buckets.entry(key).or_insert_with(|| Bucket::new(self.rate, now));
        let outcome = table.change(key, |bucket| bucket.take(now));
        table.forget_full(now, self.most);
        outcome.unwrap_or(Ok(()))
    }

    /// Whether there is a token, without taking it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn look(&self, key: &impl Hash) -> Result<(), Duration> {
        let (key, now) = (self.hasher.hash_one(key), self.clock.now());
        let wait = self.table().change(key, |bucket| bucket.wait(now)).unwrap_or_default();
        if wait > Duration::ZERO { Err(wait) } else { Ok(()) }
    }

    /// Puts a token back that was taken for nothing.
    pub fn give_back(&self, key: &impl Hash) {
        let key = self.hasher.hash_one(key);
        let _forgotten_as_full = self.table().change(key, Bucket::give_back);
    }

    /// Leaves at most so many tokens: the rest was used elsewhere.
    pub fn leave_at_most(&self, key: &impl Hash, tokens: f64) {
        let (key, now) = (self.hasher.hash_one(key), self.clock.now());
        let mut table = self.table();
        table.buckets.entry(key).or_insert_with(|| Bucket::new(self.rate, now));
        let _is_there = table.change(key, |bucket| bucket.leave_at_most(tokens, now));
        table.forget_full(now, self.most);
    }

    /// Fills a bucket.
    pub fn forget(&self, key: &impl Hash) {
        let key = self.hasher.hash_one(key);
        let mut table = self.table();
        if let Some(bucket) = table.buckets.remove(&key) {
            table.order.remove(&(bucket.full_at(), key));
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Changes a bucket and moves it to where it belongs in the order; `None` if there is none.
    ///
    /// Even asking a bucket goes this way: it is refilled by it, and what is in the order must stay to the
    /// nanosecond what the bucket says, or it is never found there again.
    fn change<T>(&mut self, key: u64, change: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let bucket = self.buckets.get_mut(&key)?;
        self.order.remove(&(bucket.full_at(), key));
        let outcome = change(bucket);
        self.order.insert((bucket.full_at(), key));
        Some(outcome)
    }

    fn forget_full(&mut self, now: Instant, most: usize) {
        while self.order.first().is_some_and(|(full_at, _)| *full_at <= now) || self.buckets.len() > most {
            let Some((_, key)) = self.order.pop_first() else { break };
            self.buckets.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const RATE: Rate = Rate::every(3, Duration::from_secs(10));

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

    #[test]
    fn what_was_used_elsewhere_is_gone_and_comes_back_as_ever() {
        let (buckets, clock) = buckets(10);
        buckets.leave_at_most(&"a", 1.0);
        buckets.take(&"a").unwrap();
        assert_eq!(buckets.take(&"a"), Err(Duration::from_secs(10)));
        buckets.leave_at_most(&"a", -1.0);
        assert_eq!(buckets.take(&"a"), Err(Duration::from_secs(20)));
        buckets.leave_at_most(&"a", 3.0);
        assert!(buckets.take(&"a").is_err(), "nobody gives back what was used here");
        clock.advance(Duration::from_secs(20));
        buckets.take(&"a").unwrap();
        // A bucket of which nothing is gone is as good as none.
        buckets.leave_at_most(&"b", 3.0);
        assert_eq!(buckets.table().buckets.len(), 1);
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
        assert_eq!(buckets.table().buckets.len(), 100);
        assert_eq!(buckets.table().order.len(), 100);
    }

    /// Passes for the wrong reason if asking left no trace: then nothing could fall out of step.
    #[test]
    fn asking_giving_back_and_forgetting_keep_buckets_and_order_in_step() {
        let (buckets, clock) = buckets(50);
        for round in 0..1_000_u32 {
            let key = round % 70;
            let _may_be_empty = buckets.take(&key);
            let _may_be_empty = buckets.look(&(key / 2));
            buckets.give_back(&(key / 3));
            if round % 11 == 0 {
                buckets.forget(&(key / 5));
            }
            clock.advance(Duration::from_micros(333_333));
            let table = buckets.table();
            assert_eq!(table.buckets.len(), table.order.len());
            assert!(table.order.iter().all(|(full_at, key)| table.buckets[key].full_at() == *full_at));
        }
    }

    #[test]
    fn full_buckets_are_not_kept() {
        let (buckets, clock) = buckets(1000);
        for number in 0..500 {
            buckets.take(&number).unwrap();
        }
        clock.advance(Duration::from_secs(10));
        buckets.take(&"last").unwrap();
        assert_eq!(buckets.table().buckets.len(), 1);
    }

    /// While there are fewer keys than are remembered, each has a bucket of its own and nothing else.
    #[test]
    fn each_key_is_limited_as_if_it_were_alone() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        let (buckets, clock) = buckets(100);
        let mut random = StdRng::seed_from_u64(29);
        let mut alone: Vec<_> = (0..20).map(|_| Bucket::new(RATE, clock.now())).collect();
        for _ in 0..5_000 {
            let key = random.random_range(0..alone.len());
            let bucket = &mut alone[key];
            match random.random_range(0..6) {
                0 => clock.advance(Duration::from_secs(random.random_range(0..9))),
                1 => {
                    buckets.give_back(&key);
                    bucket.give_back();
                }
                2 if random.random_range(0..10) == 0 => {
                    buckets.forget(&key);
                    *bucket = Bucket::new(RATE, clock.now());
                }
                3 => assert_eq!(buckets.look(&key).err().unwrap_or_default(), bucket.wait(clock.now())),
                _ => assert_eq!(buckets.take(&key), bucket.take(clock.now())),
            }
        }
    }

    #[test]
    fn asking_about_a_stranger_is_free_and_leaves_no_trace() {
        let (buckets, _) = buckets(10);
        for number in 0..1000 {
            assert_eq!(buckets.look(&number), Ok(()));
            buckets.give_back(&number);
            buckets.forget(&number);
        }
        assert!(buckets.table().buckets.is_empty() && buckets.table().order.is_empty());
    }

    #[test]
    fn who_is_refused_is_remembered_as_long_as_it_takes_and_no_longer() {
        let (buckets, clock) = buckets(10);
        while buckets.take(&"a").is_ok() {}
        // Full again after three times ten seconds; being refused meanwhile does not lengthen that.
        for _ in 0..29 {
            clock.advance(Duration::from_secs(1));
            let _refused_or_not = buckets.look(&"a");
        }
        assert_eq!(buckets.table().buckets.len(), 1);
        clock.advance(Duration::from_secs(1));
        buckets.take(&"b").unwrap();
        assert_eq!(buckets.table().buckets.len(), 1, "only the new one");
        assert_eq!((0..4).filter(|_| buckets.take(&"a").is_ok()).count(), 3);
    }
}
