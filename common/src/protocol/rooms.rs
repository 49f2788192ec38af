//! The list of rooms, kept up to date for somebody who has joined none of them: what is unread in each.

use super::room::Unread;
use crate::id::RoomId;
use serde::{Deserialize, Serialize};

/// The most rooms in one event.
pub const ROOMS_TOLD_MAX: usize = 64;

/// Parameters of `rooms.subscribe`: none.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsSubscribe))]
pub struct Subscribe {}

/// Parameters of `rooms.unsubscribe`: none.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsUnsubscribe))]
pub struct Unsubscribe {}

/// Event `rooms.unreadChanged`: what has changed within a moment, each room at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsUnreadChanged))]
pub struct UnreadChanged {
    /// The rooms, at most [`ROOMS_TOLD_MAX`].
    pub rooms: Vec<UnreadRoom>,
}

/// A room, and what is unread in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsUnreadRoom))]
pub struct UnreadRoom {
    /// The room.
    pub room_id: RoomId,
    /// The number of its latest message or change of one when this was counted. What was counted at a lower number, or
    /// for a lower `read.seq`, is out of date.
    pub last_seq: u64,
    /// What is unread, as `GET /v1/rooms` says it.
    pub read: Unread,
}
