//! Ringing: one user calls another, in a room, until pick-up or an outcome.
//!
//! A call is about people; how media then flows is [`super::media`]'s business.
//! Both sides join the media session of the call's room once it is answered.

use crate::id::{CallId, ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};

/// What the caller wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallMedia))]
pub enum Media {
    /// Sound only.
    Audio,
    /// Sound and picture.
    Video,
}

/// Parameters of `call.ring`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallRing))]
pub struct Ring {
    /// The room in whose media session the two will meet; the caller must have joined it.
    pub room_id: RoomId,
    /// The user to ring, on every connected device.
    pub user_id: UserId,
    /// What the caller wants to send.
    pub media: Media,
}

/// Result of `call.ring`: it rings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallRinging))]
pub struct Ringing {
    /// The new call, by which it is accepted, cancelled and ended.
    pub call_id: CallId,
    /// After this many milliseconds without an answer the call counts as missed.
    pub ring_time_ms: u64,
    /// STUN and TURN servers for peer-to-peer media.
    pub ice_servers: Vec<super::media::IceServer>,
}

/// Event `call.incoming`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallIncoming))]
pub struct Incoming {
    /// The call, by which it is accepted or rejected.
    pub call_id: CallId,
    /// The room in whose media session the two will meet.
    pub room_id: RoomId,
    /// The user who is calling.
    pub from: UserId,
    /// The caller's name, to be shown.
    pub name: String,
    /// What the caller wants to send.
    pub media: Media,
    /// How much longer it will ring, in milliseconds.
    pub ring_time_ms: u64,
}

/// Parameters of `call.accept`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallAccept))]
pub struct Accept {
    /// The call that rings.
    pub call_id: CallId,
}

/// Result of `call.accept`: this device took the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallAccepted))]
pub struct Accepted {
    /// The call that this device took.
    pub call_id: CallId,
    /// Join this room and its media session now.
    pub room_id: RoomId,
    /// STUN and TURN servers for peer-to-peer media.
    pub ice_servers: Vec<super::media::IceServer>,
}

/// Parameters of `call.reject`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallReject))]
pub struct Reject {
    /// The call that rings.
    pub call_id: CallId,
}

/// Parameters of `call.cancel`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallCancel))]
pub struct Cancel {
    /// The call that this device started.
    pub call_id: CallId,
}

/// Parameters of `call.hangUp`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallHangUp))]
pub struct HangUp {
    /// The call that goes on.
    pub call_id: CallId,
}

/// Event `call.answered`, to the caller's device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallAnswered))]
pub struct Answered {
    /// The call that this device started.
    pub call_id: CallId,
    /// The device that picked up.
    pub by: ConnectionId,
}

/// Event `call.ended`, to every device that knew of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallEnded))]
pub struct Ended {
    /// The call that is over.
    pub call_id: CallId,
    /// Why it is over for this device.
    pub reason: EndReason,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallEndReason))]
pub enum EndReason {
    /// Somebody hung up after it was answered.
    HungUp,
    /// The callee declined.
    Rejected,
    /// The caller gave up before an answer.
    Cancelled,
    /// Nobody answered in time.
    Missed,
    /// The callee was in another call.
    Busy,
    /// Another of the callee's devices took it; it goes on there.
    AnsweredElsewhere,
    /// A side lost its connection and did not come back in time.
    Lost,
}

impl EndReason {
    /// The reason's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HungUp => "hungUp",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Missed => "missed",
            Self::Busy => "busy",
            Self::AnsweredElsewhere => "answeredElsewhere",
            Self::Lost => "lost",
        }
    }
}
