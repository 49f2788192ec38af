//! Presence: which users of an account are connected, and whether they are there.

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

/// What somebody says of themselves on one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceSaid))]
pub enum Said {
    /// They are there.
    #[default]
    Online,
    /// They are not at this device.
    Away,
    /// They do not want to be disturbed.
    Busy,
}

/// How a connected user is, from all of their devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceStatus))]
pub enum Status {
    /// They are at one of their devices at least.
    #[default]
    Online,
    /// They are at none of them.
    Away,
    /// They have said so on one of them.
    Busy,
    /// They call, or talk, on one of them.
    InCall,
}

/// Parameters of `presence.set`.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceSet))]
pub struct Set {
    /// How it is at this device, until it says otherwise or its connection ends.
    pub status: Said,
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
    /// How they are.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub status: Status,
}

/// Event `presence.changed`: what changed within a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresenceChanged))]
pub struct Changed {
    /// Users who have their first connection, and those of the others whose status is another.
    pub online: Vec<OnlineUser>,
    /// Users who have lost their last connection.
    pub offline: Vec<UserId>,
    /// How many are connected now.
    pub online_count: u32,
    /// Whether the lists are everything that changed. False: they are empty, and whoever shows who is
    /// connected subscribes again, at leisure.
    pub complete: bool,
}
