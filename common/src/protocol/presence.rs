//! Presence: which users of an account are connected.

use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// The most users in one answer.
pub const USERS_MAX: usize = 1000;

/// Parameters of `presence.subscribe`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceSubscribe))]
pub struct Subscribe {
    /// Only users after this one, in the order of their ids; absent: from the first on.
    #[serde(default)]
    pub after: Option<UserId>,
}

/// Result of `presence.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceOnline))]
pub struct Online {
    /// Users with at least one connection, in the order of their ids, at most [`USERS_MAX`].
    pub users: Vec<OnlineUser>,
    /// How many there are.
    pub online_count: u32,
    /// Whether there are more: ask again with `after` = the `userId` of the last. Changes follow from the
    /// first answer on.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub more: bool,
}

/// A connected user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OnlineUser {
    /// The user who has at least one connection.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
}

/// Event `presence.changed`: what changed within a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceChanged))]
pub struct Changed {
    /// Users who have their first connection.
    pub online: Vec<OnlineUser>,
    /// Users who have lost their last connection.
    pub offline: Vec<UserId>,
    /// How many are connected now.
    pub online_count: u32,
    /// Whether the lists are everything that changed. False: they are empty, and whoever shows who is
    /// connected subscribes again, at leisure.
    pub complete: bool,
}
