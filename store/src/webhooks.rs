//! Webhooks: addresses that are told about events by HTTP, and the deliveries to them.
//!
//! [`crate::outbox::append`] queues a delivery in the transaction of its event,
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
use common::id::{AccountId, WebhookId};
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

/// Something that a webhook can be told about, by the name of its `InboxEvent`.
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
