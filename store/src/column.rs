//! Between columns and types, where the database is looser or stricter than we are.

use common::{
    guest::Right,
    id::{ActorId, ContactId, RoleId, TeamId, UserId},
    protocol::call::{EndReason, Media},
    protocol::inbox::{ChannelKind, ConversationStatus, DeliveryStatus, Direction, Priority},
    protocol::mailbox::EntryKind,
    recording::RecordingStatus,
    token::Role,
};
use serde_json::{Map, Value};
use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
};
use std::{borrow::Cow, collections::BTreeSet};
use uuid::Uuid;

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

/// A `bigint` that is never negative: a sequence number. `"seq: Seq"` in a query gives a `u64`.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Seq(i64);

impl From<Seq> for u64 {
    fn from(column: Seq) -> Self {
        to_seq(column.0)
    }
}

/// An `integer` that is never negative: a count. `"unread: Count"` in a query gives a `u32`.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Count(i32);

impl From<Count> for u32 {
    fn from(column: Count) -> Self {
        to_count(column.0)
    }
}

/// A [`Count`] or null. `"uses_max!: OptionalCount"` in a query gives an `Option<u32>`; the `!` because the null is in
/// here.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct OptionalCount(Option<i32>);

impl From<OptionalCount> for Option<u32> {
    fn from(column: OptionalCount) -> Self {
        column.0.map(to_count)
    }
}

/// A `bigint` that is never negative, or null. `"size_bytes!: OptionalSeq"` in a query gives an `Option<u64>`; the `!`
/// because the null is in here.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct OptionalSeq(Option<i64>);

impl From<OptionalSeq> for Option<u64> {
    fn from(column: OptionalSeq) -> Self {
        column.0.map(to_seq)
    }
}

/// A `text[]` with the names of rights. `"rights: Rights"` in a query gives a `BTreeSet<Right>`. A name that a later
/// version has written allows nothing here.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent, no_pg_array)]
pub(crate) struct Rights(Vec<String>);

impl From<Rights> for BTreeSet<Right> {
    fn from(column: Rights) -> Self {
        column.0.iter().filter_map(|name| Right::parse(name)).collect()
    }
}

/// An id or null. `"team_id!: OptionalId"` in a query gives an `Option<TeamId>`; the `!` because the null is in here.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct OptionalId(Option<Uuid>);

macro_rules! optional_ids {
    ($($id:ty),*) => {$(
        impl From<OptionalId> for Option<$id> {
            fn from(column: OptionalId) -> Self {
                column.0.map(Into::into)
            }
        }
    )*};
}
optional_ids!(ActorId, ContactId, RoleId, TeamId, UserId);

/// Ids as a parameter: `uuid[]`.
pub(crate) fn uuids<Id: Copy + Into<Uuid>>(ids: &[Id]) -> Vec<Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}

/// A `text` with the name of one of `T`. `"kind: Named<ChannelKind>"` in a query gives a `ChannelKind`.
#[derive(Debug)]
pub(crate) struct Named<T>(T);

impl<T> Type<Postgres> for Named<T> {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

macro_rules! named {
    ($($type:ty = $parse:path),* $(,)?) => {$(
        impl From<Named<$type>> for $type {
            fn from(column: Named<$type>) -> Self {
                column.0
            }
        }

        impl Decode<'_, Postgres> for Named<$type> {
            fn decode(column: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                let name = <&str as Decode<Postgres>>::decode(column)?;
                $parse(name).map(Self).ok_or_else(|| format!("{name:?} is not among the names that there are").into())
            }
        }
    )*};
}
named! {
    ChannelKind = ChannelKind::parse,
    ConversationStatus = ConversationStatus::parse,
    DeliveryStatus = DeliveryStatus::parse,
    Direction = direction,
    EndReason = EndReason::parse,
    EntryKind = EntryKind::parse,
    Media = Media::parse,
    Priority = Priority::parse,
    RecordingStatus = RecordingStatus::parse,
    Role = Role::parse,
}

fn direction(name: &str) -> Option<Direction> {
    match name {
        "inbound" => Some(Direction::Inbound),
        "outbound" => Some(Direction::Outbound),
        _ => None,
    }
}

/// An object column; anything else is empty.
pub(crate) fn object(column: Value) -> Map<String, Value> {
    match column {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
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
