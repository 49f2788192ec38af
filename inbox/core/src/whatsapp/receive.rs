//! A webhook's body, taken apart item by item: one odd item costs no other.
//!
//! Source: Meta, WhatsApp Cloud API, "Webhooks: messages" and "statuses".

mod content;
mod lenient;
mod senders;

use crate::message::UnifiedMessage;
use common::{
    protocol::inbox::{ChannelKind, DeliveryStatus, Direction},
    text::{cut, shown_name},
};
use lenient::{elements, members, raw_text, repaired, text, values};
use senders::Senders;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// How much of Meta's words about a failure is kept, in bytes of JSON.
const ERROR_BYTES_MAX: usize = 1000;

/// The items of one body that are taken: twice as many as Meta puts into one (Meta, WhatsApp webhooks overview).
///
/// More takes a fuller body; fewer ends sooner the transaction in which all of them are stored.
pub const ITEMS_MAX: usize = 2000;

/// The JSON values in all items of one body that are taken: each takes up to 200 times the memory that it has as
/// text. Meta's items have about 25.
pub const VALUES_MAX: usize = 100_000;

/// What a body says.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// What was taken, in the order in which it stands.
    pub items: Vec<Item>,
    /// How many items were left out, being beyond [`ITEMS_MAX`] or [`VALUES_MAX`].
    pub left_out: usize,
    /// JSON values in the items.
    values: usize,
}

impl Batch {
    /// Whether there is room for an item of so many values; if not, one more is left out.
    fn has_room(&mut self, values: usize) -> bool {
        let has_room = self.items.len() < ITEMS_MAX && self.values.saturating_add(values) <= VALUES_MAX;
        if has_room {
            self.values += values;
        } else {
            self.left_out += 1;
        }
        has_room
    }

    fn push(&mut self, item: Item) {
        if self.has_room(0) {
            self.items.push(item);
        }
    }
}

/// How much of a name that we do not know is logged, in bytes of JSON.
const NAME_BYTES_MAX: usize = 64;

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
    /// Something that cannot be understood, and why, without what it says.
    Unreadable {
        /// For the log.
        why: &'static str,
    },
}

/// A customer's message and who the customer is.
#[derive(Debug, PartialEq)]
pub struct Incoming {
    /// The business number it was sent to, as Meta names it.
    pub phone_number_id: String,
    /// The message in the words of all channels.
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
    /// When it came so far, by the provider's clock.
    pub at: OffsetDateTime,
    /// What we gave Meta to send back: our own message id.
    pub callback_data: Option<String>,
}

/// The body is not what Meta sends for WhatsApp.
#[derive(Debug, thiserror::Error)]
#[error("not a WhatsApp webhook")]
pub struct NotAWebhook;

/// Takes a body apart, in the order in which its items stand. `arrived` stands for times that make no sense.
///
/// # Errors
/// [`NotAWebhook`] if there is no envelope to take apart.
pub fn items(body: &[u8], arrived: OffsetDateTime) -> Result<Batch, NotAWebhook> {
    let body = repaired(body);
    let envelope = members(&body).ok_or(NotAWebhook)?;
    let entries = envelope.get("entry").and_then(|entry| elements(entry.get())).ok_or(NotAWebhook)?;
    let mut batch = Batch::default();
    for entry in entries {
        let Some(entry) = members(entry.get()) else {
            batch.push(unreadable("an entry that is no object"));
            continue;
        };
        match entry.get("changes").map(|changes| elements(changes.get())) {
            Some(Some(changes)) => {
                changes.into_iter().for_each(|change| read_change(change, arrived, &mut batch));
            }
            Some(None) => batch.push(unreadable("an entry whose changes are no list")),
            None => {}
        }
    }
    Ok(batch)
}

const fn unreadable(why: &'static str) -> Item {
    Item::Unreadable { why }
}

fn read_change(change: &RawValue, arrived: OffsetDateTime, batch: &mut Batch) {
    let change = members(change.get()).unwrap_or_default();
    let Some(value) = change.get("value").and_then(|value| members(value.get())) else {
        batch.push(unreadable("a change without its value"));
        return;
    };
    match raw_text(change.get("field")) {
        Some(field) if field != "messages" => {
            batch.push(Item::Skipped { why: format!("field {}", name(&field)) });
        }
        Some(_) | None => explode(&value, arrived, batch),
    }
}

/// The business number that a change is about.
struct Business {
    phone_number_id: String,
    display_phone_number: String,
}

fn business(value: &BTreeMap<String, &RawValue>) -> Option<Business> {
    let metadata = members(value.get("metadata")?.get())?;
    Some(Business {
        phone_number_id: raw_text(metadata.get("phone_number_id"))?,
        display_phone_number: raw_text(metadata.get("display_phone_number")).unwrap_or_default(),
    })
}

