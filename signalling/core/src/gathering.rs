//! Changes among many that are told together: the departure of a thousand is one event, not a thousand each.

use crate::roster::Change;
use common::protocol::{
    page::encoded_len,
    room::{CHANGES_BYTES_MAX, TOLD_SINGLY_MAX},
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long changes of who is in a room that many are in are gathered before they are told.
///
/// Longer is fewer events when many come and go at once; shorter shows each sooner.
pub const GATHER_TIME: Duration = Duration::from_millis(250);

/// Members for each of whose thousands it is so long again: telling the number costs a frame to each of them.
const GATHERED_MEMBERS: usize = 1000;

/// Up to so many times as long.
const GATHER_FACTOR_MAX: u32 = 8;

/// How long changes among so many are gathered.
fn gather_time(among: usize) -> Duration {
    let factor = u32::try_from(among.div_ceil(GATHERED_MEMBERS)).unwrap_or(GATHER_FACTOR_MAX);
    GATHER_TIME * factor.clamp(1, GATHER_FACTOR_MAX)
}

/// Whether it has to be told how many there are, because not each change was.
#[derive(Debug, Default)]
pub struct Gathering {
    due: Option<Instant>,
}

/// What is told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered<K, V> {
    /// Who is there.
    pub came: Vec<V>,
    /// Who is gone.
    pub went: Vec<K>,
    /// Whether that is everything; if not, both are empty.
    pub complete: bool,
}

impl Gathering {
    /// Takes changes among at most `among`, as many as there were before or are after them, and gives back
    /// what is to be told at once, one by one. For the rest, the number is told later.
    pub fn note(&mut self, changes: Vec<Change>, among: usize, now: Instant) -> Vec<Change> {
        // Behind others that wait, or what is told would not be in the order in which it happened.
        if changes.is_empty() || (self.due.is_none() && among <= TOLD_SINGLY_MAX) {
            return changes;
        }
        self.due.get_or_insert(now + gather_time(among));
        Vec::new()
    }

    /// When the number is to be told.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the number is to be told now; then it is.
    pub fn take(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

impl<K: Serialize, V: Serialize> Gathered<K, V> {
    /// These lists, unless they are too long to be told to many.
    pub fn bounded(came: Vec<V>, went: Vec<K>) -> Self {
        if encoded_len(&came) + encoded_len(&went) > CHANGES_BYTES_MAX {
            return Self { came: Vec::new(), went: Vec::new(), complete: false };
        }
        Self { came, went, complete: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Joined, Left};
    use common::{
        clock::{Clock, ManualClock},
        id::{ConnectionId, UserId},
        protocol::room::Member,
    };
    use uuid::Uuid;

    fn member(n: u128) -> Member {
        let id = Uuid::from_u128(n);
        Member {
            connection_id: ConnectionId::from_uuid(id),
            user_id: UserId::from_uuid(id),
            name: "Ada".to_owned(),
        }
    }

    #[test]
    fn among_few_each_is_told_at_once_and_among_many_their_number_after_a_while() {
        let (clock, mut gathering) = (ManualClock::default(), Gathering::default());
        let (ada, ben) = (member(1), member(2));
        let mut note = |change: Change, among| gathering.note(vec![change], among, clock.now());
        assert_eq!(note(Joined(ada.clone()), TOLD_SINGLY_MAX), [Joined(ada.clone())]);
        assert_eq!(note(Joined(ben.clone()), TOLD_SINGLY_MAX + 1), []);
        // Few are left; but this came after what still waits.
        assert_eq!(note(Left(ada), 1), []);
        assert!(!gathering.take(clock.now()));
        assert_eq!(gathering.next_deadline(), Some(clock.now() + GATHER_TIME));
        clock.advance(GATHER_TIME);
        assert!(gathering.take(clock.now()) && !gathering.take(clock.now()), "once");
        assert_eq!(gathering.note(vec![Left(ben.clone())], 1, clock.now()), [Left(ben)]);
    }

    /// Thousands come, and each of those who are there is told of it by a frame.
    #[test]
    fn the_more_there_are_the_less_often_their_number_is_told() {
        let clock = ManualClock::default();
        for (among, times) in [(1000, 1), (1001, 2), (5000, 5), (8000, 8), (1_000_000, 8)] {
            let mut gathering = Gathering::default();
            gathering.note(vec![Joined(member(1))], among, clock.now());
            assert_eq!(gathering.next_deadline(), Some(clock.now() + GATHER_TIME * times), "{among}");
        }
    }

    #[test]
    fn lists_that_are_told_to_many_have_a_bound() {
        let long = Gathered::bounded(vec!["x".repeat(40); 900], vec![1, 2, 3]);
        assert_eq!(long, Gathered { came: Vec::new(), went: Vec::new(), complete: false });
        assert!(Gathered::bounded(vec!["x"; 900], vec![1]).complete);
    }
}
