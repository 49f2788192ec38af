//! Who is in a room: everybody where few are; else how many, and page by page for those who look.

use crate::id::{ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};

/// The most members in one answer, and on a page that is kept open.
pub const MEMBERS_MAX: usize = 100;

/// Up to so many members each who enters or leaves is told at once, to all; of more, only how many they are.
///
/// Higher shows more rooms as they are at every moment; but a change costs a frame to every member, so the
/// arrival of all at once costs the square of this.
pub const TOLD_SINGLY_MAX: usize = 50;

/// The longest lists in one [`super::super::presence::Changed`], in bytes of JSON; longer ones are left out.
pub const CHANGES_BYTES_MAX: usize = 32 * 1024;

/// One device present in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// The device that is in the room.
    pub connection_id: ConnectionId,
    /// The device's user; one user may be in a room with several devices.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
}

/// Parameters of `room.members`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReadMembers))]
pub struct ReadMembers {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// Only members after this one, in the order of their ids; absent: from the first on.
    #[serde(default)]
    pub after: Option<ConnectionId>,
    /// Whether the page stays open: `room.pageChanged` tells who comes onto it and who goes, until another one of the
    /// room is opened, `room.unfollowMembers`, or the room is left.
    #[serde(default)]
    pub follow: bool,
}

/// Result of `room.members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMembers))]
pub struct Members {
    /// In the order of their `connectionId`, at most [`MEMBERS_MAX`].
    pub members: Vec<Member>,
    /// How many are present, this device included.
    pub member_count: u32,
    /// Whether there are more: ask again with `after` = the `connectionId` of the last.
    pub more: bool,
}

/// Parameters of `room.unfollowMembers`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomUnfollowMembers))]
pub struct UnfollowMembers {
    /// A room of which a page may be open.
    pub room_id: RoomId,
}

/// Event `room.memberJoined`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMemberJoined))]
pub struct MemberJoined {
    /// The room that was entered.
    pub room_id: RoomId,
    /// The device that entered, and its user.
    pub member: Member,
}

/// Event `room.memberLeft`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMemberLeft))]
pub struct MemberLeft {
    /// The room that was left.
    pub room_id: RoomId,
    /// The device that left.
    pub connection_id: ConnectionId,
    /// The device's user, who may still be there with another device.
    pub user_id: UserId,
}

/// Event `room.membersChanged`: devices entered or left a room that more than [`TOLD_SINGLY_MAX`] are in, or were a
/// moment ago. At most four times a second, and less often among thousands, down to every two seconds. Who they were is
/// told to those who follow the page that they are on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMembersChanged))]
pub struct MembersChanged {
    /// The room that devices entered or left.
    pub room_id: RoomId,
    /// How many are present now.
    pub member_count: u32,
}

/// Event `room.pageChanged`: what became of the page of members that this device follows. It is always the first of
/// those after `after`: who leaves it makes place for the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomPageChanged))]
pub struct PageChanged {
    /// The room whose members they are.
    pub room_id: RoomId,
    /// The page that was asked for, by its `after`; absent: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ConnectionId>,
    /// Who is on it and was not, in the order of their `connectionId`.
    pub joined: Vec<Member>,
    /// The devices that are on it no longer; they may be on another page.
    pub left: Vec<ConnectionId>,
    /// Whether there are more after it.
    pub more: bool,
}
