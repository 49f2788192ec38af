//! What webhooks are told about the media sessions of rooms: who is in a call, what they send, and what was recorded.

use crate::{
    id::{ConnectionId, RecordingId, RoomId, TrackId, UserId},
    protocol::media::{TrackKind, TrackSource},
    recording::RecordingStatus,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// An event of an account's rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RoomEvent {
    /// The first participant entered the room's call.
    RoomStarted {
        /// Where.
        room: EventRoom,
    },
    /// The last participant has left the room's call.
    RoomEnded {
        /// Where.
        room: EventRoom,
    },
    /// Somebody entered a call.
    ParticipantJoined {
        /// Where.
        room: EventRoom,
        /// Who.
        participant: EventParticipant,
    },
    /// Somebody is in a call no more. What they sent was unpublished before.
    ParticipantLeft {
        /// Where.
        room: EventRoom,
        /// Who.
        participant: EventParticipant,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant sends something that they did not send before.
    TrackPublished {
        /// Where.
        room: EventRoom,
        /// Who sends it.
        participant: EventParticipant,
        /// What.
        track: EventTrack,
    },
    /// A participant sends something no more.
    TrackUnpublished {
        /// Where.
        room: EventRoom,
        /// Who sent it.
        participant: EventParticipant,
        /// What.
        track: EventTrack,
    },
    /// The files and the manifest of a recording are stored and can be fetched.
    RecordingReady {
        /// What was recorded.
        room: EventRoom,
        /// The recording.
        recording: EventRecording,
    },
}

impl RoomEvent {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RoomStarted { .. } => "roomStarted",
            Self::RoomEnded { .. } => "roomEnded",
            Self::ParticipantJoined { .. } => "participantJoined",
            Self::ParticipantLeft { .. } => "participantLeft",
            Self::TrackPublished { .. } => "trackPublished",
            Self::TrackUnpublished { .. } => "trackUnpublished",
            Self::RecordingReady { .. } => "recordingReady",
        }
    }
}

/// The room of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventRoom {
    /// The room, as `/v1/rooms/{id}` reads it.
    pub id: RoomId,
    /// What it is called; null if it was deleted by then.
    pub name: Option<String>,
    /// When its call began, which tells one call of a room from the next; null where the event is not of a call.
    #[serde(with = "time::serde::rfc3339::option")]
    pub call_started_at: Option<OffsetDateTime>,
}

/// The participant of an event: one device of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventParticipant {
    /// The device: the same from `participantJoined` to `participantLeft`.
    pub connection_id: ConnectionId,
    /// Whose it is.
    pub user_id: UserId,
    /// What they are called.
    pub name: String,
    /// Whether they are a guest, whom only the account's own back end or a join link knows.
    pub is_guest: bool,
    /// When they entered.
    #[serde(with = "time::serde::rfc3339")]
    pub joined_at: OffsetDateTime,
}

/// The track of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventTrack {
    /// The track.
    pub track_id: TrackId,
    /// Sound or picture.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
}

/// The recording of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventRecording {
    /// The recording, as `/v1/rooms/{roomId}/recordings/{id}` reads it.
    pub id: RecordingId,
    /// `interrupted` if its media server ended in the middle of it.
    pub status: RecordingStatus,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended; null where nobody saw its end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Tracks in it, each with a file unless nothing of it came.
    pub track_count: u32,
}

/// Why somebody is in a call no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LeaveReason {
    /// They left, or closed what they were connected by.
    Left,
    /// Nothing was heard of them any more.
    ConnectionLost,
    /// A moderator took them out.
    Removed,
    /// The same user goes on in their place by another connection.
    Replaced,
    /// Their media server is gone, and they did not come back elsewhere.
    ServerLost,
}
