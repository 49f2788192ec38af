//! Between hub instances: in which rooms of an account something is new, for those who follow the list of them.

use super::Topic;
use crate::id::{AccountId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is new in the rooms of an account. The store is the truth: what is not heard is found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomListTopic(pub AccountId);

/// See [`RoomListTopic`]. It says where, and not what: that is read once for all who follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomListNews {
    /// Rooms in which something was said or changed.
    pub moved: BTreeSet<RoomId>,
    /// Users who have read further than before, each with the room.
    pub read: BTreeSet<(RoomId, UserId)>,
    /// Rooms that are for all from now on: new ones, and those that were private. Who follows may not know of them.
    pub opened: BTreeSet<RoomId>,
}

impl Topic for RoomListTopic {
    type Message = RoomListNews;
    fn name(&self) -> String {
        format!("hub.roomlist.{}", self.0)
    }
}
