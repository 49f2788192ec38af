//! Rooms: who is there and what is said. What a room keeps of it is in [`mod@class`], what happens to what was said in
//! [`mod@message`], how far somebody has read in [`mod@reading`], who is there in [`mod@roster`], what
//! members are in it in [`mod@standing`].

mod class;
mod message;
mod reading;
mod roster;
mod standing;

pub use class::{
    EVENT_DATA_BYTES_MAX, EVENT_NAME_CHARS_MAX, KeptEvent, Placed, Publish, Publisher, RoomClass,
};
pub use message::{
    ATTACHMENTS_MAX, ChangedMessage, Delete, EMOJI_BYTES_MAX, Edit, MENTIONS_MAX, MessageChanged,
    REACTIONS_MAX, REACTORS_MAX, React, Reaction, Revised, RoomAttachment, RoomMessage,
};
pub use reading::{READERS_TOLD_MAX, Read, ReadPosition, ReadTo, UNREAD_LOOKED_AT_MAX, UNREAD_MAX, Unread};

pub use roster::{
    CHANGES_BYTES_MAX, MEMBERS_MAX, Member, MemberJoined, MemberLeft, Members, MembersChanged, PageChanged,
    ReadMembers, TOLD_SINGLY_MAX, UnfollowMembers,
};
pub use standing::{MemberChanged, MemberRole, Renamed, Restricted};

use super::media;
use crate::id::{AttachmentId, ClientMessageId, ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest message in a room, in bytes of JSON without the quotes ([`crate::text`]).
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The most messages in one answer, and the most that a resuming client is sent.
pub const MESSAGES_MAX: u16 = 100;

/// Rooms that a connection may be in.
pub const ROOMS_MAX: usize = 500;

/// Parameters of `room.join`: either `roomId` or `name`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomJoin))]
pub struct Join {
    /// The durable room to enter.
    #[serde(default)]
    pub room_id: Option<RoomId>,
    /// The name of the room to enter: 1 to 255 bytes of visible text, in Unicode's normalization form C or brought into
    /// it. Each class has names of its own.
    #[serde(default)]
    pub name: Option<String>,
    /// What the named room is to keep of what is said in it; durable if absent.
    #[serde(default)]
    pub class: Option<RoomClass>,
    /// The last number that this client has seen, of a message or of a change, to be sent exactly what it
    /// missed; absent: the latest messages. To go on after an answer with `more`, its `seq`. In a recent room that of
    /// an event, with its `epoch`.
    #[serde(default)]
    pub after: Option<u64>,
    /// The history that `after` is a number of; in recent rooms only.
    #[serde(default)]
    pub epoch: Option<String>,
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
    /// What the room keeps of what is said in it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub class: RoomClass,
    /// The first of those present, in the order of their `connectionId`; `room.members` has the rest.
    pub members: Vec<Member>,
    /// How many are present, this device included.
    pub member_count: u32,
    /// With `after`: what came since, oldest first. Without: the latest, oldest first.
    pub messages: Vec<RoomMessage>,
    /// With `after`: messages from before that have changed since, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedMessage>,
    /// In a recent room with `after` and `epoch`: the events that came since, oldest first. Without: the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<KeptEvent>,
    /// The number to go on from: of the last that is in this answer if there is `more`; else the room's latest, and
    /// events continue from here. 0 in an ephemeral room.
    pub seq: u64,
    /// The history of a recent room that `seq` is a number of. Absent while it cannot be reached: `connection.reload`
    /// says when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Whether more was missed than one answer holds. This device is not in the room yet, or stays in it as
    /// it was before: ask again with `after` = `seq`. `members` and `media` come with the last answer.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
    /// Whether `messages` or `events` continue exactly at `after`. False: too much was
    /// missed, they are the latest, and older messages must be read again.
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
    /// The text: at most [`TEXT_BYTES_MAX`], no control characters but line feed and tab. Empty only if there are
    /// attachments.
    pub text: String,
    /// The number of the message in this room that it answers; absent if it answers none.
    #[serde(default)]
    pub reply_to: Option<u64>,
    /// Users whose attention it wants, at most [`MENTIONS_MAX`]. Those who cannot enter the room, and those who are
    /// no users of the account, are left out.
    #[serde(default)]
    pub mentions: Vec<UserId>,
    /// Files that the caller has uploaded to this room and not sent yet (`POST /v1/rooms/{id}/attachments`), at most
    /// [`ATTACHMENTS_MAX`], each once.
    #[serde(default)]
    pub attachments: Vec<AttachmentId>,
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
    /// It or its user is banned from the room.
    Banned,
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
    /// Whether the device was removed or banned, or the room closed or deleted.
    pub reason: RemovalReason,
}

/// Event `room.event`: something that the account's own back end tells everybody present, or a client the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomEventPublished))]
pub struct Published {
    /// The room that it is for.
    pub room_id: RoomId,
    /// The name of the event, agreed between back end and clients.
    pub name: String,
    /// What was sent with it, passed on as it is.
    pub data: Value,
    /// The device that it is from; absent if it is from the account's back end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Publisher>,
    /// Its number in a recent room's history; absent if it is kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The history that the number is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}
