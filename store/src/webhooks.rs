//! Webhooks: addresses that are told about events by HTTP, and the deliveries to them.
//!
//! [`crate::outbox::append`] and [`crate::room_events`] queue a delivery in the transaction of its event,
//! [`crate::system::System::claim_deliveries`] hands it to a sender.

mod attempt;
mod delivery;
mod failing;
mod settings;

pub use attempt::{Attempt, OutgoingDelivery, finish_delivery, open_delivery, postpone_delivery};
pub use delivery::{Delivery, DeliveryState, deliveries, replay};
pub use failing::{FAILURES_MAX, Failing, give_up_waiting, note_failure, note_success, pause_until};
pub use settings::{NewWebhook, WebhookChange, create, delete, find, list, update};

use crate::seal::Place;
use common::{
    id::{AccountId, WebhookId},
    protocol::inbox::InboxEvent,
    room_event::RoomEvent,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The kind of a webhook's receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookKind {
    /// A workflow of n8n, which checks a shared secret in a header. It is told what customers write,
    /// as a `UnifiedMessage`.
    N8n,
    /// Any program that checks the signatures of Standard Webhooks (standardwebhooks.com). It is told
    /// the events that it asks for.
    Standard,
}

/// Something that a webhook can be told about, by the name of its `InboxEvent` or `RoomEvent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventName {
    /// A message arrived or was written.
    MessageCreated,
    /// A message came further, or failed.
    MessageUpdated,
    /// A conversation changed otherwise.
    ConversationUpdated,
    /// An agent wrote a note.
    NoteCreated,
    /// A note was changed.
    NoteUpdated,
    /// A note was deleted.
    NoteDeleted,
    /// A conversation was forgotten with everything in it.
    ConversationErased,
    /// Somebody is called, has missed a call, or was written to, while no device of theirs is connected. Of kind
    /// `standard` only; it is no event of the inbox and has no number, and it is not among the deliveries.
    NotificationCreated,
    /// The first participant entered a room's call. This and what follows are events of rooms: a webhook of kind
    /// `standard` that asks for one of them asks for no events of the inbox.
    RoomStarted,
    /// The last participant has left a room's call.
    RoomEnded,
    /// Somebody entered a call.
    ParticipantJoined,
    /// Somebody is in a call no more.
    ParticipantLeft,
    /// A participant sends something that they did not send before.
    TrackPublished,
    /// A participant sends something no more.
    TrackUnpublished,
    /// A recording's files and manifest are stored.
    RecordingReady,
}

impl EventName {
    /// What it is an event of; `None` if it has no number and is among no deliveries.
    pub const fn subject(self) -> Option<WebhookSubject> {
        match self {
            Self::MessageCreated
            | Self::MessageUpdated
            | Self::ConversationUpdated
            | Self::NoteCreated
            | Self::NoteUpdated
            | Self::NoteDeleted
            | Self::ConversationErased => Some(WebhookSubject::Inbox),
            Self::NotificationCreated => None,
            Self::RoomStarted
            | Self::RoomEnded
            | Self::ParticipantJoined
            | Self::ParticipantLeft
            | Self::TrackPublished
            | Self::TrackUnpublished
            | Self::RecordingReady => Some(WebhookSubject::Rooms),
        }
    }
}

/// What a webhook is told about, for good: each has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookSubject {
    /// Conversations with customers.
    Inbox,
    /// Calls in rooms.
    Rooms,
}

/// An event of either.
#[expect(clippy::large_enum_variant, reason = "one at a time, on its way out")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookEvent {
    /// Of the inbox.
    Inbox(InboxEvent),
    /// Of a room.
    Room(RoomEvent),
}

impl WebhookEvent {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Inbox(event) => event.name(),
            Self::Room(event) => event.name(),
        }
    }
}

/// An event with its number, as webhooks are told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SequencedEvent {
    /// 1, 2, 3, … without gaps per account, of the inbox and of the rooms each.
    pub seq: u64,
    /// What happened.
    pub event: WebhookEvent,
}

/// A webhook. Its secret is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// UUIDv7: later ones sort later.
    pub id: WebhookId,
    /// What kind of receiver it has.
    pub kind: WebhookKind,
    /// The URL that deliveries are posted to.
    pub url: String,
    /// The header that carries the secret, for n8n.
    pub header: String,
    /// What its events are of, for good: the inbox and the rooms number theirs each by themselves.
    pub subject: WebhookSubject,
    /// What it is told about.
    pub events: Vec<EventName>,
    /// When it was switched off: it is never told of events from then on. Null while it is on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
    /// The time since which every delivery has failed; null while deliveries are taken. After
    /// several failures in a row it gets one delivery at a time, after a while.
    #[serde(with = "time::serde::rfc3339::option")]
    pub failing_since: Option<OffsetDateTime>,
}

pub(crate) const fn place(account: AccountId, webhook: WebhookId) -> Place {
    Place { table: "webhooks", column: "secret", account, row: webhook.as_uuid() }
}
