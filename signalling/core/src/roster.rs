//! Who is in a room on other instances, kept true by comparing with what the bus says.

use common::{
    id::ConnectionId,
    protocol::{
        page,
        room::{MEMBERS_MAX, Member},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// How far a snapshot of the bus can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Who is not in it is gone.
    Whole,
    /// The other instances may not have said yet who is with them: nobody leaves on its account.
    Partial,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Somebody is there who was not.
    Joined(Member),
    /// Somebody is gone.
    Left(Member),
}

/// The members of a room that are connected elsewhere.
#[derive(Debug, Default)]
pub struct Roster {
    members: BTreeMap<ConnectionId, Member>,
}

impl Roster {
    /// Everybody.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Those after `connection`, or from the first on, in the order of their connections.
    pub fn members_after(&self, connection: Option<ConnectionId>) -> impl Iterator<Item = &Member> {
        let start = connection.map_or(Bound::Unbounded, Bound::Excluded);
        self.members.range((start, Bound::Unbounded)).map(|(_, member)| member)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether this one is there.
    pub fn has(&self, connection: ConnectionId) -> bool {
        self.members.contains_key(&connection)
    }

    /// This one, if they are there.
    pub fn get(&self, connection: ConnectionId) -> Option<&Member> {
        self.members.get(&connection)
    }

    /// Another instance says that somebody joined; true if that is news.
    pub fn join(&mut self, member: Member) -> bool {
        self.members.insert(member.connection_id, member).is_none()
    }

    /// Another instance says that somebody left: who it was, if that is news.
    pub fn leave(&mut self, connection: ConnectionId) -> Option<Member> {
        self.members.remove(&connection)
    }

    /// Compares with a snapshot of everybody elsewhere. It says nothing about those who were `touched` by news
    /// while it was made.
    pub fn reconcile(
        &mut self,
        snapshot: impl IntoIterator<Item = Member>,
        trust: Trust,
        touched: &BTreeSet<ConnectionId>,
    ) -> Vec<Change> {
        let snapshot = snapshot.into_iter().filter(|member| !touched.contains(&member.connection_id));
        let snapshot: BTreeMap<ConnectionId, Member> =
            snapshot.map(|member| (member.connection_id, member)).collect();
        let mut changes = Vec::new();
        if trust == Trust::Whole {
            self.members.retain(|connection, member| {
                let stays = snapshot.contains_key(connection) || touched.contains(connection);
                if !stays {
                    changes.push(Change::Left(member.clone()));
                }
                stays
            });
        }
        for (connection, member) in snapshot {
            if self.members.insert(connection, member.clone()).is_none() {
                changes.push(Change::Joined(member));
            }
        }
        changes
    }
}

/// The longest page of members, in bytes of JSON: of 100 with ordinary names it is a third.
const PAGE_BYTES_MAX: usize = 40 * 1024;

/// The first of those `here` and `elsewhere`, each in the order of their connections, and whether there are more.
pub fn page<'a>(
    here: impl Iterator<Item = Member>,
    elsewhere: impl Iterator<Item = &'a Member>,
) -> (Vec<Member>, bool) {
    let (mut here, mut elsewhere) = (here.peekable(), elsewhere.cloned().peekable());
    let merged = std::iter::from_fn(|| match (here.peek(), elsewhere.peek()) {
        (Some(one), Some(other)) if other.connection_id < one.connection_id => elsewhere.next(),
        (Some(_), _) => here.next(),
        (None, _) => elsewhere.next(),
    });
    page::first(merged, MEMBERS_MAX, PAGE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::id::UserId;
    use uuid::Uuid;

    fn member(n: u128) -> Member {
        Member {
            connection_id: ConnectionId::from_uuid(Uuid::from_u128(n)),
            user_id: UserId::from_uuid(Uuid::from_u128(n)),
            name: n.to_string(),
        }
    }

    #[test]
    fn a_whole_snapshot_decides_who_is_there() {
        let mut roster = Roster::default();
        assert!(roster.join(member(1)));
        assert!(!roster.join(member(1)), "said twice is no news");
        let changes = roster.reconcile([member(2)], Trust::Whole, &BTreeSet::new());
        assert_eq!(changes, [Change::Left(member(1)), Change::Joined(member(2))]);
    }

    #[test]
    fn a_snapshot_says_nothing_about_those_who_came_or_went_while_it_was_made() {
        let mut roster = Roster::default();
        roster.join(member(1));
        let touched = BTreeSet::from([member(1).connection_id, member(2).connection_id]);
        assert_eq!(roster.reconcile([member(2)], Trust::Whole, &touched), []);
        assert_eq!(roster.members().collect::<Vec<_>>(), [&member(1)]);
    }

    /// Names as long as they may be, in whatever script; some here, the others elsewhere.
    #[test]
    fn page_by_page_everybody_is_read_once_and_each_page_is_small() {
        for name in ["Ada".to_owned(), "😀".repeat(200), "\"".repeat(200)] {
            let everybody: Vec<Member> =
                (0..1500).map(|n| Member { name: name.clone(), ..member(n) }).collect();
            let (mut here, mut elsewhere) = (BTreeMap::new(), Roster::default());
            for (n, member) in everybody.iter().enumerate() {
                if n % 3 == 0 {
                    here.insert(member.connection_id, member.clone());
                } else {
                    elsewhere.join(member.clone());
                }
            }
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let here_after = here.values().filter(|member| Some(member.connection_id) > after).cloned();
                let (members, more) = super::page(here_after, elsewhere.members_after(after));
                assert!(page::encoded_len(&members) <= PAGE_BYTES_MAX && members.len() <= MEMBERS_MAX);
                after = members.last().map(|member| member.connection_id);
                read.extend(members);
                if !more {
                    break;
                }
            }
            assert_eq!(read, everybody);
        }
    }

    #[test]
    fn nobody_leaves_on_account_of_a_partial_snapshot() {
        let mut roster = Roster::default();
        roster.join(member(1));
        assert_eq!(roster.reconcile([], Trust::Partial, &BTreeSet::new()), []);
        assert_eq!(roster.members().count(), 1);
    }
}
