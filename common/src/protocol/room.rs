//! Rooms: who is there and what is said. What happens to what was said is in [`mod@message`], how far somebody has
//! read in [`mod@reading`].

mod message;
mod reading;

pub use message::{
    ChangedMessage, Delete, EMOJI_BYTES_MAX, Edit, MENTIONS_MAX, MessageChanged, REACTIONS_MAX, REACTORS_MAX,
    React, Reaction, Revised, RoomMessage,
};
pub use reading::{READERS_TOLD_MAX, Read, ReadPosition, ReadTo, UNREAD_LOOKED_AT_MAX, UNREAD_MAX, Unread};

use super::media;
use crate::id::{ClientMessageId, ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest message in a room, in bytes of JSON without the quotes ([`crate::text`]).
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The most messages in one answer, and the most that a resuming client is sent.
pub const MESSAGES_MAX: u16 = 100;

/// Rooms that a connection may be in.
pub const ROOMS_MAX: usize = 500;

/// The most members in one answer.
pub const MEMBERS_MAX: usize = 100;

/// Up to so many members each who enters or leaves is told at once; of more, changes are told together.
///
/// Higher shows more rooms as they are at every moment; but a change costs a frame to every member, so the
/// departure of all at once costs the square of this.
pub const TOLD_SINGLY_MAX: usize = 100;

/// Above so many members changes are told as a number alone.
pub const TOLD_BY_NAME_MAX: usize = 1000;

/// The longest lists in one [`MembersChanged`] or [`super::presence::Changed`], in bytes of JSON; longer
/// ones are left out.
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

/// Parameters of `room.join`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomJoin))]
pub struct Join {
    /// The room to enter.
    pub room_id: RoomId,
    /// The last number that this client has seen, of a message or of a change, to be sent exactly what it
    /// missed; absent: the latest messages. To go on after an answer with `more`, its `seq`.
    #[serde(default)]
    pub after: Option<u64>,
    /// Whether the answer is to say how far the user has read.
    #[serde(default)]
    pub unread: bool,
}

/// Result of `room.join`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomJoined))]
pub struct Joined {
    /// The room that was entered.
    pub room_id: RoomId,
    /// The room's name.
    pub name: String,
    /// The first of those present, in the order of their `connectionId`; `room.members` has the rest.
    pub members: Vec<Member>,
    /// How many are present, this device included.
    pub member_count: u32,
    /// With `after`: what came since, oldest first. Without: the latest, oldest first.
    pub messages: Vec<RoomMessage>,
    /// With `after`: messages from before that have changed since, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedMessage>,
    /// The number to go on from: of the last that is in this answer if there is `more`; else the room's latest, and
    /// events continue from here.
    pub seq: u64,
    /// Whether more was missed than one answer holds. This device is not in the room yet, or stays in it as
    /// it was before: ask again with `after` = `seq`. `members` and `media` come with the last answer.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
    /// Whether `messages` continues exactly at `after`. False: too much was
    /// missed, `messages` are the latest and older ones must be read again.
    pub recovered: bool,
    /// The running media session, if there is one.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub media: Option<media::State>,
    /// How far the user has read, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Unread>,
}

/// Parameters of `room.leave`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomLeave))]
pub struct Leave {
    /// The room to leave.
    pub room_id: RoomId,
}

/// Parameters of `room.send`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomSend))]
pub struct Send {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// Chosen by the client, once per message: sent again after a lost answer,
    /// the message is stored once and the same answer comes back.
    pub client_id: ClientMessageId,
    /// The text: at most [`TEXT_BYTES_MAX`], no control characters but line feed and tab.
    pub text: String,
    /// The number of the message in this room that it answers; absent if it answers none.
    #[serde(default)]
    pub reply_to: Option<u64>,
    /// Users whose attention it wants, at most [`MENTIONS_MAX`]. Those who cannot enter the room, and those who are
    /// no users of the account, are left out.
    #[serde(default)]
    pub mentions: Vec<UserId>,
}

/// Result of `room.send`: the message is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomSent))]
pub struct Sent {
    /// The message as everybody in the room sees it.
    pub message: RoomMessage,
}

/// Parameters of `room.typing`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomSetTyping))]
pub struct SetTyping {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// Whether the user is typing now. Repeat while it lasts; six seconds later others are told that it is over.
    pub typing: bool,
}

/// Parameters of `room.history`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReadHistory))]
pub struct ReadHistory {
    /// The room to read; it need not be joined.
    pub room_id: RoomId,
    /// Only messages before this number; absent: the latest.
    #[serde(default)]
    pub before: Option<u64>,
    /// How many, at most [`MESSAGES_MAX`], 50 if absent.
    #[serde(default)]
    pub limit: Option<u16>,
}

/// Result of `room.history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomHistoryRead))]
pub struct History {
    /// Oldest first; as many of those nearest to `before` as fit.
    pub messages: Vec<RoomMessage>,
    /// Whether there are older ones: ask again with `before` = the `seq` of the first.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
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

/// Event `room.message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMessagePosted))]
pub struct MessagePosted {
    /// The room that it was sent to.
    pub room_id: RoomId,
    /// The message as it was stored.
    pub message: RoomMessage,
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

/// Event `room.membersChanged`: what changed within a moment in a room that more than [`TOLD_SINGLY_MAX`] are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMembersChanged))]
pub struct MembersChanged {
    /// The room that devices entered or left.
    pub room_id: RoomId,
    /// Who is there and was not, or was away for a moment; the receiving device may be among them.
    pub joined: Vec<Member>,
    /// The devices that are there no longer; some may never have been told of.
    pub left: Vec<ConnectionId>,
    /// How many are present now.
    pub member_count: u32,
    /// Whether the lists are everything that changed. False: they are empty, and whoever shows who is there
    /// reads `room.members` again, at leisure.
    pub complete: bool,
}

/// Event `room.typing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomTypingChanged))]
pub struct TypingChanged {
    /// The room in which somebody is typing.
    pub room_id: RoomId,
    /// The device on which somebody is typing.
    pub connection_id: ConnectionId,
    /// The device's user.
    pub user_id: UserId,
    /// Whether it is typing now.
    pub typing: bool,
}

/// Why a device is no longer in a room that it has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRemovalReason))]
pub enum RemovalReason {
    /// An administrator or the account's own back end removed it or its user.
    Removed,
    /// The room was closed.
    Closed,
    /// The room was deleted.
    Deleted,
}

/// Event `room.removed`: this device is in the room no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRemoved))]
pub struct Removed {
    /// The room that this device was in.
    pub room_id: RoomId,
    /// Whether the device was removed, or the room closed or deleted.
    pub reason: RemovalReason,
}

/// Event `room.event`: something that the account's own back end tells everybody present. It is kept nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomEventPublished))]
pub struct Published {
    /// The room that it is for.
    pub room_id: RoomId,
    /// The name of the event, agreed between back end and clients.
    pub name: String,
    /// What the back end sent with it, passed on as it is.
    pub data: Value,
}
