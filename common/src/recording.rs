//! What of a media session was recorded, and in which file each track lies.

use crate::{
    id::{AccountId, ConnectionId, NodeId, RecordingId, RoomId, TrackId, UserId},
    protocol::media::TrackSource,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The name of the file that a [`Manifest`] lies in, beside the files of the tracks.
pub const MANIFEST_FILE: &str = "manifest.json";

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RecordingStatus {
    /// It goes on, or its files are being stored.
    Recording,
    /// It has ended, and its files are whole.
    Ended,
    /// The node that recorded is gone: its files end where they were, and can be played.
    Interrupted,
}

/// Why a recording, or the file of a track, has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RecordingEnd {
    /// Somebody stopped the recording.
    Stopped,
    /// It was as long as one may be.
    DurationLimit,
    /// The call was over, or went on through another media server.
    CallEnded,
    /// The track was not sent any more.
    TrackEnded,
    /// The file was as large as one may be.
    SizeLimit,
    /// The disk was as full as it may be.
    DiskFull,
    /// The disk refused.
    DiskFailed,
    /// What the track is coded with is not written down. It has no file.
    UnknownCodec,
    /// The process ended in the middle.
    Interrupted,
}

impl RecordingStatus {
    /// Its name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Ended => "ended",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Recording, Self::Ended, Self::Interrupted].into_iter().find(|status| status.as_str() == name)
    }
}

impl RecordingEnd {
    /// Every reason.
    const ALL: [Self; 9] = [
        Self::Stopped,
        Self::DurationLimit,
        Self::CallEnded,
        Self::TrackEnded,
        Self::SizeLimit,
        Self::DiskFull,
        Self::DiskFailed,
        Self::UnknownCodec,
        Self::Interrupted,
    ];

    /// Its name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::DurationLimit => "durationLimit",
            Self::CallEnded => "callEnded",
            Self::TrackEnded => "trackEnded",
            Self::SizeLimit => "sizeLimit",
            Self::DiskFull => "diskFull",
            Self::DiskFailed => "diskFailed",
            Self::UnknownCodec => "unknownCodec",
            Self::Interrupted => "interrupted",
        }
    }

    /// The reason of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// A recording: whose, of what, and its tracks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// The recording.
    pub recording_id: RecordingId,
    /// Whose room it is.
    pub account_id: AccountId,
    /// The room whose media session is recorded.
    pub room_id: RoomId,
    /// The media node that records.
    pub node_id: NodeId,
    /// The user or API key that began it.
    pub started_by: UserId,
    /// How far it has come.
    pub status: RecordingStatus,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended; null while it goes on, and where nobody saw its end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Why it ended.
    pub end_reason: Option<RecordingEnd>,
    /// Packets that came and could not be handed to the disk in time. In the tracks they count as lost.
    pub packets_dropped: u64,
    /// The tracks, in the order in which they began.
    pub tracks: Vec<ManifestTrack>,
}

/// A track, and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManifestTrack {
    /// The track. One that ended and was sent again has a file for each time.
    pub track_id: TrackId,
    /// The device that sent it.
    pub connection_id: ConnectionId,
    /// Who sent it, a user or a guest; null where that was not known.
    pub user_id: Option<UserId>,
    /// What they are called.
    pub name: Option<String>,
    /// From where it came.
    pub source: TrackSource,
    /// What it is coded with: `Opus`, `VP8`.
    pub codec: String,
    /// The name of its file; null while nothing of it can be played.
    pub file: Option<String>,
    /// When what stands at zero in the file came, by the node's clock: of pictures the first key frame, of sound the first
    /// packet. While there is no file, when the first packet came.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The same, in milliseconds after the recording was begun: to line up tracks of different people.
    pub offset_ms: u64,
    /// Units of RTP timestamps in a second.
    pub clock_rate: u32,
    /// The RTP timestamp of what stands at zero in the file.
    pub first_timestamp: u32,
    /// What the sender said of its clock, to line up tracks of one device; null if it did not.
    pub sender_clock: Option<SenderClock>,
    /// How long what is in the file is, in milliseconds.
    pub duration_ms: u64,
    /// The width of the first pictures, in pixels.
    pub width: Option<u16>,
    /// Their height.
    pub height: Option<u16>,
    /// Packets that came in time.
    pub packets: u64,
    /// Packets that did not.
    pub packets_lost: u64,
    /// How often packets were missing; of pictures, how often nothing was written until the next key frame.
    pub gaps: u64,
    /// Why it ended; null while it goes on.
    pub end_reason: Option<RecordingEnd>,
    /// How large the file is; null while it is written.
    pub size_bytes: Option<u64>,
    /// The SHA-256 of the file, in hexadecimal digits; null while it is written.
    pub sha256: Option<String>,
}

/// Where a sender's stream stood at a moment of its wall clock (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SenderClock {
    /// Wall-clock time in NTP format: seconds since 1900, and 32 bits of their fraction.
    pub ntp: u64,
    /// The same moment in RTP timestamps.
    pub timestamp: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_and_the_wire_have_the_same_names() {
        for reason in RecordingEnd::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(RecordingEnd::parse(reason.as_str()), Some(reason));
        }
        for status in [RecordingStatus::Recording, RecordingStatus::Ended, RecordingStatus::Interrupted] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(RecordingStatus::parse(status.as_str()), Some(status));
        }
    }
}
