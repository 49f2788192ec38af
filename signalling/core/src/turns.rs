//! Takes turns: what waits in many rooms is taken from each in turn, so that none waits behind another's many.

use std::collections::{BTreeMap, VecDeque};

/// Items that wait, by whose they are.
#[derive(Debug)]
pub struct Turns<K, T> {
    /// Those who have something waiting, whose turn is next first.
    order: VecDeque<K>,
    waiting: BTreeMap<K, VecDeque<T>>,
}

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), waiting: BTreeMap::new() }
    }
}

impl<K: Copy + Ord, T> Turns<K, T> {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Appends an item to those of `whose`.
    pub fn push(&mut self, whose: K, item: T) {
        let items = self.waiting.entry(whose).or_insert_with(|| {
            self.order.push_back(whose);
            VecDeque::new()
        });
        items.push_back(item);
    }

    /// Takes at most `max` items, one of each whose turn it is, round after round. Those of one keep their order.
    pub fn take(&mut self, max: usize) -> Vec<T> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(whose) = self.order.pop_front()
        {
            let Some(items) = self.waiting.get_mut(&whose) else { continue };
            taken.extend(items.pop_front());
            if items.is_empty() {
                self.waiting.remove(&whose);
            } else {
                self.order.push_back(whose);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_taken_once_and_each_ones_in_order() {
        let mut turns = Turns::default();
        for item in 0..1000_u32 {
            turns.push(item % 7, item);
        }
        let mut taken = Vec::new();
        while !turns.is_empty() {
            let some = turns.take(64);
            assert!(!some.is_empty() && some.len() <= 64);
            taken.extend(some);
        }
        assert!(turns.take(64).is_empty());
        for whose in 0..7 {
            let of: Vec<u32> = taken.iter().copied().filter(|item| item % 7 == whose).collect();
            assert_eq!(of, (0..1000).filter(|item| item % 7 == whose).collect::<Vec<_>>());
        }
        assert_eq!(taken.len(), 1000);
    }

    /// However much waits of one, another's is in the next group, and in the group after that, too.
    #[test]
    fn who_has_little_waits_for_one_group_only() {
        let mut turns = Turns::default();
        for item in 0..1000 {
            turns.push("loud", item);
        }
        for round in 0..10 {
            turns.push("quiet", 10_000 + round);
            let group = turns.take(64);
            assert_eq!(group.len(), 64);
            assert_eq!(group.iter().filter(|item| **item >= 10_000).count(), 1);
        }
        // Alone, one has all of it; several have the same.
        turns.push("other", 20_000);
        turns.push("other", 20_001);
        turns.push("third", 30_000);
        let group = turns.take(6);
        assert_eq!(group.iter().filter(|item| **item < 1000).count(), 3);
        assert_eq!(turns.take(4).iter().filter(|item| **item < 1000).count(), 4);
    }
}
