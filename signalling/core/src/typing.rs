//! Who types in a room, until they say that they no longer do, or fall silent.

use common::id::{ConnectionId, UserId};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long somebody is taken to type who does not say so again.
///
/// Longer spares clients repetitions; shorter takes away sooner what a vanished one has left behind.
pub const TYPING_TIME: Duration = Duration::from_secs(6);

/// Those who type, each until it is over unless they repeat it.
#[derive(Debug, Default)]
pub struct Typing {
    who: BTreeMap<ConnectionId, (UserId, Instant)>,
    /// No later than the first of them is over.
    next: Option<Instant>,
}

impl Typing {
    /// Somebody says that they type, or that they no longer do.
    pub fn note(&mut self, connection: ConnectionId, user: UserId, is_typing: bool, now: Instant) {
        if is_typing {
            let over_at = now + TYPING_TIME;
            self.who.insert(connection, (user, over_at));
            self.next.get_or_insert(over_at);
        } else {
            self.forget(connection);
        }
    }

    /// The device is gone; its user, if they typed.
    pub fn forget(&mut self, connection: ConnectionId) -> Option<UserId> {
        let (user, _) = self.who.remove(&connection)?;
        if self.who.is_empty() {
            self.next = None;
        }
        Some(user)
    }

    /// When to look who has fallen silent.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Those who have fallen silent. Early calls find nobody.
    pub fn expire(&mut self, now: Instant) -> Vec<(ConnectionId, UserId)> {
        if self.next.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let silent = self.who.iter().filter(|(_, (_, over_at))| *over_at <= now);
        let silent: Vec<_> = silent.map(|(&connection, &(user, _))| (connection, user)).collect();
        self.who.retain(|_, (_, over_at)| *over_at > now);
        self.next = self.who.values().map(|&(_, over_at)| over_at).min();
        silent
    }
}
