//! A room as the store has it: what decides who may do what in it, and what its sequence numbers.

use crate::protocol::room::RoomMessage;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A room, and what connects one person or guest with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomFacts {
    /// Only members, guests and programs may enter and read it.
    pub is_private: bool,
    /// Nobody enters it, and nothing is said in it.
    pub is_closed: bool,
    /// The person is one of its members.
    pub is_member: bool,
    /// When they were last removed from it: a guest's token from before is good no more.
    pub removed_at: Option<OffsetDateTime>,
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
