//! What participants are told when the media node of their session is another one.

use crate::id::RoomId;
use serde::{Deserialize, Serialize};

/// Event `media.lost`, to each participant: the media node of the session has died, and what it knew with it. Join again
/// at once (`media.join`); another node takes the session.
///
/// Whoever does not know the event finds out by its transports, which nothing comes through any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaLost))]
pub struct Lost {
    /// The room whose media session it was.
    pub room_id: RoomId,
}

/// Event `media.moved`, to each participant: another media node has the session now, with everybody who is in it. Nobody
/// joins again.
///
/// Where media goes through the server, publish again on a new transport, and answer the offers that come from now on
/// with another new one. The transports of before carry media for a few seconds more: close them once the new ones do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaMoved))]
pub struct Moved {
    /// The room whose media session it is.
    pub room_id: RoomId,
}
