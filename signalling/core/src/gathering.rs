//! Changes among many that are told together: the departure of a thousand is one event, not a thousand each.

use crate::roster::Change;
use common::{
    id::ConnectionId,
    protocol::{
        page::encoded_len,
        room::{CHANGES_BYTES_MAX, Member, TOLD_BY_NAME_MAX, TOLD_SINGLY_MAX},
    },
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Changes that wait to be told together. What happens to a device twice is told as it ended.
#[derive(Debug, Default)]
pub struct Gathering {
    waiting: BTreeMap<ConnectionId, Change>,
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
    /// what is to be told at once, one by one. The rest waits for [`take`](Self::take).
    pub fn note(&mut self, changes: Vec<Change>, among: usize) -> Vec<Change> {
        // Behind others that wait, or what is told would not be in the order in which it happened.
        if self.waiting.is_empty() && among <= TOLD_SINGLY_MAX {
            return changes;
        }
        for change in changes {
            let (Change::Joined(member) | Change::Left(member)) = &change;
            self.waiting.insert(member.connection_id, change);
        }
        Vec::new()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, to be told in a room that `present` are in.
    pub fn take(&mut self, present: usize) -> Gathered<ConnectionId, Member> {
        let waiting = std::mem::take(&mut self.waiting);
        if present > TOLD_BY_NAME_MAX {
            return Gathered::incomplete();
        }
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for change in waiting.into_values() {
            match change {
                Change::Joined(member) => came.push(member),
                Change::Left(member) => went.push(member.connection_id),
            }
        }
        Gathered::bounded(came, went)
    }
}

impl<K: Serialize, V: Serialize> Gathered<K, V> {
    /// These lists, unless they are too long to be told to many.
    pub fn bounded(came: Vec<V>, went: Vec<K>) -> Self {
        if encoded_len(&came) + encoded_len(&went) > CHANGES_BYTES_MAX {
            return Self::incomplete();
        }
        Self { came, went, complete: true }
    }

    const fn incomplete() -> Self {
        Self { came: Vec::new(), went: Vec::new(), complete: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Joined, Left};
    use common::id::UserId;
    use uuid::Uuid;

    fn member(n: u128, name: &str) -> Member {
        let id = Uuid::from_u128(n);
        Member {
            connection_id: ConnectionId::from_uuid(id),
            user_id: UserId::from_uuid(id),
            name: name.to_owned(),
        }
    }

    fn id(n: u128) -> ConnectionId {
        member(n, "").connection_id
    }

    #[test]
    fn among_few_each_is_told_at_once_and_among_many_together() {
        let (ada, ben) = (member(1, "Ada"), member(2, "Ben"));
        let mut gathering = Gathering::default();
        assert_eq!(gathering.note(vec![Joined(ada.clone())], TOLD_SINGLY_MAX), [Joined(ada.clone())]);
        assert_eq!(gathering.note(vec![Joined(ben.clone())], TOLD_SINGLY_MAX + 1), []);
        // Few are left; but this came after what still waits.
        assert_eq!(gathering.note(vec![Left(ada)], 1), []);
        let all = Gathered { came: vec![ben.clone()], went: vec![id(1)], complete: true };
        assert_eq!(gathering.take(2), all);
        assert!(gathering.is_empty());
        assert_eq!(gathering.note(vec![Left(ben.clone())], 1), [Left(ben)]);
    }

    #[test]
    fn who_comes_and_goes_is_told_as_it_ended() {
        let (ada, ben) = (member(1, "Ada"), member(2, "Ben"));
        let mut gathering = Gathering::default();
        gathering.note(vec![Joined(ada.clone()), Left(ada), Left(ben.clone()), Joined(ben.clone())], 500);
        assert_eq!(gathering.take(500), Gathered { came: vec![ben], went: vec![id(1)], complete: true });
    }

    #[test]
    fn what_is_told_has_a_bound_whatever_happens() {
        let nothing = Gathered::incomplete();
        let mut gathering = Gathering::default();
        let long = "x".repeat(200);
        gathering.note((0..900).map(|n| Joined(member(n, &long))).collect(), 900);
        assert_eq!(gathering.take(900), nothing, "too long");
        gathering.note(vec![Left(member(1, "Ada"))], 5000);
        assert_eq!(gathering.take(TOLD_BY_NAME_MAX + 1), nothing, "too many would be told");
        // Nearly all of a room in which everybody is told by name leave at once.
        gathering.note((0..800).map(|n| Left(member(n, &long))).collect(), TOLD_BY_NAME_MAX);
        let told = gathering.take(200);
        assert_eq!((told.complete, told.went.len()), (true, 800));
    }
}
