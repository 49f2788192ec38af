//! Between columns and types, where the database is looser or stricter than we are.

use crate::error::StoreError;
use common::{
    protocol::inbox::{ChannelKind, ConversationStatus, DeliveryStatus, Direction, Priority},
    token::Role,
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A sequence number as a column.
pub(crate) fn from_seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A column as a sequence number or count; these are never negative.
pub(crate) fn to_seq(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A column as a small count; these are never negative.
pub(crate) fn to_count(column: i32) -> u32 {
    u32::try_from(column).unwrap_or(0)
}

/// Text as Postgres can hold it: U+0000, which it cannot, becomes U+FFFD.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// [`text`] for every string within.
pub(crate) fn json(value: &Value) -> Value {
    match value {
        Value::String(string) => Value::String(text(string).into_owned()),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (text(name).into_owned(), json(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(crate) fn role(column: &str) -> Result<Role, StoreError> {
    Role::parse(column).ok_or(StoreError::Unreadable { column: "role" })
}

pub(crate) fn channel_kind(column: &str) -> Result<ChannelKind, StoreError> {
    ChannelKind::parse(column).ok_or(StoreError::Unreadable { column: "kind" })
}

pub(crate) fn conversation_status(column: &str) -> Result<ConversationStatus, StoreError> {
    ConversationStatus::parse(column).ok_or(StoreError::Unreadable { column: "status" })
}

pub(crate) fn priority(column: &str) -> Result<Priority, StoreError> {
    Priority::parse(column).ok_or(StoreError::Unreadable { column: "priority" })
}

/// An object column; anything else is empty.
pub(crate) fn object(column: Value) -> Map<String, Value> {
    match column {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

pub(crate) fn delivery_status(column: &str) -> Result<DeliveryStatus, StoreError> {
    DeliveryStatus::parse(column).ok_or(StoreError::Unreadable { column: "status" })
}

pub(crate) fn direction(column: &str) -> Result<Direction, StoreError> {
    match column {
        "inbound" => Ok(Direction::Inbound),
        "outbound" => Ok(Direction::Outbound),
        _ => Err(StoreError::Unreadable { column: "direction" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_postgres_cannot_hold_is_replaced_at_any_depth() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(json(&json!({ "\0": ["\0", 1] })), json!({ "\u{fffd}": ["\u{fffd}", 1] }));
    }
}
