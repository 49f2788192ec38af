//! The inbox: conversations with customers, as agents see them.
//!
//! The same types are the bodies of the REST layer and the payloads of the
//! outbox, so what an agent is told live and what a page reads cannot differ.

use crate::{
    id::{ChannelId, ContactId, ConversationId, LabelId, MessageId, NoteId, TeamId, UserId},
    text,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// The longest text of a message, in bytes of JSON without the quotes ([`crate::text`]).
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The longest text in an event, likewise. The whole of it is read by REST.
///
/// Longer spares reading by REST; shorter lets more events through a slow line. Four times what the
/// wordiest channel takes in ASCII.
pub const EVENT_TEXT_BYTES_MAX: usize = 16 * 1024;

/// The longest anything else of an event that other services have written, likewise: names, reasons.
const EVENT_WORDS_BYTES_MAX: usize = 1024;

/// The most events that a resuming client is sent; beyond that it reloads.
pub const EVENTS_MAX: u32 = 500;

/// The kind of a conversation's channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChannelKind {
    /// WhatsApp Business, Cloud API.
    Whatsapp,
}

impl ChannelKind {
    /// The kind's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
        }
    }

    /// The longest text that such a channel takes, in characters.
    pub const fn text_chars_max(self) -> usize {
        match self {
            // Meta, WhatsApp Cloud API, "Text messages".
            Self::Whatsapp => 4096,
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == "whatsapp").then_some(Self::Whatsapp)
    }
}

/// From whom a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Direction {
    /// From the customer.
    Inbound,
    /// To the customer.
    Outbound,
}

/// How far a message to a customer has come. The order is progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DeliveryStatus {
    /// Stored here, not yet accepted by the channel.
    Queued,
    /// Accepted by the channel.
    Sent,
    /// On the customer's device.
    Delivered,
    /// Seen by the customer.
    Read,
    /// Given up; see the message's error.
    Failed,
}

impl DeliveryStatus {
    /// Every status, in the order of progress.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Sent, Self::Delivered, Self::Read, Self::Failed];

    /// The status's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// The status of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConversationStatus {
    /// Waits for an agent.
    Open,
    /// Waits for the customer or for somebody else; opens again when the customer writes.
    Pending,
    /// Out of sight until a time, or until the customer writes.
    Snoozed,
    /// Done; opens again when the customer writes.
    Resolved,
}

impl ConversationStatus {
    /// The status's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
        }
    }

    /// Every status that a conversation can have.
    pub const ALL: [Self; 4] = [Self::Open, Self::Pending, Self::Snoozed, Self::Resolved];

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The statuses that an agent may set from this one. A resolved conversation is opened before anything else.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Pending, Self::Snoozed, Self::Resolved],
            Self::Pending => &[Self::Open, Self::Snoozed, Self::Resolved],
            Self::Snoozed => &[Self::Open, Self::Pending, Self::Snoozed, Self::Resolved],
            Self::Resolved => &[Self::Open],
        }
    }
}

/// How urgent a conversation is. The order is urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Priority {
    /// Nobody has said.
    None,
    /// Can wait.
    Low,
    /// As most.
    Medium,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// Every priority, in the order of urgency.
    pub const ALL: [Self; 5] = [Self::None, Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The priority's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The priority with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == name)
    }
}

/// A customer, as shown beside a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contact {
    /// The contact, as `/v1/contacts/{id}` reads it.
    pub id: ContactId,
    /// The name the channel gives, or the address where there is none.
    pub name: String,
}

/// A thread with one customer on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// The conversation, as `/v1/conversations/{id}` reads it.
    pub id: ConversationId,
    /// The channel it is on.
    pub channel_id: ChannelId,
    /// The channel's kind.
    pub channel_kind: ChannelKind,
    /// The customer at the other end.
    pub contact: Contact,
    /// Whether it is open, waits, is snoozed or is resolved.
    pub status: ConversationStatus,
    /// Until when it is out of sight, if it is snoozed.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub snoozed_until: Option<OffsetDateTime>,
    /// How urgent it is.
    #[serde(default = "no_priority")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub priority: Priority,
    /// The agent who answers it, if one has taken it.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub assignee_id: Option<UserId>,
    /// The team that answers it, if there is one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub team_id: Option<TeamId>,
    /// Its labels, in no order.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub label_ids: Vec<LabelId>,
    /// What the account's own programs say about it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object, required = true))]
    pub attributes: Map<String, Value>,
    /// The beginning of the latest message.
    pub preview: String,
    /// When the latest message was.
    #[serde(with = "time::serde::rfc3339")]
    pub last_message_at: OffsetDateTime,
    /// Inbound messages since an agent last replied or read.
    pub unread: u32,
}

/// Events from before there were priorities are still read.
const fn no_priority() -> Priority {
    Priority::None
}