fn explode(value: &BTreeMap<String, &RawValue>, arrived: OffsetDateTime, batch: &mut Batch) {
    let Some(business) = business(value) else {
        batch.push(unreadable("no business number"));
        return;
    };
    let senders = Senders::read(value.get("contacts"));
    read_list(value.get("messages"), "messages that are no list", batch, |message| {
        let read = read_message(message, &business, &senders, arrived);
        read.map(|incoming| Item::Message(Box::new(incoming)))
    });
    read_list(value.get("statuses"), "statuses that are no list", batch, |status| {
        read_status(&status, &business, arrived)
    });
}

/// Reads each element of a list, if there is one. What cannot be read is told of and costs no other.
fn read_list(
    list: Option<&&RawValue>,
    otherwise: &'static str,
    batch: &mut Batch,
    mut read: impl FnMut(Value) -> Result<Item, &'static str>,
) {
    let Some(list) = list.filter(|list| list.get() != "null") else { return };
    let Some(list) = elements(list.get()) else {
        batch.push(unreadable(otherwise));
        return;
    };
    for element in list {
        if !batch.has_room(values(element.get())) {
            continue;
        }
        // Nested too deeply, or with a number that no machine has.
        let element = serde_json::from_str(element.get()).map_err(|_| "an item that cannot be read");
        batch.items.push(element.and_then(&mut read).unwrap_or_else(unreadable));
    }
}

/// The text at a JSON pointer (RFC 6901).
fn text_at(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(text)
}

fn read_message(
    raw: Value,
    business: &Business,
    senders: &Senders,
    arrived: OffsetDateTime,
) -> Result<Incoming, &'static str> {
    let external_id = text_at(&raw, "/id").ok_or("a message without an id")?;
    let (phone, from_user_id) = (text_at(&raw, "/from"), text_at(&raw, "/from_user_id"));
    let kind = text_at(&raw, "/type").unwrap_or_else(|| "unknown".to_owned());
    let contact = senders.find(phone.as_deref(), from_user_id.as_deref());
    // A user id stays when the number changes; a phone number may be withheld.
    let user_id = from_user_id.or_else(|| contact.and_then(|contact| contact.user_id.clone()));
    let identities: Vec<_> = [user_id.map(|id| ("bsuid", id)), phone.map(|phone| ("phone", phone))]
        .into_iter()
        .flatten()
        .collect();
    let (_, from) = identities.last().cloned().ok_or("a message without a sender")?;
    let content = content::read(&kind, &raw);
    let message = UnifiedMessage {
        external_id,
        channel_type: ChannelKind::Whatsapp,
        direction: Direction::Inbound,
        from,
        to: business.display_phone_number.clone(),
        text: content.text,
        truncated: content.truncated,
        attachments: content.attachments,
        timestamp: unix(&raw, arrived),
        metadata: raw,
    };
    let name =
        contact.and_then(|contact| contact.name.as_deref()).map(shown_name).filter(|name| !name.is_empty());
    Ok(Incoming { phone_number_id: business.phone_number_id.clone(), message, kind, identities, name })
}

fn read_status(raw: &Value, business: &Business, arrived: OffsetDateTime) -> Result<Item, &'static str> {
    let external_id = text_at(raw, "/id").ok_or("a status without an id")?;
    let status = match text_at(raw, "/status").as_deref() {
        Some("sent") => DeliveryStatus::Sent,
        Some("delivered") => DeliveryStatus::Delivered,
        // A voice message that was played was read.
        Some("read" | "played") => DeliveryStatus::Read,
        Some("failed") => DeliveryStatus::Failed,
        Some(other) => return Ok(Item::Skipped { why: format!("status {}", name(other)) }),
        None => return Err("a status that says none"),
    };
    Ok(Item::Status(Report {
        phone_number_id: business.phone_number_id.clone(),
        external_id,
        status,
        error: raw.pointer("/errors/0").map(reason),
        at: unix(raw, arrived),
        callback_data: text_at(raw, "/biz_opaque_callback_data"),
    }))
}

/// A name that we do not know, for the log.
fn name(name: &str) -> String {
    format!("{:?}", cut(name, NAME_BYTES_MAX).as_deref().unwrap_or(name))
}

/// Why a message failed, in Meta's words.
fn reason(error: &Value) -> String {
    let words =
        ["/error_data/details", "/message", "/title"].into_iter().find_map(|words| text_at(error, words));
    let words = words.unwrap_or_else(|| "the channel gave no reason".to_owned());
    let words = cut(&words, ERROR_BYTES_MAX).unwrap_or(words);
    match text_at(error, "/code") {
        Some(code) => format!("{words} ({code})"),
        None => words,
    }
}

/// Meta writes times as text of Unix seconds. One that is none, or lies before 1970 or after the year 9999, says
/// less about when something happened than its arrival.
fn unix(item: &Value, arrived: OffsetDateTime) -> OffsetDateTime {
    let seconds =
        text_at(item, "/timestamp").and_then(|text| text.parse().ok()).filter(|seconds: &i64| *seconds >= 0);
    seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()).unwrap_or(arrived)
}

#[cfg(test)]
mod tests;
