//! The change feed: rows of a table, as they change.

use super::page::encoded_len;
use crate::{id::RowId, permission::Permission};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Members that a filter may name.
pub const FILTER_MAX: usize = 8;

/// The longest filter, in bytes of JSON: it is part of the feed's name, which every event carries.
pub const FILTER_BYTES_MAX: usize = 2 * 1024;

/// The longest row that is told whole, in bytes of JSON.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// Feeds that one connection may follow.
pub const FEEDS_MAX: usize = 100;

/// Changes of the account that are looked through for a resuming client. Whoever was away for longer reads the
/// rows again, which costs less.
pub const REPLAYED_MAX: u64 = 10_000;

/// Changes in one answer at most.
pub const CHANGES_MAX: usize = 500;

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $name:literal, $in_store:literal, $permission:ident;)*) => {
        /// A table whose rows clients may follow. A row is the same JSON as the REST layer serves of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $table,)*
        }

        impl Table {
            /// Every table that can be followed.
            pub const ALL: &'static [Self] = &[$(Self::$table),*];

            /// Its name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$table => $name,)*
                }
            }

            /// Its name in the store: the same word in snake_case.
            pub const fn in_store(self) -> &'static str {
                match self {
                    $(Self::$table => $in_store,)*
                }
            }

            /// The permission that following it needs.
            pub const fn permission(self) -> Permission {
                match self {
                    $(Self::$table => Permission::$permission,)*
                }
            }
        }
    };
}

tables! {
    /// What was done by whom, `AuditEntry`.
    AuditEntries = "auditEntries", "audit_entries", AuditEntriesRead;
    /// Calls and their outcome, `Call`.
    Calls = "calls", "calls", CallsRead;
    /// Texts that agents often send, `CannedResponse`.
    CannedResponses = "cannedResponses", "canned_responses", ConversationsRead;
    /// Connected channels without their secrets, `Channel`.
    Channels = "channels", "channels", ChannelsRead;
    /// Customers, `ContactDetails`.
    Contacts = "contacts", "contacts", ContactsRead;
    /// Threads with customers, `Conversation`.
    Conversations = "conversations", "conversations", ConversationsRead;
    /// Words that sort conversations, `Label`.
    Labels = "labels", "labels", ConversationsRead;
    /// Messages of conversations, `Message`.
    Messages = "messages", "messages", ConversationsRead;
    /// What agents write beside conversations, `Note`.
    Notes = "notes", "notes", ConversationsRead;
    /// Rooms, private ones too, `Room`.
    Rooms = "rooms", "rooms", RoomsManage;
    /// Teams of agents, `Team`.
    Teams = "teams", "teams", UsersRead;
    /// Who belongs to the account, `User`.
    Users = "users", "users", UsersRead;
    /// Addresses that are told about events, without their secrets, `Webhook`.
    Webhooks = "webhooks", "webhooks", WebhooksManage;
}

impl Table {
    /// The table with this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.as_str() == name)
    }

    /// The table with this name in the store.
    pub fn parse_in_store(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.in_store() == name)
    }
}

/// Parameters of `feed.subscribe`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedSubscribe))]
pub struct Subscribe {
    /// The table, by [`Table::as_str`]; docs/PROTOCOL.md lists them.
    pub table: String,
    /// Only rows that have these values; absent: all that the caller may read.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub filter: Map<String, Value>,
    /// The last change this client has seen in any feed, to be sent what it missed; absent: only what
    /// happens from now on. To go on after an answer with `more`, its `seq`.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Result of `feed.subscribe`. Unless there is `more`, every change that is committed from now on will be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedSubscribed))]
pub struct Subscribed {
    /// The feed's name, which its events carry. The same table and filter have the same name.
    pub feed: String,
    /// The number to go on from: up to where was looked if there is `more`; else of the account's latest
    /// change, and events continue from here.
    pub seq: u64,
    /// What was missed, in order.
    pub changes: Vec<Changed>,
    /// Whether more was missed than one answer holds. This feed is not followed yet, or as it was before:
    /// ask again with `after` = `seq`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
    /// Whether `changes` is everything since `after`. False: read the rows again.
    pub recovered: bool,
}

/// Parameters of `feed.unsubscribe`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedUnsubscribe))]
pub struct Unsubscribe {
    /// The feed's name, as `feed.subscribe` answered it.
    pub feed: String,
}

/// A change to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedOperation))]
pub enum Operation {
    /// It is there now, or fits the filter now.
    Insert,
    /// It is different.
    Update,
    /// It is gone, or does not fit the filter any more.
    Delete,
}

impl Operation {
    /// The operation with this name in the store.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "insert" => Some(Self::Insert),
            "update" => Some(Self::Update),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// Event `feed.changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedChanged))]
pub struct Changed {
    /// The feed's name, as `feed.subscribe` answered it.
    pub feed: String,
    /// The change's number in the account: later ones are higher. A feed sees those that concern it.
    pub seq: u64,
    /// What happened, as seen through the filter.
    pub operation: Operation,
    /// The row's id.
    pub id: RowId,
    /// The row as it is; empty if it is gone. A deletion may be told of a row that was never told of.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub row: Map<String, Value>,
    /// The members that an update has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Members that `row` lacks because it would have more than [`ROW_BYTES_MAX`] with them: read them by REST.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<String>,
}

impl Changed {
    /// The same with a row that any socket can take: its longest members are left out as far as needed.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        while encoded_len(&self.row) > ROW_BYTES_MAX {
            let longest =
                self.row.iter().max_by_key(|(_, value)| encoded_len(value)).map(|(name, _)| name.clone());
            let Some(name) = longest else { break };
            self.row.remove(&name);
            self.omitted.push(name);
        }
        self
    }
}

/// Event `feed.ended`: the caller may not read this any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FeedEnded))]
pub struct Ended {
    /// The feed's name, as `feed.subscribe` answered it.
    pub feed: String,
}
