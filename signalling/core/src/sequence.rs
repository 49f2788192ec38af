//! A numbered sequence and its readers: each gets every number once, in order.

use common::id::ConnectionId;
use std::{collections::BTreeMap, ops::Bound};

/// What to do with a message that carries a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one: hand it out.
    Next,
    /// It was handed out before: drop it.
    Duplicate,
    /// Some before it are missing: read everything after [`Sequence::position`] from the store.
    Gap,
    /// Nobody has read yet, so that nobody misses it: drop it.
    Early,
}

/// What it means for the sequence that somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Joined {
    /// From here on it is handed out. What arrived [early](Arrival::Early) may come after what was read: read
    /// everything after [`Sequence::position`] from the store.
    First,
    /// It was handed out before.
    Further,
}

/// A sequence numbered 1, 2, 3, … as this instance has handed it out.
#[derive(Debug)]
pub struct Sequence<R> {
    /// The last number handed out; `None` until the first reader says where the sequence is.
    position: Option<u64>,
    readers: BTreeMap<ConnectionId, (u64, R)>,
}

impl<R> Default for Sequence<R> {
    fn default() -> Self {
        Self { position: None, readers: BTreeMap::new() }
    }
}

impl<R> Sequence<R> {
    /// The last number handed out; `None` while nobody has read, so that nothing is to be handed out.
    pub const fn position(&self) -> Option<u64> {
        self.position
    }

    /// Whether the store, which has numbers up to `seq`, is ahead of what was handed out.
    pub fn lags(&self, seq: u64) -> bool {
        self.position.is_some_and(|position| position < seq)
    }

    /// Whether the sequence has gone past `seen`: who has read no further would miss something.
    pub fn has_passed(&self, seen: u64) -> bool {
        self.position.is_some_and(|position| position > seen)
    }

    /// Adds a reader who has just read everything up to `seen` from the store, in place of the one that
    /// the connection may have been.
    ///
    /// # Errors
    /// Gives the reader back, and changes nothing, if the sequence [has passed](Self::has_passed) `seen`
    /// meanwhile: it must read again.
    pub fn join(&mut self, connection: ConnectionId, seen: u64, reader: R) -> Result<Joined, R> {
        if self.has_passed(seen) {
            return Err(reader);
        }
        let joined = if self.position.is_none() { Joined::First } else { Joined::Further };
        self.position.get_or_insert(seen);
        self.readers.insert(connection, (seen, reader));
        Ok(joined)
    }

    /// The sequence is another one, or is read anew: everybody has read it up to number `seq`, and goes on from there.
    pub fn begin_anew(&mut self, seq: u64) {
        self.position = Some(seq);
        for (seen, _) in self.readers.values_mut() {
            *seen = seq;
        }
    }

    /// Removes a reader, and returns it if it was one.
    pub fn leave(&mut self, connection: ConnectionId) -> Option<R> {
        self.readers.remove(&connection).map(|(_, reader)| reader)
    }

    /// Judges a message with this number. [`Arrival::Next`] moves the sequence on.
    pub fn arrive(&mut self, seq: u64) -> Arrival {
        let Some(position) = self.position else { return Arrival::Early };
        match seq.checked_sub(position) {
            Some(1) => {
                self.position = Some(seq);
                Arrival::Next
            }
            None | Some(0) => Arrival::Duplicate,
            Some(_) => Arrival::Gap,
        }
    }

    /// Goes on after `seq`, if it is not past it: what is before is kept no longer, and missed by nobody who could be
    /// told.
    pub fn skip_to(&mut self, seq: u64) {
        self.position = self.position.map(|position| position.max(seq));
    }

    /// The readers who have not seen `seq` yet.
    pub fn readers_of(&self, seq: u64) -> impl Iterator<Item = &R> {
        self.readers.values().filter(move |(seen, _)| *seen < seq).map(|(_, reader)| reader)
    }

    /// All readers, each with the last number that it knew when it joined.
    pub fn readers(&self) -> impl Iterator<Item = (ConnectionId, u64, &R)> {
        self.readers.iter().map(|(&connection, (seen, reader))| (connection, *seen, reader))
    }

