//! Tracks: what a participant sends, each with an identity and a source, whichever way media travels.

use crate::id::{ConnectionId, TrackId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// Where a track comes from. A participant sends one track of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrackSource {
    /// What the participant says.
    Microphone,
    /// The participant's picture.
    Camera,
    /// A screen, a window or a tab that is shared.
    Screen,
    /// What sounds there.
    ScreenAudio,
}

impl TrackSource {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenAudio];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Camera => "camera",
            Self::Screen => "screen",
            Self::ScreenAudio => "screenAudio",
        }
    }

    /// The kind of all tracks of this source.
    #[must_use]
    pub const fn kind(self) -> TrackKind {
        match self {
            Self::Microphone | Self::ScreenAudio => TrackKind::Audio,
            Self::Camera | Self::Screen => TrackKind::Video,
        }
    }

    /// What a track of this kind is taken for whose source nobody names.
    #[must_use]
    pub const fn usual(kind: TrackKind) -> Self {
        match kind {
            TrackKind::Audio => Self::Microphone,
            TrackKind::Video => Self::Camera,
        }
    }
}

impl fmt::Display for TrackSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A track that a participant sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaTrack))]
pub struct Track {
    /// The track's own from when it is published until it is no longer, through other descriptions, other paths and
    /// other connections of the participant. What is published again is another track.
    pub track_id: TrackId,
    /// Sound or picture: that of its source.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
    /// The participant sends nothing on it for now: the microphone is muted, or the camera is off.
    pub muted: bool,
}

/// A track to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublishTrack {
    /// Through the server: the media section of the offer that carries it.
    #[serde(default)]
    pub mid: Option<String>,
    /// Where it comes from.
    pub source: TrackSource,
    /// Whether nothing is sent on it for now. Left out, it is as it was before, and `false` of a new track.
    #[serde(default)]
    pub muted: Option<bool>,
}

/// A track that is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublishedTrack {
    /// Through the server: the media section that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The track's own.
    pub track_id: TrackId,
    /// Where it comes from.
    pub source: TrackSource,
}

/// Whether something is sent on a track for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackMute {
    /// Which of the participant's tracks.
    pub source: TrackSource,
    /// Whether nothing is sent on it for now.
    pub muted: bool,
}

/// What a media section of a description between two peers carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DescribedTrack {
    /// The media section.
    pub mid: String,
    /// Where what it carries comes from, in both directions.
    pub source: TrackSource,
}

/// The track that a media section of an offer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfferedTrack {
    /// The media section of the offer.
    pub mid: String,
    /// The track's own, as in the list of its participant's.
    pub track_id: TrackId,
    /// The device that publishes it.
    pub connection_id: ConnectionId,
    /// Sound or picture.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_a_name_and_a_kind_and_every_kind_a_source_that_it_is_taken_for() {
        for kind in [TrackKind::Audio, TrackKind::Video] {
            assert_eq!(TrackSource::usual(kind).kind(), kind);
            assert_eq!(TrackSource::ALL.iter().filter(|source| source.kind() == kind).count(), 2);
        }
        for source in TrackSource::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.to_string());
        }
    }
}
