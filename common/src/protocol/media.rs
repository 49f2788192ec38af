//! Media sessions: who sends what in a room's call, and by which way.
//!
//! Up to two participants exchange media peer to peer, and the server only
//! relays their descriptions. From the third on, and until the session is
//! empty, media goes through the server: each participant has a *publish*
//! transport on which only the client offers, and a *subscribe* transport on
//! which only the server offers, so offers never collide.

use crate::id::{ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};

/// The longest session description accepted, in bytes.
///
/// A browser's answer to 100 voices and 100 pictures has 87 KiB. Escaped it must
/// fit into a frame.
pub const SDP_BYTES_MAX: usize = 112 * 1024;

/// How media travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaRoute))]
pub enum Route {
    /// Directly between the two participants.
    PeerToPeer,
    /// Through the selective forwarding unit.
    Server,
}

/// A STUN or TURN server, in the shape of W3C's `RTCIceServer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// Short-lived user name, for TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Short-lived password, for TURN. It is meant for the client that reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// One device in a media session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaParticipant))]
pub struct Participant {
    /// The device that takes part.
    pub connection_id: ConnectionId,
    /// The device's user.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
}

/// A running media session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaState))]
pub struct State {
    /// How media travels now.
    pub route: Route,
    /// In order of arrival. Peer to peer, the first offers to the second.
    pub participants: Vec<Participant>,
    /// Counts every change, so that a late event can be told from a new one.
    pub revision: u64,
}

/// Parameters of `media.join`. The room must have been joined before.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaJoin))]
pub struct Join {
    /// The room whose media session is entered.
    pub room_id: RoomId,
    /// A connection of the same user whose seat goes over to this one, after a reconnect.
    #[serde(default)]
    pub previous_connection_id: Option<ConnectionId>,
}

/// Result of `media.join`. Joining again is harmless and answers with the present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaJoined))]
pub struct Joined {
    /// The session, this device included.
    pub state: State,
    /// STUN and TURN servers, with credentials for this user.
    pub ice_servers: Vec<IceServer>,
    /// Whether the seat of `previousConnectionId` went over: what goes peer to peer goes on as it is, and what goes
    /// through the server is set up anew.
    pub resumed: bool,
}

/// Parameters of `media.leave`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaLeave))]
pub struct Leave {
    /// The room whose media session is left.
    pub room_id: RoomId,
}

/// Event `media.changed`, to everybody in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaChanged))]
pub struct Changed {
    /// The room whose media session this is.
    pub room_id: RoomId,
    /// The session as it is. No participants: the session is over.
    pub state: State,
}

/// A message between two peers (W3C's `RTCSessionDescription` and `RTCIceCandidate`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PeerSignal {
    /// A session description that asks for an answer.
    Offer {
        /// The description (RFC 8866).
        sdp: String,
    },
    /// The answer to the last offer.
    Answer {
        /// The description (RFC 8866).
        sdp: String,
    },
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

/// Parameters of `media.publish`: an offer of send-only tracks.
///
/// Offer again on the same transport to add or remove tracks.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaPublish))]
pub struct Publish {
    /// The room whose media session the tracks are for.
    pub room_id: RoomId,
    /// The offer, complete: the server needs none of the client's candidates.
    pub sdp: String,
}

/// Result of `media.publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaPublished))]
pub struct Published {
    /// The answer, complete with the server's candidates.
    pub sdp: String,
}

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

/// The track that a media section of an offer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfferedTrack {
    /// The media section of the offer.
    pub mid: String,
    /// The device that publishes it.
    pub connection_id: ConnectionId,
    /// Sound or picture.
    pub kind: TrackKind,
}

/// Event `media.offer`: everything this participant may receive now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaOffered))]
pub struct Offered {
    /// The room whose media session the tracks are from.
    pub room_id: RoomId,
    /// Names this offer in the answer. A later offer has a higher number and replaces it.
    pub revision: u64,
    /// The offer, complete with the server's candidates.
    pub sdp: String,
    /// What each active media section carries; sections not listed are inactive.
    pub tracks: Vec<OfferedTrack>,
}

/// Parameters of `media.answer`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaAnswer))]
pub struct Answer {
    /// The room whose media session the offer is from.
    pub room_id: RoomId,
    /// The `revision` of the offer that is answered.
    pub revision: u64,
    /// The answer (RFC 8866); candidates are not needed.
    pub sdp: String,
}
