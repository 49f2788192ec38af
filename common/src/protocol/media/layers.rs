//! Which layers of a track somebody is sent: what they wish, and what became of it.

use crate::{
    bucket::Rate,
    id::{RoomId, TrackId},
};
use serde::{Deserialize, Serialize};

/// How often a participant may say what it wishes of tracks: what windows and scrolling make of it once they rest, and
/// no more.
pub const WISH_RATE: Rate = Rate::per_second(20, 5);

/// Tracks that one `media.subscribe` may name: all that anybody is offered.
pub const WISHES_MAX: usize = 200;

/// What goes first where a network does not carry everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrackPriority {
    /// After all others.
    Low,
    /// As the server ranks tracks: screens before cameras, who speaks before who does not, large ones before small ones.
    #[default]
    Normal,
    /// Before all others: somebody has pinned it.
    High,
}

/// Why somebody is sent no more of a track than they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LayerReason {
    /// There is no more: it is the best that its publisher sends.
    Best,
    /// More would not be seen at the size at which it is shown.
    Size,
    /// Nothing is sent: it is shown nowhere.
    Hidden,
    /// Nothing is sent: the subscriber has switched it off, or has not asked for it and wants what it asks for alone.
    Disabled,
    /// Nothing is sent: as many pictures as the subscriber wants at most go before it.
    LastN,
    /// The subscriber's network carries no more beside what goes before it.
    Bandwidth,
    /// The publisher sends nothing of what would be chosen, or not yet.
    NotSent,
}

/// What a participant wishes of a track that it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackWish {
    /// The track's own, as in the list of its participant's.
    pub track_id: TrackId,
    /// Whether it is wanted at all. Left out, it is.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How wide it is shown, in pixels of the screen (not those of CSS). 0: it is shown nowhere, and nothing is sent.
    /// Left out, like the height, it is sent as for any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// How high it is shown, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// What goes first where the network does not carry everything.
    #[serde(default)]
    pub priority: TrackPriority,
}

const fn yes() -> bool {
    true
}

/// What a participant wishes of the tracks that it does not name, and of how many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TrackSelection))]
pub struct Selection {
    /// Whether tracks are sent of which it has said nothing: else it subscribes by hand, and those alone that it has
    /// named are. Left out, they are.
    #[serde(default = "yes")]
    pub auto_subscribe: bool,
    /// So many pictures are sent at a time at most: those that it has pinned, screens, and who speaks or spoke last.
    /// Left out, as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_n: Option<u8>,
}

impl Selection {
    /// All there is.
    pub const ALL: Self = Self { auto_subscribe: true, last_n: None };
}

impl Default for Selection {
    fn default() -> Self {
        Self::ALL
    }
}

/// Parameters of `media.subscribe`: what is said of a track takes the place of what was said of it before, and nothing
/// changes for those that are not named. It is kept for as long as the track is published, also while media goes peer
/// to peer, where it changes nothing.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaSubscribe))]
pub struct Subscribe {
    /// The room in whose media session the device is.
    pub room_id: RoomId,
    /// Tracks of others, at most 200.
    pub tracks: Vec<TrackWish>,
    /// Takes the place of what was said before; left out, that stays. At first all there is is sent. It is kept for as
    /// long as the participant is in the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
}

/// What a participant gets of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackSubscription {
    /// The track's own.
    pub track_id: TrackId,
    /// What goes out of it; nothing while it is paused, or before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<TrackLayer>,
    /// Why it is no more.
    pub reason: LayerReason,
}

/// A layer of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackLayer {
    /// Which of the encodings in which its publisher sends it, 0 being the smallest.
    pub encoding: u8,
    /// The width of its pictures in pixels, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Their height, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
}

/// Event `media.subscriptions`, to the one that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaSubscriptions))]
pub struct Subscriptions {
    /// The room whose media session the tracks are from.
    pub room_id: RoomId,
    /// Every track that this participant has agreed to receive.
    pub subscriptions: Vec<TrackSubscription>,
}

/// Whether anybody wants an encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WantedEncoding {
    /// Its name in the publisher's description (RFC 8851).
    pub rid: String,
    /// Somebody is to get it.
    pub wanted: bool,
}

/// Event `media.layers`, to the one who publishes the track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaLayers))]
pub struct Layers {
    /// The room whose media session the track is in.
    pub room_id: RoomId,
    /// The track's own.
    pub track_id: TrackId,
    /// All of its encodings.
    pub encodings: Vec<WantedEncoding>,
}
