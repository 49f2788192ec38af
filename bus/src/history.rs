//! Histories: the latest entries of numbered sequences, kept for a while.
//!
//! A number means something within an epoch only. Whenever it cannot be ruled out that a history has lost entries which
//! somebody has seen (Redis was emptied, started again or replaced by a replica that lagged behind), it goes on under
//! another epoch: nobody who compares epochs takes numbers that were given twice for one thing.

use bytes::Bytes;
use common::chance;
use dashmap::DashMap;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How long a history is remembered after its last entry, so that who comes back goes on in it.
///
/// Longer has fewer who were away read everything anew; each costs some hundred bytes for so long.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// The same for one that nobody has written to.
pub(crate) const REMEMBERED_EMPTY: Duration = Duration::from_secs(600);

/// Entries after which a process looks for histories of its own that are to be forgotten.
const SWEEP_EVERY: usize = 1024;

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
                Some((first, _)) => *first == after.seq + 1,
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
pub(crate) struct Histories(DashMap<String, Kept>);

struct Kept {
    epoch: String,
    /// The number of the last entry there ever was.
    seq: u64,
    entries: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    forgotten_at: Instant,
}

impl Kept {
    fn new(now: Instant) -> Self {
        Self {
            epoch: fresh_epoch(),
            seq: 0,
            entries: VecDeque::new(),
            bytes: 0,
            forgotten_at: now + REMEMBERED_EMPTY,
        }
    }

    fn trim(&mut self, limits: HistoryLimits, now: Instant) {
        let entries_max = usize::try_from(limits.entries).unwrap_or(usize::MAX);
        while let Some((at, entry)) = self.entries.front()
            && (self.entries.len() > entries_max || self.bytes > limits.bytes || *at + limits.age < now)
        {
            self.bytes -= entry.len();
            self.entries.pop_front();
        }
    }

    fn head(&self) -> Place {
        Place { epoch: self.epoch.clone(), seq: self.seq }
    }
}

impl Histories {
    pub(crate) fn append(&self, name: String, entry: Bytes, limits: HistoryLimits, now: Instant) -> Place {
        let head = {
            let mut kept = self.0.entry(name).or_insert_with(|| Kept::new(now));
            kept.seq += 1;
            kept.bytes += entry.len();
            kept.entries.push_back((now, entry));
            kept.forgotten_at = now + REMEMBERED;
            kept.trim(limits, now);
            kept.head()
        };
        if head.seq == 1 && self.0.len().is_multiple_of(SWEEP_EVERY) {
            self.0.retain(|_, kept| kept.forgotten_at > now);
        }
        head
    }

    pub(crate) fn recall(
        &self,
        name: String,
        after: Option<&Place>,
        limits: HistoryLimits,
        now: Instant,
    ) -> Recalled<Bytes> {
        let mut kept = self.0.entry(name).or_insert_with(|| Kept::new(now));
        kept.trim(limits, now);
        let first = kept.seq + 1 - u64::try_from(kept.entries.len()).unwrap_or(u64::MAX);
        let is_known =
            |after: &&Place| after.epoch == kept.epoch && (first..=kept.seq + 1).contains(&(after.seq + 1));
        let from = after.filter(is_known).map_or(first, |after| after.seq + 1);
        let entries = (first..).zip(&kept.entries).filter(|(seq, _)| *seq >= from);
        let entries = entries.map(|(seq, (_, entry))| (seq, entry.clone())).collect();
        Recalled { head: kept.head(), entries }
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
        let add = |name: usize, now| histories.append(name.to_string(), Bytes::new(), LIMITS, now);
        for name in 1..SWEEP_EVERY {
            add(name, now);
        }
        add(SWEEP_EVERY, now + REMEMBERED + Duration::from_secs(1));
        assert_eq!(histories.0.len(), 1);
    }
}
