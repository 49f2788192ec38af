//! A webhook's body, taken apart item by item: one odd item costs no other.
//!
//! Source: Meta, WhatsApp Cloud API, "Webhooks: messages" and "statuses".

mod content;

use crate::message::UnifiedMessage;
use common::{
    protocol::inbox::{ChannelKind, DeliveryStatus, Direction},
    text,
};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

/// How much of Meta's words about a failure is kept, in bytes of JSON.
const ERROR_BYTES_MAX: usize = 1000;

/// One item of a batch.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A customer wrote.
    Message(Box<Incoming>),
    /// A message of ours came further, or failed.
    Status(Report),
    /// Something that this version does not act on, and why.
    Skipped {
        /// For the log.
        why: String,
    },
}

/// A customer's message and who the customer is.
#[derive(Debug, PartialEq)]
pub struct Incoming {
    /// The business number it was sent to, as Meta names it.
    pub phone_number_id: String,
    /// The message.
    pub message: UnifiedMessage,
    /// What kind: `text`, `image`, …, as Meta names it.
    pub kind: String,
    /// The sender's names as scheme and value, the surest first.
    pub identities: Vec<(&'static str, String)>,
    /// The name on the sender's profile.
    pub name: Option<String>,
}

/// A report about a message of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The business number, as Meta names it.
    pub phone_number_id: String,
    /// Meta's id for the message.
    pub external_id: String,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Why it failed, in Meta's words.
    pub error: Option<String>,
    /// When.
    pub at: OffsetDateTime,
    /// What we gave Meta to send back: our own message id.
    pub callback_data: Option<String>,
}

/// The body is not what Meta sends for WhatsApp.
#[derive(Debug, thiserror::Error)]
#[error("not a WhatsApp webhook")]
pub struct NotAWebhook(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Envelope {
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Value>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    field: String,
    value: ChangeValue,
}

#[derive(Deserialize)]
struct ChangeValue {
    metadata: Option<Metadata>,
    #[serde(default)]
    contacts: Vec<Value>,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    statuses: Vec<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    phone_number_id: String,
    #[serde(default)]
    display_phone_number: String,
}

/// Takes a body apart, in the order in which its items stand.
///
/// # Errors
/// [`NotAWebhook`] if there is no envelope to take apart.
pub fn items(body: &[u8]) -> Result<Vec<Item>, NotAWebhook> {
    let envelope: Envelope = serde_json::from_slice(body)?;
    let mut items = Vec::new();
    for change in envelope.entry.into_iter().flat_map(|entry| entry.changes) {
        match serde_json::from_value::<Change>(change) {
            Ok(Change { field, value }) if field == "messages" => explode(value, &mut items),
            Ok(Change { field, .. }) => items.push(skipped(format!("field {field:?}"))),
            Err(error) => items.push(skipped(format!("a change without its value: {error}"))),
        }
    }
    Ok(items)
}

const fn skipped(why: String) -> Item {
    Item::Skipped { why }
}

fn explode(value: ChangeValue, items: &mut Vec<Item>) {
    let Some(business) = value.metadata else {
        items.push(skipped("no metadata, so no business number".to_owned()));
        return;
    };
    let contacts: Vec<Contact> =
        value.contacts.into_iter().filter_map(|contact| serde_json::from_value(contact).ok()).collect();
    for message in value.messages {
        items.push(match read_message(message, &business, &contacts) {
            Ok(incoming) => Item::Message(Box::new(incoming)),
            Err(why) => skipped(why),
        });
    }
    for status in value.statuses {
        items.push(read_status(status, &business).map_or_else(skipped, Item::Status));
    }
}

#[derive(Deserialize)]
struct Contact {
    #[serde(default)]
    wa_id: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    from_user_id: Option<String>,
    timestamp: String,
    #[serde(rename = "type")]
    kind: String,
}

fn read_message(raw: Value, business: &Metadata, contacts: &[Contact]) -> Result<Incoming, String> {
    let wire = Wire::deserialize(&raw).map_err(|error| format!("a message that cannot be read: {error}"))?;
    let contact = contacts.iter().find(|contact| {
        (contact.wa_id.is_some() && contact.wa_id == wire.from)
            || (contact.user_id.is_some() && contact.user_id == wire.from_user_id)
    });
    // A user id stays when the number changes; a phone number may be withheld.
    let user_id = wire.from_user_id.or_else(|| contact.and_then(|contact| contact.user_id.clone()));
    let identities: Vec<_> = [user_id.map(|id| ("bsuid", id)), wire.from.map(|phone| ("phone", phone))]
        .into_iter()
        .flatten()
        .collect();
    let Some((_, from)) = identities.last().cloned() else {
        return Err("a message without a sender".to_owned());
    };
    let content = content::read(&wire.kind, &raw);
    let message = UnifiedMessage {
        external_id: wire.id,
        channel_type: ChannelKind::Whatsapp,
        direction: Direction::Inbound,
        from,
        to: business.display_phone_number.clone(),
        text: content.text,
        truncated: content.truncated,
        attachments: content.attachments,
        timestamp: unix(&wire.timestamp)?,
        metadata: raw,
    };
    let profile = contact.and_then(|contact| contact.profile.as_ref());
    let name = profile.and_then(|profile| profile.name.as_deref()).map(text::shown_name);
    Ok(Incoming {
        phone_number_id: business.phone_number_id.clone(),
        message,
        kind: wire.kind,
        identities,
        name: name.filter(|name| !name.is_empty()),
    })
}

#[derive(Deserialize)]
struct WireStatus {
    id: String,
    status: String,
    timestamp: String,
    #[serde(default)]
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_data: Option<ErrorData>,
}

#[derive(Deserialize)]
struct ErrorData {
    #[serde(default)]
    details: Option<String>,
}

impl WireError {
    fn text(self) -> String {
        let details = self.error_data.and_then(|data| data.details);
        let words = details
            .or(self.message)
            .or(self.title)
            .unwrap_or_else(|| "the channel gave no reason".to_owned());
        let words = text::cut(&words, ERROR_BYTES_MAX).unwrap_or(words);
        self.code.map_or(words.clone(), |code| format!("{words} ({code})"))
    }
}

fn read_status(raw: Value, business: &Metadata) -> Result<Report, String> {
    let wire: WireStatus =
        serde_json::from_value(raw).map_err(|error| format!("a status that cannot be read: {error}"))?;
    let status = match wire.status.as_str() {
        "sent" => DeliveryStatus::Sent,
        "delivered" => DeliveryStatus::Delivered,
        // A voice message that was played was read.
        "read" | "played" => DeliveryStatus::Read,
        "failed" => DeliveryStatus::Failed,
        other => return Err(format!("status {other:?}")),
    };
    Ok(Report {
        phone_number_id: business.phone_number_id.clone(),
        external_id: wire.id,
        status,
        error: wire.errors.into_iter().next().map(WireError::text),
        at: unix(&wire.timestamp)?,
        callback_data: wire.biz_opaque_callback_data,
    })
}

/// Meta writes times as text of Unix seconds.
fn unix(text: &str) -> Result<OffsetDateTime, String> {
    let seconds = text.parse().map_err(|_| format!("timestamp {text:?}"))?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| format!("timestamp {text:?}"))
}

#[cfg(test)]
mod tests;