/// An agent's note to other agents beside a conversation. Customers never see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// The note, as `/v1/conversations/{id}/notes` lists it.
    pub id: NoteId,
    /// The conversation that the note is about.
    pub conversation_id: ConversationId,
    /// The user who wrote it.
    pub author_id: UserId,
    /// What it says.
    pub text: String,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    /// Its media type (RFC 6838), as the channel gives it.
    #[cfg_attr(feature = "openapi", schema(example = "image/jpeg"))]
    pub mime_type: String,
    /// Its name, if it has one.
    #[cfg_attr(feature = "openapi", schema(example = "invoice.pdf", required = true))]
    pub file_name: Option<String>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The message, in events as on pages.
    pub id: MessageId,
    /// The conversation that it is part of.
    pub conversation_id: ConversationId,
    /// Whether it is from the customer or to them.
    pub direction: Direction,
    /// The agent who wrote it, for outbound ones.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub author_id: Option<UserId>,
    /// What it says; absent for kinds of message that carry no text.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub text: Option<String>,
    /// Whether `text` is only the beginning, as it is in events with long texts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The files that came with it; each is read by its place.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub attachments: Vec<Attachment>,
    /// How far it has come; always `delivered` for inbound ones.
    pub status: DeliveryStatus,
    /// Why it failed, in the channel's words, if it did.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub error: Option<String>,
    /// When it was written, by the channel's clock for inbound ones.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When the channel accepted it, for outbound ones.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub sent_at: Option<OffsetDateTime>,
    /// When it was on the customer's device.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub delivered_at: Option<OffsetDateTime>,
    /// When the customer saw it.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub read_at: Option<OffsetDateTime>,
    /// When it was given up.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub failed_at: Option<OffsetDateTime>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Message {
    fn bound(&mut self) {
        if let Some(text) = &mut self.text
            && let Some(beginning) = text::cut(text, EVENT_TEXT_BYTES_MAX)
        {
            *text = beginning;
            self.truncated = true;
        }
        self.error.iter_mut().for_each(bound_words);
        for attachment in &mut self.attachments {
            bound_words(&mut attachment.mime_type);
            attachment.file_name.iter_mut().for_each(bound_words);
        }
    }
}

impl Conversation {
    fn bound(&mut self) {
        bound_words(&mut self.contact.name);
        bound_words(&mut self.preview);
    }
}

fn bound_words(words: &mut String) {
    if let Some(beginning) = text::cut(words, EVENT_WORDS_BYTES_MAX) {
        *words = beginning;
    }
}

/// An event of an inbox.
#[expect(clippy::large_enum_variant, reason = "nearly every event is a message, and all are behind a box")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum InboxEvent {
    /// A message arrived or was written.
    MessageCreated {
        /// The conversation as it is with this message.
        conversation: Conversation,
        /// The message as agents see it.
        message: Message,
    },
    /// A message came further, or failed.
    MessageUpdated {
        /// The message as it is now.
        message: Message,
    },
    /// A conversation changed otherwise: assigned, resolved, read.
    ConversationUpdated {
        /// As it is now.
        conversation: Conversation,
    },
    /// An agent wrote a note.
    NoteCreated {
        /// The note as it was written.
        note: Note,
    },
    /// A note was changed.
    NoteUpdated {
        /// As it is now.
        note: Note,
    },
    /// A note was deleted.
    #[serde(rename_all = "camelCase")]
    NoteDeleted {
        /// The note that is gone.
        note_id: NoteId,
        /// The conversation that it was about.
        conversation_id: ConversationId,
    },
    /// A conversation was forgotten with everything in it. Earlier events about it say this too.
    #[serde(rename_all = "camelCase")]
    ConversationErased {
        /// The conversation that is gone.
        conversation_id: ConversationId,
    },
}

impl InboxEvent {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessageCreated { .. } => "messageCreated",
            Self::MessageUpdated { .. } => "messageUpdated",
            Self::ConversationUpdated { .. } => "conversationUpdated",
            Self::NoteCreated { .. } => "noteCreated",
            Self::NoteUpdated { .. } => "noteUpdated",
            Self::NoteDeleted { .. } => "noteDeleted",
            Self::ConversationErased { .. } => "conversationErased",
        }
    }
}

/// Event `inbox.event`: what happened, and its place in the account's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SequencedInboxEvent))]
pub struct Sequenced {
    /// 1, 2, 3, … without gaps, per account.
    pub seq: u64,
    /// What happened.
    pub event: InboxEvent,
}

impl Sequenced {
    /// The same as any socket can take it, whatever a customer has sent: long texts are cut and marked.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        match &mut self.event {
            InboxEvent::MessageCreated { conversation, message } => {
                conversation.bound();
                message.bound();
            }
            InboxEvent::MessageUpdated { message } => message.bound(),
            InboxEvent::ConversationUpdated { conversation } => conversation.bound(),
            // An agent's own words are bounded where they are written.
            InboxEvent::NoteCreated { .. }
            | InboxEvent::NoteUpdated { .. }
            | InboxEvent::NoteDeleted { .. }
            | InboxEvent::ConversationErased { .. } => {}
        }
        self
    }
}

/// Parameters of `inbox.subscribe`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InboxSubscribe))]
pub struct Subscribe {
    /// The last event this client has seen; absent: only what happens from now on. To go on after an
    /// answer with `more`, its `seq`.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Result of `inbox.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InboxSubscribed))]
pub struct Subscribed {
    /// The number to go on from: of the last of `events` if there is `more`; else the stream's latest, and
    /// events continue from here.
    pub seq: u64,
    /// What was missed, in order.
    pub events: Vec<Sequenced>,
    /// Whether more was missed than one answer holds. This connection does not follow the inbox yet, or
    /// follows it as it did before: ask again with `after` = `seq`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
    /// Whether `events` continues exactly at `after`. False: reload the inbox.
    pub recovered: bool,
}

/// Parameters of `inbox.unsubscribe`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = InboxUnsubscribe))]
pub struct Unsubscribe {}
