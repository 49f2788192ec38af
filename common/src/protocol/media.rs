//! Media sessions: who sends what in a room's call, and by which way.
//!
//! Up to two participants exchange media peer to peer, and the server only
//! relays their descriptions. From the third on, and until the session is
//! empty, media goes through the server: each participant has a *publish*
//! transport on which only the client offers, and a *subscribe* transport on
//! which only the server offers, so offers never collide. What each sends are the tracks of [`mod@track`].

mod layers;
mod moderation;
mod moving;
mod signal;
mod track;

pub use layers::{
    LayerReason, Layers, Selection, Subscribe, Subscriptions, TrackLayer, TrackPriority, TrackSubscription,
    TrackWish, WISH_RATE, WISHES_MAX, WantedEncoding,
};
pub use moderation::{Lock, Mute, Muted, Remove, Removed};
pub use moving::{Lost, Moved};
pub use signal::{PeerSignal, Signal, Signalled};
pub use track::{
    DescribedTrack, OfferedTrack, PublishTrack, PublishedTrack, Track, TrackKind, TrackMute, TrackSource,
};

use crate::{
    bucket::Rate,
    id::{ConnectionId, RoomId, UserId},
};
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
    /// What the device says of itself.
    #[serde(default)]
    pub state: ParticipantState,
    /// What it sends, by whichever way media travels, in the order of publication.
    #[serde(default)]
    pub tracks: Vec<Track>,
}

/// What a participant says of itself, so that everybody sees it whichever way media travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaParticipantState))]
pub struct ParticipantState {
    /// The microphone is muted, or there is none.
    pub muted: bool,
    /// The camera is off, or there is none.
    pub camera_off: bool,
    /// The picture, or one of them, is of a screen.
    pub sharing: bool,
    /// The person would like to say something.
    pub hand_raised: bool,
    /// The person speaks. Never so of one who is muted.
    pub speaking: bool,
    /// The person has put the call on hold: they neither send nor listen for now.
    pub on_hold: bool,
}

/// What of a [`ParticipantState`] changes; what is left out stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaStateChange))]
pub struct StateChange {
    /// Whether the microphone is muted, or there is none.
    pub muted: Option<bool>,
    /// Whether the camera is off, or there is none.
    pub camera_off: Option<bool>,
    /// Whether a screen is shared.
    pub sharing: Option<bool>,
    /// Whether the hand is raised.
    pub hand_raised: Option<bool>,
    /// Whether the person speaks.
    pub speaking: Option<bool>,
    /// Whether the call is on hold.
    pub on_hold: Option<bool>,
}

impl ParticipantState {
    /// The state after `change`, of a participant who may send media or may not: who may not never shares or speaks.
    #[must_use]
    pub fn after(self, change: StateChange, may_send: bool) -> Self {
        let muted = change.muted.unwrap_or(self.muted);
        Self {
            muted,
            camera_off: change.camera_off.unwrap_or(self.camera_off),
            sharing: may_send && change.sharing.unwrap_or(self.sharing),
            hand_raised: change.hand_raised.unwrap_or(self.hand_raised),
            speaking: may_send && !muted && change.speaking.unwrap_or(self.speaking),
            on_hold: change.on_hold.unwrap_or(self.on_hold),
        }
    }
}

/// How often a participant may say its state or publish tracks, together: what hands, speech and devices make of it, and
/// no more.
pub const STATE_RATE: Rate = Rate::per_second(12, 4);

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
    /// Nobody else may come in.
    #[serde(default)]
    pub locked: bool,
    /// Whether what is sent is recorded. Media of a session that is recorded goes through the server.
    #[serde(default)]
    pub recorded: bool,
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
    /// The device's state from the beginning, so that nobody takes a muted one for one that is not; what is left out
    /// is as it was where a seat goes over, and else `false`.
    #[serde(default)]
    pub state: StateChange,
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

/// Parameters of `media.update`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaUpdate))]
pub struct Update {
    /// The room in whose media session the device is.
    pub room_id: RoomId,
    /// What of the device's own state is different from now on.
    #[serde(default)]
    pub state: StateChange,
    /// Which of its tracks are muted from now on, and which are not any more.
    #[serde(default)]
    pub tracks: Vec<TrackMute>,
}

/// Event `media.updated`, to everybody in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaUpdated))]
pub struct Updated {
    /// The room whose media session it is.
    pub room_id: RoomId,
    /// Whose state it is.
    pub connection_id: ConnectionId,
    /// All of it.
    pub state: ParticipantState,
    /// All tracks that the participant sends.
    #[serde(default)]
    pub tracks: Vec<Track>,
    /// Of the session from then on, as in its [`State`].
    pub revision: u64,
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

/// Parameters of `media.publish`: all tracks that the device sends. What was published before and is no longer in it
/// is published no more.
///
/// Through the server with an offer of send-only tracks: offer again on the same transport to add or remove some.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaPublish))]
pub struct Publish {
    /// The room whose media session the tracks are for.
    pub room_id: RoomId,
    /// Through the server: the offer, complete, as the server needs none of the client's candidates. Left out where
    /// media goes peer to peer.
    #[serde(default)]
    pub sdp: Option<String>,
    /// The tracks. A media section that sends and is not named carries what it carried before, and else the microphone
    /// if it is of audio, and the camera if it is of video.
    #[serde(default)]
    pub tracks: Vec<PublishTrack>,
}

/// Result of `media.publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaPublished))]
pub struct Published {
    /// Through the server: the answer, complete with the server's candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// What is published now.
    #[serde(default)]
    pub tracks: Vec<PublishedTrack>,
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

/// Parameters of `media.restartIce`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaRestartIce))]
pub struct RestartIce {
    /// The room whose media session this device is in.
    pub room_id: RoomId,
}

/// Result of `media.restartIce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaIceRestarting))]
pub struct IceRestarting {
    /// STUN and TURN servers, with credentials that are good from now on.
    pub ice_servers: Vec<IceServer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let before = ParticipantState { muted: true, hand_raised: true, ..ParticipantState::default() };
        assert_eq!(before.after(StateChange::default(), true), before);
        let lowered = StateChange { hand_raised: Some(false), ..StateChange::default() };
        assert_eq!(
            before.after(lowered, true),
            ParticipantState { muted: true, ..ParticipantState::default() }
        );
    }

    #[test]
    fn who_is_muted_or_may_not_send_does_not_speak() {
        let speaks = StateChange { speaking: Some(true), sharing: Some(true), ..StateChange::default() };
        let speaking = ParticipantState::default().after(speaks, true);
        assert!(speaking.speaking && speaking.sharing);
        let muted = StateChange { muted: Some(true), ..StateChange::default() };
        assert!(!speaking.after(muted, true).speaking);
        assert_eq!(ParticipantState::default().after(speaks, false), ParticipantState::default());
    }
}
