//! A message, and what may be done to it afterwards.

use crate::id::{AttachmentId, RoomId, RoomMessageId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Users whom one message may mention.
pub const MENTIONS_MAX: usize = 20;

/// Different emojis with which people may have reacted to one message.
pub const REACTIONS_MAX: usize = 20;

/// Users who are named with a reaction; of more, only how many is told.
///
/// More names people in larger rooms; but every reaction sends the message to everybody again.
pub const REACTORS_MAX: usize = 10;

/// Files that one message may have.
pub const ATTACHMENTS_MAX: usize = 10;

/// The longest emoji, in bytes of UTF-8: families and flags are of many characters.
pub const EMOJI_BYTES_MAX: usize = 48;

/// One message, durable and numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomMessage {
    /// The message, on whichever page or connection it is read.
    pub id: RoomMessageId,
    /// Its number in the room, which it keeps when it changes. Messages and changes of them are numbered together:
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// The user or guest who sent it.
    pub user_id: UserId,
    /// The sender's name at that time.
    pub name: String,
    /// The text as it was sent or last edited; empty if it was deleted, or has attachments alone.
    pub text: String,
    /// When it was stored.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The number of the message that it answers, which may have been deleted; absent if it answers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// Users whose attention it wants; absent if nobody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    /// Its files, in the order in which they were sent; absent if it has none. At most [`ATTACHMENTS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<RoomAttachment>,
    /// When it was last edited; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub edited_at: Option<OffsetDateTime>,
    /// When it was deleted, and text, mentions, attachments and reactions with it; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub deleted_at: Option<OffsetDateTime>,
    /// By emoji, the one that was used first before the others; absent if nobody has reacted. At most
    /// [`REACTIONS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// A file of a message. Those who may read the room get a link to it from `GET /v1/rooms/{id}/attachments/{attachment}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomAttachment {
    /// The file, in whichever message and on whichever page.
    pub id: AttachmentId,
    /// What its sender calls it: one visible line, without a path.
    pub file_name: String,
    /// What it is by its content, as a media type; `application/octet-stream` if that is not known.
    pub mime_type: String,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// A picture's width in pixels; absent if it is no picture, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// A picture's height in pixels; absent if it is no picture, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whether there is a smaller picture of it, as JPEG.
    pub has_thumbnail: bool,
}

/// Those who have reacted to a message with the same emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReaction))]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many they are.
    pub count: u32,
    /// Some of them: at most [`REACTORS_MAX`].
    pub user_ids: Vec<UserId>,
}

/// Parameters of `room.edit`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomEdit))]
pub struct Edit {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// The number of the message, which the caller has sent.
    pub message_seq: u64,
    /// What it says from now on, under the rules of `room.send`; its attachments stay. The text before is kept
    /// nowhere.
    pub text: String,
}

/// Parameters of `room.delete`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomDelete))]
pub struct Delete {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// The number of the message.
    pub message_seq: u64,
}

/// Parameters of `room.react`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomReact))]
pub struct React {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// The number of the message.
    pub message_seq: u64,
    /// One emoji, of at most [`EMOJI_BYTES_MAX`] bytes.
    pub emoji: String,
    /// Whether the user reacts with it, or takes that back.
    pub on: bool,
}

/// Result of `room.edit`, `room.delete` and `room.react`: the change is stored, or there was nothing to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRevised))]
pub struct Revised {
    /// The message as everybody in the room sees it.
    pub message: RoomMessage,
}

/// A message that has changed since somebody was there last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomChangedMessage))]
pub struct ChangedMessage {
    /// The number of its latest change; who has heard of that meanwhile has it newer.
    pub seq: u64,
    /// The message as it is now.
    pub message: RoomMessage,
}

/// Event `room.messageChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMessageChanged))]
pub struct MessageChanged {
    /// The room that it is in.
    pub room_id: RoomId,
    /// The number of the change.
    pub seq: u64,
    /// The message, which has a number of its own, as it is now: what changed it later may be in it already.
    pub message: RoomMessage,
}
