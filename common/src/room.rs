//! A room as the store has it: what decides who may do what in it, and what its sequence numbers.

use crate::{
    id::{RoomId, UserId},
    protocol::room::{MemberRole, RoomMessage, Unread},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A room, and what connects one person or guest with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomFacts {
    /// Only members, guests and programs may enter and read it.
    pub is_private: bool,
    /// It is for two users, who are its members.
    pub is_direct: bool,
    /// Nobody enters it, and nothing is said in it.
    pub is_closed: bool,
    /// What the person is in it; `None` if they are no member.
    pub role: Option<MemberRole>,
    /// When they were last removed from it: a guest's token from before is good no more.
    pub removed_at: Option<OffsetDateTime>,
    /// They may not come in, whatever else allows it.
    pub is_banned: bool,
    /// They may not say anything at that moment.
    pub is_muted: bool,
}

/// What a number of a room's sequence stands for: a new message, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEntry {
    /// The number.
    pub seq: u64,
    /// The message as it was when this was read: what changed it later may be in it already.
    pub message: RoomMessage,
}

impl RoomEntry {
    /// Whether the message was there before.
    pub const fn is_change(&self) -> bool {
        self.seq != self.message.seq
    }
}

impl From<RoomMessage> for RoomEntry {
    /// The message as new.
    fn from(message: RoomMessage) -> Self {
        Self { seq: message.seq, message }
    }
}

/// A room, and what of it concerns whom of those who were asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedRoom {
    /// The room.
    pub id: RoomId,
    /// The number of its latest message or change of one; what is unread was counted then or later.
    pub last_seq: u64,
    /// What is so of everybody whom nothing connects with it.
    pub facts: RoomFacts,
    /// Those whom something does.
    pub users: BTreeMap<UserId, Connected>,
}

/// What connects a user with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// What decides whether they see it; whether they are muted is left out.
    pub facts: RoomFacts,
    /// What is unread; `None` for who has never read there, is no member and was not mentioned.
    pub unread: Option<Unread>,
}
