//! What two peers say to each other, which the server passes on as it is.

use super::DescribedTrack;
use crate::id::{ConnectionId, RoomId};
use serde::{Deserialize, Serialize};

/// A message between two peers (W3C's `RTCSessionDescription` and `RTCIceCandidate`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PeerSignal {
    /// A session description that asks for an answer.
    Offer {
        /// The description (RFC 8866).
        sdp: String,
        /// What its media sections carry. Of those that are not named, the first audio is the microphone and the first
        /// video the camera.
        #[serde(default)]
        tracks: Vec<DescribedTrack>,
    },
    /// The answer to the last offer, in which each media section carries what the offer says.
    Answer {
        /// The description (RFC 8866).
        sdp: String,
    },
    /// Asks the side that offers for an offer that restarts ICE (RFC 8445, section 9): the network of this side has
    /// changed, or its path is lost.
    Restart,
    /// One ICE candidate (RFC 8838). An empty `candidate` means there are no more.
    #[serde(rename_all = "camelCase")]
    Candidate {
        /// The candidate attribute's value.
        candidate: String,
        /// The media section it belongs to.
        #[serde(default)]
        sdp_mid: Option<String>,
        /// The media section's index, where there is no mid.
        #[serde(default)]
        sdp_m_line_index: Option<u16>,
    },
}

/// Parameters of `media.signal`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaSignal))]
pub struct Signal {
    /// Both must be participants of this room's session.
    pub room_id: RoomId,
    /// The device that it is for.
    pub to: ConnectionId,
    /// The offer, the answer or the candidate.
    pub signal: PeerSignal,
}

/// Event `media.signal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaSignalled))]
pub struct Signalled {
    /// The room whose media session both are in.
    pub room_id: RoomId,
    /// The device that it comes from, which the answer goes to.
    pub from: ConnectionId,
    /// The offer, the answer or the candidate.
    pub signal: PeerSignal,
}
