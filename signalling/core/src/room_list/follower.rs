//! A user who follows, and what they know.

use common::{
    id::{ConnectionId, RoomId},
    protocol::room::{UNREAD_MAX, Unread},
};
use std::collections::BTreeMap;

/// Rooms of which it is remembered what is unread for a user as they were told. Beyond that all is forgotten, and may be
/// told them once more.
pub(super) const TOLD_MAX: usize = 256;

/// What somebody was told of a room: what is unread there, and up to which number that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    last_seq: u64,
    read: Unread,
}

/// All of their devices on this instance. They are told the same.
#[derive(Debug)]
pub(super) struct Follower<D> {
    pub(super) devices: BTreeMap<ConnectionId, D>,
    /// What they were told last, of rooms of which they were told anything.
    pub(super) unread: BTreeMap<RoomId, Told>,
    /// The rooms in which a call goes on for all that they were told, each with the session's revision then.
    calls: BTreeMap<RoomId, u64>,
}

impl<D> Default for Follower<D> {
    fn default() -> Self {
        Self { devices: BTreeMap::new(), unread: BTreeMap::new(), calls: BTreeMap::new() }
    }
}

impl<D> Follower<D> {
    /// Adds a device. What the others know of calls is told once more: this one knows nothing.
    pub(super) fn add(&mut self, connection: ConnectionId, device: D) {
        self.devices.insert(connection, device);
        self.calls.values_mut().for_each(|revision| *revision = 0);
    }

    /// Whether it is other than what they were told last that so much is unread at this number; from now on they were.
    ///
    /// Also the same count at another number: whoever read the list between a message and its deletion was told
    /// another, and goes by that until there is a count of a later number. Once the count has reached its end, that is
    /// worth no frame for each message.
    pub(super) fn is_news_of_unread(&mut self, room: RoomId, last_seq: u64, read: Unread) -> bool {
        if self.unread.len() >= TOLD_MAX && !self.unread.contains_key(&room) {
            self.unread.clear();
        }
        let told = Told { last_seq, read };
        let before = self.unread.insert(room, told);
        before != Some(told) && (read.unread < UNREAD_MAX || before.map(|before| before.read) != Some(read))
    }

    /// Whether it is news that a call goes on in a room, of this revision; or that none does, or is to be seen.
    pub(super) fn is_news_of_call(&mut self, room: RoomId, shown: Option<u64>) -> bool {
        let before = match shown {
            Some(revision) => self.calls.insert(room, revision),
            None => self.calls.remove(&room),
        };
        before != shown
    }
}
