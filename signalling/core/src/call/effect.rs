//! What a call asks of its shell, and why it refuses something.

use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId, UserId},
    protocol::call::EndReason,
};
use std::time::Duration;

use super::{leg::Invitation, recorded::RecordedTransfer, transfer::Destination};

/// Why an action does not fit the call. It never changes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Another device took the call first.
    #[error("the call was answered on another device")]
    AlreadyTaken {
        /// The device that has it.
        by: ConnectionId,
    },
    /// The device is not part of the call.
    #[error("this device is not part of the call")]
    NotInvited,
    /// The call is over.
    #[error("the call is over")]
    Over,
    /// For instance hanging up what nobody has answered.
    #[error("the call is not in a state for this")]
    WrongState,
    /// Only the one who rang somebody, or who called, takes that back.
    #[error("only the one who rang them, or who called, may take that back")]
    NotTheirs,
    /// As many people have been part of it as may be.
    #[error("there are as many people in the call as may be")]
    Full,
}

impl CallError {
    /// The stable code for the wire.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::AlreadyTaken { .. } => ErrorCode::CALL_ALREADY_TAKEN,
            Self::NotInvited => ErrorCode::CALL_NOT_INVITED,
            Self::Over => ErrorCode::CALL_OVER,
            Self::WrongState => ErrorCode::CALL_WRONG_STATE,
            Self::NotTheirs => ErrorCode::FORBIDDEN,
            Self::Full => ErrorCode::TOO_MANY,
        }
    }
}

/// What a call asks its shell to do, in this order. If something cannot be recorded because another instance runs the
/// call by now, nothing that follows is done, and the call is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write down that somebody more is rung; nothing after this is announced before it is stored.
    RecordInvited {
        /// Whom.
        user: UserId,
        /// By whom, and what for.
        invitation: Invitation,
    },
    /// Write down that somebody picked up; likewise.
    RecordAnswer {
        /// Who.
        user: UserId,
        /// On which device.
        by: ConnectionId,
    },
    /// Write down on which device somebody talks; likewise.
    RecordDevice {
        /// Who.
        user: UserId,
        /// On which.
        device: ConnectionId,
    },
    /// Write down that somebody is out of it while it goes on; likewise.
    RecordOut {
        /// Who.
        user: UserId,
        /// How it ended for them.
        reason: EndReason,
    },
    /// Write down how far it is on its way to another room, or that it is so no more; likewise.
    RecordTransfer(Option<RecordedTransfer>),
    /// Write down how it ended for all who are still part of it; likewise.
    RecordEnd(EndReason),
    /// Ring on one more device.
    TellIncoming {
        /// The device of one who is called.
        to: ConnectionId,
        /// For how much longer it rings.
        rings_for: Duration,
    },
    /// Tell the caller's device who picked up first.
    TellAnswered {
        /// The caller's device.
        to: ConnectionId,
        /// The device that picked up.
        by: ConnectionId,
    },
    /// Tell a device that somebody else goes on by another connection.
    TellResumed {
        /// The device that is told.
        to: ConnectionId,
        /// What the other's connection was.
        from: ConnectionId,
        /// What it is.
        by: ConnectionId,
    },
    /// Tell a device who is part of the call by now.
    TellChanged {
        /// The device that is told.
        to: ConnectionId,
    },
    /// Tell a device's instance that it is this one that runs the call.
    TellRunner {
        /// The device.
        to: ConnectionId,
    },
    /// Tell a device to go to another room.
    TellTransferring {
        /// The device that is told.
        to: ConnectionId,
        /// Where, and who hands the call over.
        destination: Destination,
        /// For how much longer it is waited for.
        time: Duration,
    },
    /// Tell the one who hands the call over that somebody has not gone to the other room.
    TellTransferFailed {
        /// The device that is told.
        to: ConnectionId,
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// Tell a device that the call is over for it.
    TellEnded {
        /// The connection that is told.
        to: ConnectionId,
        /// How the call ended for it.
        reason: EndReason,
    },
}
