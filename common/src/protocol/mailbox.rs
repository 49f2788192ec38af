//! A person's mailbox: what must reach them on whatever device, numbered per user.
//!
//! An entry is written in the transaction that causes it, told to the user's devices that follow, and kept for 90 days,
//! of each user the latest [`ENTRIES_MAX`]. What one device has acknowledged, it has for all.

use crate::id::{CallId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How many entries are kept of each user.
///
/// More let people look further back; every entry is a row. Older ones go when new ones come.
pub const ENTRIES_MAX: u32 = 1000;

/// The most entries in one answer.
pub const PAGE_MAX: u32 = 100;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxEntryKind))]
pub enum EntryKind {
    /// A message of a room mentions them.
    Mention,
    /// They were rung and did not pick up: in time, or because the caller gave up or they were in another call.
    CallMissed,
}

impl EntryKind {
    /// The kind's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::CallMissed => "callMissed",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Mention, Self::CallMissed].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Something that a person is to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxEntry))]
pub struct Entry {
    /// Its number in the user's mailbox: 1, 2, 3, …
    pub seq: u64,
    /// What happened.
    pub kind: EntryKind,
    /// The user who wrote the message, or rang.
    pub from: UserId,
    /// Their name at that time.
    pub name: String,
    /// The room in which it was said, or in which they were to meet.
    pub room_id: RoomId,
    /// The number of the message that mentions; null of a call.
    pub message_seq: Option<u64>,
    /// The call that was missed; null of a message.
    pub call_id: Option<CallId>,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: OffsetDateTime,
    /// Whether the user knows of it: a device has acknowledged it, or the room was read as far as the message.
    #[serde(rename = "read")]
    pub is_read: bool,
}

/// Parameters of `mailbox.subscribe`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxSubscribe))]
pub struct Subscribe {
    /// Only entries after this number; absent: the latest, whether acknowledged or not.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Result of `mailbox.subscribe`: later entries follow as events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxSubscribed))]
pub struct Subscribed {
    /// The number of the latest entry; 0 if there has been none.
    pub seq: u64,
    /// Up to which number the user's devices have acknowledged.
    pub acknowledged_seq: u64,
    /// The latest entries in their order, at most [`PAGE_MAX`].
    pub entries: Vec<Entry>,
    /// Whether these are all after `after`. False: earlier ones are read with `GET /v1/me/mailbox`.
    pub complete: bool,
}

/// Parameters of `mailbox.unsubscribe`: none.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxUnsubscribe))]
pub struct Unsubscribe {}

/// Parameters of `mailbox.acknowledge`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxAcknowledge))]
pub struct Acknowledge {
    /// Up to which number. Less than before changes nothing, and more than there is counts as all there is.
    pub seq: u64,
}

/// Result of `mailbox.acknowledge`, and event `mailbox.acknowledged` to the user's devices that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MailboxAcknowledged))]
pub struct Acknowledged {
    /// Up to which number the user's devices have acknowledged.
    pub seq: u64,
}
