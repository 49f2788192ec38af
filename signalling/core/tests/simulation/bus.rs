//! What instances hear of each other: late, in order for each pair, or never; and who is where, until it expires.

use common::{
    id::{ConnectionId, RoomId},
    protocol::room::Member,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The set of all of the account's devices; rooms have others.
pub(crate) const ACCOUNT: RoomId = RoomId::from_uuid(Uuid::nil());

/// How long entries outlive the instance that no longer confirms them.
const LEASE_MS: u64 = 10_000;

struct Entry {
    node: usize,
    member: Member,
    /// Its instance is dead or out of reach since a while, or about to take it out.
    expires_at: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Bus {
    presence: BTreeMap<(RoomId, ConnectionId), Entry>,
    /// When the last news from one instance to another arrives.
    last: BTreeMap<(usize, usize), u64>,
}

impl Bus {
    /// When news arrives that takes so long, behind what was said before.
    pub(crate) fn arrival(&mut self, from: usize, to: usize, at: u64) -> u64 {
        let last = self.last.entry((from, to)).or_default();
        *last = at.max(*last);
        *last
    }

    pub(crate) fn present(&mut self, room: RoomId, node: usize, member: Member) {
        let key = (room, member.connection_id);
        self.presence.insert(key, Entry { node, member, expires_at: None });
    }

    /// It is taken out a while after it was given up.
    pub(crate) fn absent_at(&mut self, room: RoomId, connection: ConnectionId, at: u64) {
        if let Some(entry) = self.presence.get_mut(&(room, connection)) {
            entry.expires_at = Some(entry.expires_at.map_or(at, |before| before.min(at)));
        }
    }

    pub(crate) fn absent(&mut self, room: RoomId, connection: ConnectionId) {
        self.presence.remove(&(room, connection));
    }

    /// Nothing is heard from an instance any more.
    pub(crate) fn lose(&mut self, node: usize, now: u64) {
        for entry in self.presence.values_mut().filter(|entry| entry.node == node) {
            entry.expires_at.get_or_insert(now + LEASE_MS);
        }
    }

    /// An instance says anew who is with it.
    pub(crate) fn assert(&mut self, node: usize, theirs: Vec<(RoomId, Member)>) {
        self.forget(node);
        theirs.into_iter().for_each(|(room, member)| self.present(room, node, member));
    }

    /// An instance is taken for dead.
    pub(crate) fn forget(&mut self, node: usize) {
        self.presence.retain(|_, entry| entry.node != node);
    }

    /// Who is in a room on other instances than this.
    pub(crate) fn elsewhere(&self, room: RoomId, node: usize, now: u64) -> Vec<Member> {
        let (first, last) = (ConnectionId::from_uuid(Uuid::nil()), ConnectionId::from_uuid(Uuid::max()));
        let entries = self.presence.range((room, first)..=(room, last)).map(|(_, entry)| entry);
        let living = entries.filter(|entry| entry.expires_at.is_none_or(|at| at > now));
        living.filter(|entry| entry.node != node).map(|entry| entry.member.clone()).collect()
    }
}
