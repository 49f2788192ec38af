//! The form that every channel's messages take.

use common::protocol::inbox::{ChannelKind, Direction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// A message of any channel, in one form. What automations are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnifiedMessage {
    /// The channel's id for it.
    pub external_id: String,
    /// The channel's kind.
    pub channel_type: ChannelKind,
    /// From the customer or to them.
    pub direction: Direction,
    /// The sender's address on the channel.
    pub from: String,
    /// The receiver's address on the channel.
    pub to: String,
    /// What it says, if it says something in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether `text` is only the beginning; `metadata` has the whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When it was written, by the channel's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    /// Everything else the channel said about it, under the channel's own names.
    pub metadata: Value,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The channel's id for the file.
    pub external_id: String,
    /// Its media type (RFC 6838), as the channel gives it.
    pub mime_type: String,
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
}
