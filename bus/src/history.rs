//! Histories: the latest entries of numbered sequences, kept for a while.
//!
//! A number means something within an epoch only. Whenever it cannot be ruled out that a history has lost entries which
//! somebody has seen (Redis was emptied, started again or replaced by a replica that lagged behind), it goes on under
//! another epoch: nobody who compares epochs takes numbers that were given twice for one thing.

use bytes::Bytes;
use common::chance;
use dashmap::DashMap;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a history is remembered after its last entry, or after it was last asked for while there is none, so that who
/// comes back goes on in it.
///
/// Longer has fewer who were away read everything anew; each costs some hundred bytes for so long.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How often a process looks for what of its own histories is to be forgotten.
///
/// Shorter gives memory back sooner; each time costs a look at every history that is remembered.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A place in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which history it is: text without meaning.
    pub epoch: String,
    /// The number of an entry: 1, 2, 3, …; 0 is before the first.
    pub seq: u64,
}

/// How much a history keeps at most. Whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Entries.
    pub entries: u32,
    /// Bytes of all entries.
    pub bytes: usize,
    /// How old an entry gets.
    pub age: Duration,
}

/// What is read of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled<E> {
    /// The latest entry there ever was.
    pub head: Place,
    /// Without a gap up to `head`, each with its number. Those after the place that was asked for, if they are all there;
    /// else all that are kept.
    pub entries: Vec<(u64, E)>,
}

impl<E> Recalled<E> {
    /// Whether `entries` is exactly what came after a place.
    pub fn continues(&self, after: &Place) -> bool {
        self.head.epoch == after.epoch
            && match self.entries.first() {
                Some((first, _)) => Some(*first) == after.seq.checked_add(1),
                None => self.head.seq == after.seq,
            }
    }
}

/// An epoch that there was never before.
pub(crate) fn fresh_epoch() -> String {
    format!("{:016x}", chance::number())
}

/// The histories of one process.
#[derive(Default)]
pub(crate) struct Histories {
    kept: DashMap<String, Kept>,
    swept_at: Mutex<Option<Instant>>,
}

struct Kept {
    epoch: String,
    /// The number of the last entry there ever was.
    seq: u64,
    entries: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// How old an entry gets, as was said with the last one.
    age: Duration,
    forgotten_at: Instant,
}

impl Kept {
    fn new(now: Instant) -> Self {
        Self {
            epoch: fresh_epoch(),
            seq: 0,
            entries: VecDeque::new(),
            bytes: 0,
            age: Duration::ZERO,
            forgotten_at: now + REMEMBERED,
        }
    }

    fn trim(&mut self, limits: HistoryLimits, now: Instant) {
        let entries_max = usize::try_from(limits.entries).unwrap_or(usize::MAX);
        while self.entries.len() > entries_max || self.bytes > limits.bytes {
            let Some((_, entry)) = self.entries.pop_front() else { break };
            self.bytes -= entry.len();
        }
        self.age(limits.age, now);
    }

    /// Drops what is older than this.
    fn age(&mut self, age: Duration, now: Instant) {
        while let Some((_, entry)) = self.entries.pop_front_if(|(at, _)| *at + age < now) {
            self.bytes -= entry.len();
        }
    }

    fn head(&self) -> Place {
        Place { epoch: self.epoch.clone(), seq: self.seq }
    }
}

impl Histories {
    pub(crate) fn append(&self, name: String, entry: Bytes, limits: HistoryLimits, now: Instant) -> Place {
        self.sweep(now);
        let mut kept = self.kept.entry(name).or_insert_with(|| Kept::new(now));
        kept.seq += 1;
        kept.bytes += entry.len();
        kept.entries.push_back((now, entry));
        kept.age = limits.age;
        kept.forgotten_at = now + REMEMBERED;
        kept.trim(limits, now);
        kept.head()
    }

