//! The list of rooms, kept up to date for somebody who has joined none of them: what is unread in each, and who talks
//! there.

use super::room::Unread;
use crate::id::{RoomId, UserId};
use serde::{Deserialize, Serialize};

/// The most rooms in one event.
pub const ROOMS_TOLD_MAX: usize = 64;

/// The most users of a call that are named.
pub const PARTICIPANTS_NAMED_MAX: usize = 5;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// Event `rooms.callsChanged`: the calls that go on, after `rooms.subscribe`, and then what has changed within a moment,
/// each room at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsCallsChanged))]
pub struct CallsChanged {
    /// The rooms, at most [`ROOMS_TOLD_MAX`].
    pub rooms: Vec<RoomCall>,
}

/// A room, and who is in its media session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsCall))]
pub struct RoomCall {
    /// The room.
    pub room_id: RoomId,
    /// How many users are in its media session, guests among them; 0 if it is over, or not to be seen any more.
    pub participant_count: u32,
    /// Those who came first, at most [`PARTICIPANTS_NAMED_MAX`].
    pub participants: Vec<CallParticipant>,
}

/// Somebody who is in a room's media session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomsCallParticipant))]
pub struct CallParticipant {
    /// The user, or guest.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
}
