//! Who is in a room on other instances, kept true by comparing with what the bus says.

use common::{id::ConnectionId, protocol::room::Member};
use std::collections::BTreeMap;

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

    /// Another instance says that somebody joined; true if that is news.
    pub fn join(&mut self, member: Member) -> bool {
        self.members.insert(member.connection_id, member).is_none()
    }

    /// Another instance says that somebody left; true if that is news.
    pub fn leave(&mut self, connection: ConnectionId) -> bool {
        self.members.remove(&connection).is_some()
    }

    /// Compares with a snapshot of everybody elsewhere.
    pub fn reconcile(&mut self, snapshot: impl IntoIterator<Item = Member>, trust: Trust) -> Vec<Change> {
        let snapshot: BTreeMap<ConnectionId, Member> =
            snapshot.into_iter().map(|member| (member.connection_id, member)).collect();
        let mut changes = Vec::new();
        if trust == Trust::Whole {
            self.members.retain(|connection, member| {
                let stays = snapshot.contains_key(connection);
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
        let changes = roster.reconcile([member(2)], Trust::Whole);
        assert_eq!(changes, [Change::Left(member(1)), Change::Joined(member(2))]);
    }

    #[test]
    fn nobody_leaves_on_account_of_a_partial_snapshot() {
        let mut roster = Roster::default();
        roster.join(member(1));
        assert_eq!(roster.reconcile([], Trust::Partial), []);
        assert_eq!(roster.members().count(), 1);
    }
}
