//! How far somebody has read.

use crate::id::{RoomId, UserId};
use serde::{Deserialize, Serialize};

/// Unread messages are counted up to here: then it says that there are at least so many.
pub const UNREAD_MAX: u32 = 100;

/// The latest messages that are looked at for those that are unread: one's own and deleted ones are not, so the count
/// of who has written many since may be short.
pub const UNREAD_LOOKED_AT_MAX: u32 = 300;

/// Up to so many members, each is told how far the others have read.
///
/// Higher shows it in more rooms; but everybody who reads a message costs a frame to every member.
pub const READERS_TOLD_MAX: u32 = 50;

/// Parameters of `room.read`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRead))]
pub struct Read {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// The number up to which the user has read. One that is lower than another that was said before changes nothing.
    pub seq: u64,
}

/// Result of `room.read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReadPosition))]
pub struct ReadPosition {
    /// The number up to which the user has read, on whichever device.
    pub seq: u64,
}

/// How far a user has read, and what has come since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomUnread))]
pub struct Unread {
    /// The number up to which they have read; 0 if they have never said so.
    pub seq: u64,
    /// Messages of others since then that are not deleted: [`UNREAD_MAX`] if there are as many or more. Who has
    /// never read in a room that is for all has nothing unread there.
    pub unread: u32,
    /// Messages since then that mention them, counted in the same way.
    pub mentions: u32,
}

/// Event `room.read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReadTo))]
pub struct ReadTo {
    /// The room in which somebody has read.
    pub room_id: RoomId,
    /// Who: the user of this device, on another one; in a room of at most [`READERS_TOLD_MAX`] anybody.
    pub user_id: UserId,
    /// The number up to which they have.
    pub seq: u64,
}
