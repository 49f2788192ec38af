//! What members are in a room, and who may not speak in it or enter it.

use crate::id::{RoomId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a member is in a room, from least to most. The order is the hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMemberRole))]
pub enum MemberRole {
    /// Enters and reads it.
    Member,
    /// Also deletes messages of others, mutes and bans.
    Moderator,
    /// Also decides who its members are and what they are, and what it is called. Who creates a private room owns it.
    Owner,
}

impl MemberRole {
    /// The role's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Member, Self::Moderator, Self::Owner].into_iter().find(|role| role.as_str() == name)
    }
}

/// Event `room.renamed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRenamed))]
pub struct Renamed {
    /// The room.
    pub room_id: RoomId,
    /// What it is called from now on.
    pub name: String,
}

/// Event `room.memberChanged`: who belongs to the room, whether they are in it now or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomMemberChanged))]
pub struct MemberChanged {
    /// The room.
    pub room_id: RoomId,
    /// Whose membership has changed.
    pub user_id: UserId,
    /// What they are in it from now on; null if they are no member any more.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub role: Option<MemberRole>,
}

/// Event `room.restricted`: somebody was muted or banned, or is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomRestricted))]
pub struct Restricted {
    /// The room.
    pub room_id: RoomId,
    /// The user or guest.
    pub user_id: UserId,
    /// Whether they may not say anything.
    pub muted: bool,
    /// When that ends by itself; absent if it does not, or they are not muted.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<OffsetDateTime>,
    /// Whether they may not enter.
    pub banned: bool,
}
