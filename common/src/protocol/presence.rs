//! Who of an account is connected at all.

use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// Parameters of `presence.subscribe`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct Subscribe {}

/// Result of `presence.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Online {
    /// The users with at least one connection.
    pub users: Vec<OnlineUser>,
}

/// A connected user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnlineUser {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
}

/// Event `presence.changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Who.
    pub user: OnlineUser,
    /// Whether they are connected now.
    pub online: bool,
}