    /// All readers after `connection`, or from the first on, in the order of their connections.
    pub fn readers_after(
        &self,
        connection: Option<ConnectionId>,
    ) -> impl Iterator<Item = (ConnectionId, &R)> {
        let start = connection.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.readers.range((start, Bound::Unbounded));
        range.map(|(&connection, (_, reader))| (connection, reader))
    }

    /// How many read.
    pub fn len(&self) -> usize {
        self.readers.len()
    }

    /// One reader.
    pub fn reader(&self, connection: ConnectionId) -> Option<&R> {
        self.readers.get(&connection).map(|(_, reader)| reader)
    }

    /// Whether nobody reads.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn connection(n: u128) -> ConnectionId {
        ConnectionId::from_uuid(Uuid::from_u128(n))
    }

    fn readers(feed: &Sequence<&'static str>, seq: u64) -> Vec<&'static str> {
        feed.readers_of(seq).copied().collect()
    }

    #[test]
    fn a_reader_gets_what_came_after_it_read_the_store_and_nothing_twice() {
        let mut feed = Sequence::default();
        let _ = feed.join(connection(1), 4, "early").unwrap();
        // Number 5 is stored and was read by the second reader, but is handed out only now.
        let _ = feed.join(connection(2), 5, "late").unwrap();
        assert_eq!(feed.arrive(5), Arrival::Next);
        assert_eq!(readers(&feed, 5), ["early"]);
        assert_eq!(feed.arrive(6), Arrival::Next);
        assert_eq!(readers(&feed, 6), ["early", "late"]);
    }

    #[test]
    fn a_reader_that_would_miss_something_must_read_again() {
        let mut feed = Sequence::default();
        let _ = feed.join(connection(1), 4, "first").unwrap();
        assert_eq!(feed.arrive(5), Arrival::Next);
        assert_eq!(feed.join(connection(2), 4, "second"), Err("second"));
        let _ = feed.join(connection(2), 5, "second").unwrap();
    }

    /// It may fail to read again; until then it is where it was.
    #[test]
    fn a_reader_that_must_read_again_keeps_its_place() {
        let mut feed = Sequence::default();
        let _ = feed.join(connection(1), 4, "before").unwrap();
        assert_eq!(feed.arrive(5), Arrival::Next);
        assert_eq!(feed.join(connection(1), 4, "again"), Err("again"));
        assert_eq!(feed.reader(connection(1)), Some(&"before"));
        assert_eq!(feed.arrive(6), Arrival::Next);
        assert_eq!(readers(&feed, 6), ["before"]);
        let _ = feed.join(connection(1), 6, "again").unwrap();
        assert_eq!((feed.reader(connection(1)), feed.len()), (Some(&"again"), 1));
    }

    #[test]
    fn gaps_and_duplicates_are_told_apart() {
        let mut feed = Sequence::default();
        let _ = feed.join(connection(1), 4, "only").unwrap();
        assert_eq!(feed.arrive(7), Arrival::Gap);
        assert_eq!(feed.arrive(4), Arrival::Duplicate);
        assert_eq!(feed.position(), Some(4), "a gap moves nothing");
        for seq in 5..=7 {
            assert_eq!(feed.arrive(seq), Arrival::Next);
        }
    }

    /// Between two pages of who comes back: the whole history is nobody's gap.
    #[test]
    fn what_arrives_before_anybody_reads_is_no_gap_and_is_looked_for_once_somebody_does() {
        let mut feed = Sequence::default();
        assert_eq!(feed.arrive(1_000_000), Arrival::Early);
        assert_eq!((feed.position(), feed.lags(1_000_000)), (None, false), "there is nobody to hand it to");
        assert_eq!(feed.join(connection(1), 999_999, "first"), Ok(Joined::First), "which reads once more");
        assert!(feed.lags(1_000_000));
        assert_eq!(feed.arrive(1_000_000), Arrival::Next);
        assert_eq!(feed.arrive(1_000_001), Arrival::Next);
        assert_eq!(feed.join(connection(2), 1_000_001, "second"), Ok(Joined::Further));
    }
}
