//! Those who have not said who they are, by where they come from, and who of them gives way.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Says which of those who wait is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Who waits, each with a `V`, by the `K` that they come from.
#[derive(Debug)]
pub struct Lobby<K, V> {
    waiting: BTreeMap<K, BTreeMap<Ticket, V>>,
    /// Every `K` by how many wait of it, and by who of these came first.
    order: BTreeSet<(usize, Reverse<Ticket>, K)>,
    count: usize,
    next: u64,
}

impl<K: Ord + Copy, V> Default for Lobby<K, V> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), order: BTreeSet::new(), count: 0, next: 0 }
    }
}

impl<K: Ord + Copy, V> Lobby<K, V> {
    /// How many wait.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody waits.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many wait of these.
    pub fn len_of(&self, of: K) -> usize {
        self.waiting.get(&of).map_or(0, BTreeMap::len)
    }

    /// Somebody comes, after all who wait.
    pub fn enter(&mut self, of: K, who: V) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.count += 1;
        self.change(of, |waiting| waiting.insert(ticket, who));
        ticket
    }

    /// Somebody waits no longer; `None` if they did not wait.
    pub fn leave(&mut self, of: K, ticket: Ticket) -> Option<V> {
        let left = self.change(of, |waiting| waiting.remove(&ticket));
        self.count -= usize::from(left.is_some());
        left
    }

    /// Has somebody give way: of those of whom most wait, the one who has waited longest. Whoever means to say who
    /// they are does so at once, so that this is hardly ever one of them.
    pub fn evict(&mut self) -> Option<V> {
        let &(_, Reverse(first), of) = self.order.last()?;
        self.leave(of, first)
    }

    fn change<R>(&mut self, of: K, change: impl FnOnce(&mut BTreeMap<Ticket, V>) -> R) -> R {
        let waiting = self.waiting.entry(of).or_default();
        if let Some((first, _)) = waiting.first_key_value() {
            self.order.remove(&(waiting.len(), Reverse(*first), of));
        }
        let outcome = change(waiting);
        match waiting.first_key_value() {
            Some((first, _)) => {
                self.order.insert((waiting.len(), Reverse(*first), of));
            }
            None => {
                self.waiting.remove(&of);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_waited_longest_gives_way_of_those_of_whom_most_wait() {
        let mut lobby = Lobby::default();
        for (of, who) in [('h', "honest"), ('a', "a1"), ('b', "b1"), ('b', "b2"), ('a', "a2"), ('b', "b3")] {
            lobby.enter(of, who);
        }
        let gone: Vec<_> = std::iter::from_fn(|| lobby.evict()).collect();
        // Of as many, whoever came first: not one whose name sorts last.
        assert_eq!(gone, ["b1", "a1", "b2", "honest", "a2", "b3"]);
        assert!(lobby.is_empty() && lobby.waiting.is_empty() && lobby.order.is_empty());
    }

    #[test]
    fn who_has_left_gives_way_no_more_and_leaves_once() {
        let mut lobby = Lobby::default();
        let first = lobby.enter(1, "first");
        lobby.enter(1, "second");
        assert_eq!(
            (lobby.leave(2, first), lobby.leave(1, first), lobby.leave(1, first)),
            (None, Some("first"), None)
        );
        assert_eq!((lobby.len(), lobby.len_of(1), lobby.len_of(2)), (1, 1, 0));
        assert_eq!((lobby.evict(), lobby.evict(), lobby.len()), (Some("second"), None, 0));
        assert!(lobby.waiting.is_empty() && lobby.order.is_empty());
    }

    /// However many networks a flood comes from, one more of each makes room among those that flood.
    #[test]
    fn a_flood_turns_itself_out() {
        let mut lobby = Lobby::default();
        let honest = lobby.enter(u32::MAX, u32::MAX);
        for round in 0..10_000 {
            let of = round % 100;
            lobby.enter(of, of);
            if lobby.len() > 500 {
                assert_ne!(lobby.evict(), Some(u32::MAX));
            }
        }
        assert_eq!(lobby.leave(u32::MAX, honest), Some(u32::MAX));
        assert_eq!(lobby.len(), 499);
    }
}
