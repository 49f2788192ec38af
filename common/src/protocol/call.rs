//! Ringing: one user calls another, in a room, until pick-up or an outcome.
//!
//! A call is about people; how media then flows is [`super::media`]'s business.
//! Both sides join the media session of the call's room once it is answered. Whoever is in a call may ring others into
//! it: each has a ringing and an outcome of their own, and the call is over once fewer than two are left.
//!
//! A device that loses its connection has 30 seconds to come back into its call by another one, on whatever instance,
//! with `call.resume`; until then the other side is told nothing. A call that still rings is cancelled if its caller
//! is not back after 15 seconds, and rings on wherever its callee is connected.

use crate::id::{CallId, ConnectionId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

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

impl Media {
    /// The name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// The medium of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Audio, Self::Video].into_iter().find(|media| media.as_str() == name)
    }
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

/// Parameters of `call.invite`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallInvite))]
pub struct Invite {
    /// The call that this device is in.
    pub call_id: CallId,
    /// The user to ring into it, on every connected device.
    pub user_id: UserId,
}

/// Parameters of `call.transfer`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallTransfer))]
pub struct Transfer {
    /// The answered call that this device is in.
    pub call_id: CallId,
    /// The user to ring; once they pick up, this device is out of the call.
    pub user_id: UserId,
}

/// Result of `call.invite` and `call.transfer`: it rings, and `call.changed` says what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallInvited))]
pub struct Invited {
    /// The call into which they are rung.
    pub call_id: CallId,
    /// After this many milliseconds without an answer they have missed it.
    pub ring_time_ms: u64,
}

/// Parameters of `call.withdraw`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallWithdraw))]
pub struct Withdraw {
    /// The call that this device is in.
    pub call_id: CallId,
    /// The user who is to ring no more; rung by this user, or by anybody if this user called.
    pub user_id: UserId,
}

/// Parameters of `call.transferToRoom`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallTransferToRoom))]
pub struct TransferToRoom {
    /// The answered call that this device is in.
    pub call_id: CallId,
    /// The room to whose media session all others in the call are to go. Somebody must be in it.
    pub room_id: RoomId,
}

/// Result of `call.transferToRoom`: the others are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallTransferStarted))]
pub struct TransferStarted {
    /// The call that is handed over.
    pub call_id: CallId,
    /// After this many milliseconds those who have not said that they are there are still in the call.
    pub answer_time_ms: u64,
}

/// Event `call.transferring`, to every device that is to go to another room. It comes again until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallTransferring))]
pub struct Transferring {
    /// The call that is handed over.
    pub call_id: CallId,
    /// Join this room and its media session, and answer.
    pub room_id: RoomId,
    /// Who hands it over.
    pub by: UserId,
    /// Their name, to be shown.
    pub name: String,
    /// How much longer an answer is waited for, in milliseconds.
    pub answer_time_ms: u64,
}

/// Parameters of `call.answerTransfer`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallAnswerTransfer))]
pub struct AnswerTransfer {
    /// The call that is handed over.
    pub call_id: CallId,
    /// Where to.
    pub room_id: RoomId,
    /// Whether this device is in that room's media session, with somebody. If so the call is over for its user; if not,
    /// it goes on.
    pub is_there: bool,
}

/// Event `call.transferFailed`, to the device that hands a call over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallTransferFailed))]
pub struct TransferFailed {
    /// The call that goes on.
    pub call_id: CallId,
    /// Where somebody has not gone.
    pub room_id: RoomId,
    /// Who: they could not, or have not said that they are there.
    pub user_id: UserId,
}

/// One who is or was part of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallParty))]
pub struct Party {
    /// Whose part it is.
    pub user_id: UserId,
    /// Their name, to be shown.
    pub name: String,
    /// How far they are.
    pub state: PartyState,
    /// The connection by which they are in it; null unless they are.
    pub connection_id: Option<ConnectionId>,
    /// Who rang them; of the one who called, themselves.
    pub invited_by: UserId,
    /// How it ended for them; null unless they are out of it.
    pub reason: Option<EndReason>,
}

/// How far somebody is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallPartyState))]
pub enum PartyState {
    /// Their devices ring.
    Ringing,
    /// They are in the call.
    Joined,
    /// They did not pick up, or are in it no longer.
    Left,
}

/// Event `call.changed`, to every device that is in a call of which more than two are or were part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallChanged))]
pub struct PartiesChanged {
    /// The call that goes on.
    pub call_id: CallId,
    /// Everybody, in the order in which they came to it; the first called.
    pub parties: Vec<Party>,
    /// Counts the changes, so that a late event can be told from a new one.
    pub revision: u64,
}

/// Parameters of `call.resume`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallResume))]
pub struct Resume {
    /// The call that this person is in.
    pub call_id: CallId,
    /// The connection by which the device was in the call, of the same user. It is out of the call from now on, also
    /// if it is still there. The connection's own id asks how the call stands.
    pub connection_id: ConnectionId,
}

/// Result of `call.resume`: the call as it stands, which goes on by this connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallResumed))]
pub struct Resumed {
    /// The call that goes on.
    pub call_id: CallId,
    /// The room in whose media session they meet.
    pub room_id: RoomId,
    /// What the caller wanted to send.
    pub media: Media,
    /// Whether this person called.
    pub is_caller: bool,
    /// Who is on the other side; of several, the first who called or was called.
    pub with: UserId,
    /// Their name, to be shown.
    pub name: String,
    /// The other side's connection; null while the callee's devices ring.
    pub connection_id: Option<ConnectionId>,
    /// Everybody who is or was part of the call, in the order in which they came to it.
    #[serde(default)]
    pub parties: Vec<Party>,
    /// When it began to ring.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub started_at: OffsetDateTime,
    /// When it was picked up; null while it rings.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub answered_at: Option<OffsetDateTime>,
    /// How much longer it rings, in milliseconds; null once it was picked up.
    pub ring_time_ms: Option<u64>,
    /// STUN and TURN servers for peer-to-peer media.
    pub ice_servers: Vec<super::media::IceServer>,
}

/// Event `call.resumed`, to the other side's device once the call was picked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallDeviceMoved))]
pub struct Moved {
    /// The call that goes on.
    pub call_id: CallId,
    /// The other side's connection from now on.
    pub connection_id: ConnectionId,
    /// What it was until now.
    pub previous_connection_id: ConnectionId,
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
    /// Another device, or another connection, of the same user has it; it goes on there.
    AnsweredElsewhere,
    /// A side lost its connection and did not come back in time.
    Lost,
    /// This person handed the call over to somebody else, who took it; or somebody handed it over to another room, where
    /// this person has gone or was about to.
    Transferred,
}

impl EndReason {
    const ALL: [Self; 8] = [
        Self::HungUp,
        Self::Rejected,
        Self::Cancelled,
        Self::Missed,
        Self::Busy,
        Self::AnsweredElsewhere,
        Self::Lost,
        Self::Transferred,
    ];

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
            Self::Transferred => "transferred",
        }
    }

    /// The reason of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
