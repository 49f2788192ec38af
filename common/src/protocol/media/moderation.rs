//! What moderators may do to others in a media session.

use super::TrackSource;
use crate::id::{ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};

/// Parameters of `media.mute`. For who may mute the participant's user in the room: owners, moderators those who are
/// less, and who manages rooms. They need not be in the session.
///
/// Whoever is muted is told, and may end that by themselves. Who publishes over HTTP could not be told, and is not muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaMute))]
pub struct Mute {
    /// The room in whose media session the participant is.
    pub room_id: RoomId,
    /// The participant who is muted.
    pub connection_id: ConnectionId,
    /// Which of its tracks is.
    pub source: TrackSource,
}

/// Event `media.muted`, to the participant itself: its device must send nothing of this track until its user wants it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaMuted))]
pub struct Muted {
    /// The room whose media session it is.
    pub room_id: RoomId,
    /// The track that is muted.
    pub source: TrackSource,
    /// Who muted it.
    pub by: UserId,
}

/// Parameters of `media.remove`. For those who may [mute](Mute).
///
/// Whoever is removed may come again: lock the session, or ban them from the room, where they shall not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaRemove))]
pub struct Remove {
    /// The room in whose media session the participant is.
    pub room_id: RoomId,
    /// The participant who is taken out of it.
    pub connection_id: ConnectionId,
}

/// Event `media.removed`, to the participant itself: it is in the session no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaRemoved))]
pub struct Removed {
    /// The room whose media session it was in.
    pub room_id: RoomId,
    /// Who took it out.
    pub by: UserId,
}

/// Parameters of `media.lock`. For owners and moderators of the room, and who manages rooms.
///
/// Into a locked session come only users who were in it when it was locked, by whatever device, and were not removed
/// since. It ends with the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaLock))]
pub struct Lock {
    /// The room whose media session it is.
    pub room_id: RoomId,
    /// Whether nobody else comes in from now on.
    pub locked: bool,
}
