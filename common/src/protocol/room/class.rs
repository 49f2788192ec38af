//! What a room does with what is said in it, and what is said in those that keep it for a while at most.

use crate::id::{ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest name of an event in a room, in characters.
pub const EVENT_NAME_CHARS_MAX: usize = 64;

/// The longest data of an event in a room, in bytes of JSON: it is sent to everybody present.
pub const EVENT_DATA_BYTES_MAX: usize = 16 * 1024;

/// What a room keeps of what is said in it: its delivery class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RoomClass {
    /// Nothing: each event goes to those who are there, at most once.
    Ephemeral,
    /// The latest events, for a while: who was away for a moment is sent exactly what they missed.
    Recent,
    /// Every message, in the store, and no event.
    #[default]
    Durable,
}

/// Parameters of `room.publish`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomPublish))]
pub struct Publish {
    /// A room that the caller has joined.
    pub room_id: RoomId,
    /// The name of the event, agreed between clients: 1 to [`EVENT_NAME_CHARS_MAX`] characters.
    pub name: String,
    /// What goes with it: any JSON of at most [`EVENT_DATA_BYTES_MAX`].
    #[serde(default)]
    pub data: Value,
}

/// Result of `room.publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomPlaced))]
pub struct Placed {
    /// Its number in a recent room's history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The history that the number is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// The device that has published an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomPublisher))]
pub struct Publisher {
    /// The connection that it came by.
    pub connection_id: ConnectionId,
    /// The device's user.
    pub user_id: UserId,
    /// The name of the device's user.
    pub name: String,
}

/// An event that a recent room keeps for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomKeptEvent))]
pub struct KeptEvent {
    /// Its number: 1, 2, 3, … within one epoch of the room's history.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub seq: u64,
    /// The name of the event.
    pub name: String,
    /// What goes with it.
    pub data: Value,
    /// Whose it is.
    pub from: Publisher,
}