    pub(crate) fn recall(
        &self,
        name: String,
        after: Option<&Place>,
        limits: HistoryLimits,
        now: Instant,
    ) -> Recalled<Bytes> {
        self.sweep(now);
        let mut kept = self.kept.entry(name).or_insert_with(|| Kept::new(now));
        if kept.seq == 0 {
            kept.forgotten_at = now + REMEMBERED;
        }
        kept.trim(limits, now);
        let first = kept.seq + 1 - u64::try_from(kept.entries.len()).unwrap_or(u64::MAX);
        let next = after.filter(|after| after.epoch == kept.epoch).and_then(|after| after.seq.checked_add(1));
        let from = next.filter(|next| (first..=kept.seq + 1).contains(next)).unwrap_or(first);
        let entries = (first..).zip(&kept.entries).filter(|(seq, _)| *seq >= from);
        let entries = entries.map(|(seq, (_, entry))| (seq, entry.clone())).collect();
        Recalled { head: kept.head(), entries }
    }

    /// Now and then gives back what nobody may come for any more: of most histories nobody asks again.
    fn sweep(&self, now: Instant) {
        {
            let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
            if swept_at.is_some_and(|at| now < at + SWEEP_EVERY) {
                return;
            }
            *swept_at = Some(now);
        }
        self.kept.retain(|_, kept| {
            let age = kept.age;
            kept.age(age, now);
            if kept.entries.is_empty() {
                kept.entries = VecDeque::new();
            }
            kept.forgotten_at > now
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a first instant, from which the test's time runs")]
    fn start() -> Instant {
        Instant::now()
    }

    const LIMITS: HistoryLimits = HistoryLimits { entries: 3, bytes: 1000, age: Duration::from_secs(60) };

    fn numbers(recalled: &Recalled<Bytes>) -> Vec<u64> {
        recalled.entries.iter().map(|(seq, _)| *seq).collect()
    }

    #[test]
    fn what_is_too_old_too_many_or_too_large_goes_and_its_number_is_never_given_again() {
        let (histories, now) = (Histories::default(), start());
        let add = |bytes: usize, now| histories.append("a".to_owned(), vec![0; bytes].into(), LIMITS, now);
        let all = |now| histories.recall("a".to_owned(), None, LIMITS, now);
        for _ in 0..5 {
            add(10, now);
        }
        assert_eq!(numbers(&all(now)), [3, 4, 5]);
        add(985, now);
        assert_eq!(numbers(&all(now)), [5, 6]);
        let later = now + Duration::from_secs(61);
        let aged = all(later);
        assert_eq!((numbers(&aged), aged.head.seq), (vec![], 6));
        let head = add(10, later);
        assert_eq!((head.seq, &head.epoch), (7, &aged.head.epoch));
        assert!(!all(later).continues(&Place { seq: 5, ..head.clone() }), "6 is gone");
        assert!(all(later).continues(&Place { seq: 6, ..head }));
    }

    #[test]
    fn histories_that_nobody_comes_back_to_are_forgotten() {
        let (histories, now) = (Histories::default(), start());
        for name in 0..100 {
            histories.append(name.to_string(), Bytes::new(), LIMITS, now);
            histories.recall(format!("{name} is empty"), None, LIMITS, now);
        }
        assert_eq!(histories.kept.len(), 200);
        histories.recall("another".to_owned(), None, LIMITS, now + REMEMBERED + Duration::from_secs(1));
        assert_eq!(histories.kept.len(), 1, "though nothing was appended");
    }

    #[test]
    fn what_is_too_old_is_given_back_though_nobody_asks_for_it_again() {
        let (histories, now) = (Histories::default(), start());
        let head = histories.append("a".to_owned(), vec![0; 1000].into(), LIMITS, now);
        let later = now + LIMITS.age + SWEEP_EVERY;
        histories.recall("b".to_owned(), None, LIMITS, later);
        assert!(histories.kept.get("a").is_some_and(|kept| kept.entries.capacity() == 0 && kept.bytes == 0));
        assert_eq!(histories.append("a".to_owned(), Bytes::new(), LIMITS, later).epoch, head.epoch);
    }

    #[test]
    fn one_that_is_quiet_from_the_beginning_is_remembered_as_long_as_any() {
        let (histories, now) = (Histories::default(), start());
        let empty = histories.recall("a".to_owned(), None, LIMITS, now).head;
        let later = histories.append("a".to_owned(), Bytes::new(), LIMITS, now + REMEMBERED / 2);
        assert_eq!(later, Place { seq: 1, ..empty });
    }
}
