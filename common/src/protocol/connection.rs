//! Opening a connection and keeping it.

use crate::{
    id::{AccountId, ConnectionId, RoomId, UserId},
    secret::Secret,
    token::Role,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Parameters of `connection.open`.
///
/// The token comes in a message and not in the URL, where it would end up in
/// access logs. A connection that has not sent this in time is closed with
/// [`super::close::UNAUTHENTICATED`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionOpen))]
pub struct Open {
    /// An access token, ours or an accepted issuer's.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: Secret,
}

/// Result of `connection.open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionOpened))]
pub struct Opened {
    /// This connection, which is also this device's name in rooms and calls.
    pub connection_id: ConnectionId,
    /// The user that the token is for; of a guest, an id that nobody else has.
    pub user_id: UserId,
    /// The name shown to others.
    pub name: String,
    /// The account (tenant) that everything on this connection belongs to.
    pub account_id: AccountId,
    /// What the user may do; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For a guest: the one room there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// When the token expires; send `connection.refresh` before that.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// How often the server pings; silence for twice as long means the connection is dead.
    pub ping_interval_ms: u64,
}

/// Parameters of `connection.refresh`: a newer token of the same user.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionRefresh))]
pub struct Refresh {
    /// The new access token.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: Secret,
}

/// Result of `connection.refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionRefreshed))]
pub struct Refreshed {
    /// When the new token expires.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Event `connection.reload`: what was missed cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionReload))]
pub struct Reload {
    /// The sequence to read again.
    pub sequence: Sequence,
}

/// A numbered sequence of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Sequence {
    /// The messages of a room.
    #[serde(rename_all = "camelCase")]
    Room {
        /// The room whose messages are to be read again.
        room_id: RoomId,
    },
    /// The account's inbox.
    Inbox,
    /// A feed of rows.
    Feed {
        /// The feed as `feed.subscribe` named it.
        feed: String,
    },
}

/// Event `connection.moving`: the server is draining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionMoving))]
pub struct Moving {
    /// Wait this long before reconnecting, in milliseconds; spread out so that not all come at once.
    pub delay_ms: u64,
}
