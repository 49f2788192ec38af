//! Packets in the order of their numbers, each waited for as long as it may still come.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Puts packets in order.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// The number after the last that was taken.
    next: Option<u64>,
    waiting: BTreeMap<u64, T>,
    /// Since when the next one is missing.
    missing_since: Option<Instant>,
    patience: Duration,
    waiting_max: usize,
}

/// A packet in its turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<T> {
    /// Numbers before it that did not come.
    pub(super) lost: u64,
    pub(super) packet: T,
}

impl<T> Order<T> {
    /// Nothing has come yet. What is missing is waited for so long, while no more than so many wait behind it.
    pub(super) const fn new(patience: Duration, waiting_max: usize) -> Self {
        Self { next: None, waiting: BTreeMap::new(), missing_since: None, patience, waiting_max }
    }

    /// Adds a packet. False if it comes after it was given up, or twice.
    pub(super) fn add(&mut self, number: u64, packet: T) -> bool {
        if self.next.is_some_and(|next| number < next) || self.waiting.contains_key(&number) {
            return false;
        }
        self.waiting.insert(number, packet);
        true
    }

    /// Takes the next one, if it is there or is not waited for any longer.
    pub(super) fn take(&mut self, now: Instant) -> Option<Taken<T>> {
        let (&number, _) = self.waiting.first_key_value()?;
        let lost = self.next.map_or(0, |next| number.saturating_sub(next));
        if lost > 0 {
            let since = *self.missing_since.get_or_insert(now);
            let is_waited_for = now.saturating_duration_since(since) < self.patience;
            if is_waited_for && self.waiting.len() <= self.waiting_max {
                return None;
            }
        }
        self.take_first(lost)
    }

    /// Takes the next one, whatever is missing before it.
    pub(super) fn take_rest(&mut self) -> Option<Taken<T>> {
        let (&number, _) = self.waiting.first_key_value()?;
        self.take_first(self.next.map_or(0, |next| number.saturating_sub(next)))
    }

    fn take_first(&mut self, lost: u64) -> Option<Taken<T>> {
        let (number, packet) = self.waiting.pop_first()?;
        self.next = Some(number.saturating_add(1));
        self.missing_since = None;
        Some(Taken { lost, packet })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    const PATIENCE: Duration = Duration::from_millis(500);

    #[test]
    fn what_is_missing_is_waited_for_and_then_given_up() {
        let clock = ManualClock::default();
        let mut order = Order::new(PATIENCE, 10);
        let taken = |lost, packet| Some(Taken { lost, packet });
        assert!(order.add(5, 'a') && order.add(7, 'c'));
        assert_eq!(order.take(clock.now()), taken(0, 'a'));
        assert_eq!(order.take(clock.now()), None);
        assert!(order.add(6, 'b') && !order.add(6, 'b'));
        assert_eq!(order.take(clock.now()), taken(0, 'b'));
        assert_eq!(order.take(clock.now()), taken(0, 'c'));
        assert!(order.add(10, 'f'));
        assert_eq!(order.take(clock.now()), None);
        clock.advance(PATIENCE);
        assert_eq!(order.take(clock.now()), taken(2, 'f'));
        assert!(!order.add(9, 'e'), "too late");
        assert!((12..=22).all(|number| order.add(number, 'g')));
        assert_eq!(order.take(clock.now()), taken(1, 'g'), "too many wait");
        while order.take_rest().is_some() {}
        assert_eq!(order.take(clock.now()), None);
    }

    /// Whatever a network does, numbers rise, nothing comes twice, and what came and what was lost are all there is.
    #[test]
    fn numbers_rise_and_none_is_forgotten() {
        for seed in 0..50 {
            let mut random = StdRng::seed_from_u64(seed);
            let clock = ManualClock::default();
            let mut order = Order::new(PATIENCE, 64);
            let mut late: Vec<u64> = Vec::new();
            let mut taken: Vec<u64> = Vec::new();
            let mut lost = 0;
            order.add(0, 0);
            for number in 1..2_000_u64 {
                match random.random_range(0..10) {
                    0 => {}
                    1 | 2 => late.push(number),
                    _ => drop(order.add(number, number)),
                }
                if random.random_range(0..4) == 0 && !late.is_empty() {
                    let number = late.swap_remove(random.random_range(0..late.len()));
                    order.add(number, number);
                }
                clock.advance(Duration::from_millis(random.random_range(0..40)));
                while let Some(next) = order.take(clock.now()) {
                    lost += next.lost;
                    taken.push(next.packet);
                }
            }
            while let Some(next) = order.take_rest() {
                lost += next.lost;
                taken.push(next.packet);
            }
            assert!(taken.is_sorted_by(|one, other| one < other), "seed {seed}");
            assert_eq!(taken.len() as u64 + lost, taken.last().unwrap() + 1, "seed {seed}");
        }
    }
}
