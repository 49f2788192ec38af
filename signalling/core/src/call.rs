//! One call between two people, from ring to outcome.

use common::{error::ErrorCode, id::ConnectionId, protocol::call::EndReason};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long a call rings before it counts as missed.
///
/// Longer loses fewer calls to slow pickups; shorter frees the caller sooner.
/// Phones give up on their own at about 60 s, so stay below that.
pub const RING_TIME: Duration = Duration::from_secs(45);

/// How long an answered call survives the loss of a side's signalling.
///
/// Media goes on meanwhile; longer forgives worse networks, shorter frees the other side sooner.
pub const GRACE_TIME: Duration = Duration::from_secs(20);

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
}

impl CallError {
    /// The stable code for the wire.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::AlreadyTaken { .. } => ErrorCode::CALL_ALREADY_TAKEN,
            Self::NotInvited => ErrorCode::CALL_NOT_INVITED,
            Self::Over => ErrorCode::CALL_OVER,
            Self::WrongState => ErrorCode::CALL_WRONG_STATE,
        }
    }
}

/// What a call asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write down that it was answered; nothing after this is announced before it is stored.
    RecordAnswer,
    /// Write down how it ended; likewise.
    RecordEnd(EndReason),
    /// Ring on one more device.
    TellIncoming {
        /// The callee's device.
        to: ConnectionId,
        /// For how much longer it rings.
        rings_for: Duration,
    },
    /// Tell the caller's device who picked up.
    TellAnswered {
        /// The caller's device.
        to: ConnectionId,
        /// The device that picked up.
        by: ConnectionId,
    },
    /// Tell a device that the call is over for it.
    TellEnded {
        /// The connection that is told.
        to: ConnectionId,
        /// How the call ended for it.
        reason: EndReason,
    },
}

#[derive(Debug)]
enum State {
    Ringing { devices: BTreeSet<ConnectionId>, missed_at: Instant },
    Active { with: ConnectionId, lost: Option<Lost> },
    Over,
}

/// A side whose signalling is gone.
#[derive(Debug, Clone, Copy)]
struct Lost {
    device: ConnectionId,
    over_at: Instant,
}

/// One call. Owns no socket and reads no clock: inputs and time come in through
/// `handle_*`, everything to be done goes out through `effects`, in order.
///
/// The shell calls [`handle_deadline`](Self::handle_deadline) once
/// [`next_deadline`](Self::next_deadline) has passed.
#[derive(Debug)]
pub struct Call {
    caller: ConnectionId,
    state: State,
}

impl Call {
    /// A call that rings on `devices` from `now`.
    pub fn ring(caller: ConnectionId, devices: impl IntoIterator<Item = ConnectionId>, now: Instant) -> Self {
        let devices = devices.into_iter().collect();
        Self { caller, state: State::Ringing { devices, missed_at: now + RING_TIME } }
    }

    /// Whether nothing more can happen to it.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// A device picks up.
    ///
    /// # Errors
    /// The device that lost the race is told why.
    pub fn handle_accept(
        &mut self,
        device: ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let devices = match &self.state {
            State::Ringing { devices, .. } => devices,
            // The answer to the first accept was lost, and the device asks again.
            State::Active { with, .. } if *with == device => return Ok(()),
            State::Active { with, .. } => return Err(CallError::AlreadyTaken { by: *with }),
            State::Over => return Err(CallError::Over),
        };
        if !devices.contains(&device) {
            return Err(CallError::NotInvited);
        }
        effects.push(Effect::RecordAnswer);
        effects.push(Effect::TellAnswered { to: self.caller, by: device });
        let others = devices.iter().filter(|other| **other != device);
        effects.extend(others.map(|&to| Effect::TellEnded { to, reason: EndReason::AnsweredElsewhere }));
        self.state = State::Active { with: device, lost: None };
        Ok(())
    }

    /// A device declines, on behalf of all of the callee's devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_reject(
        &mut self,
        device: ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Ringing { devices, .. } if devices.contains(&device) => {
                self.end(EndReason::Rejected, effects);
                Ok(())
            }
            State::Ringing { .. } => Err(CallError::NotInvited),
            State::Active { .. } => Err(CallError::WrongState),
            State::Over => Err(CallError::Over),
        }
    }

    /// The caller gives up before anybody answered.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_cancel(
        &mut self,
        device: ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Ringing { .. } if device == self.caller => {
                self.end(EndReason::Cancelled, effects);
                Ok(())
            }
            State::Ringing { .. } => Err(CallError::NotInvited),
            State::Active { .. } => Err(CallError::WrongState),
            State::Over => Err(CallError::Over),
        }
    }

    /// A side ends the answered call.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_hang_up(
        &mut self,
        device: ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Active { with, .. } if device == *with || device == self.caller => {
                self.end(EndReason::HungUp, effects);
                Ok(())
            }
            State::Active { .. } => Err(CallError::NotInvited),
            State::Ringing { .. } => Err(CallError::WrongState),
            State::Over => Err(CallError::Over),
        }
    }

    /// A device of the callee connects: it rings for the rest of the time, if the call still does.
    ///
    /// # Errors
    /// [`CallError::Over`], [`CallError::AlreadyTaken`].
    pub fn handle_connected(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &mut self.state {
            State::Ringing { devices, missed_at } => {
                let rings_for = missed_at.saturating_duration_since(now);
                // Who was rung from the beginning is not rung again.
                if !rings_for.is_zero() && devices.insert(device) {
                    effects.push(Effect::TellIncoming { to: device, rings_for });
                }
                Ok(())
            }
            State::Active { with, .. } => Err(CallError::AlreadyTaken { by: *with }),
            State::Over => Err(CallError::Over),
        }
    }

    /// A device's connection is gone.
    pub fn handle_gone(&mut self, device: ConnectionId, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.state {
            State::Ringing { .. } if device == self.caller => self.end(EndReason::Cancelled, effects),
            State::Ringing { devices, .. } => {
                if devices.remove(&device) && devices.is_empty() {
                    self.end(EndReason::Missed, effects);
                }
            }
            State::Active { with, lost } if device == *with || device == self.caller => {
                lost.get_or_insert(Lost { device, over_at: now + GRACE_TIME });
            }
            State::Active { .. } | State::Over => {}
        }
    }

    /// When the call next needs attention though nothing happens to it.
    pub const fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Ringing { missed_at, .. } => Some(*missed_at),
            State::Active { lost: Some(lost), .. } => Some(lost.over_at),
            State::Active { lost: None, .. } | State::Over => None,
        }
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &self.state {
            State::Ringing { .. } => self.end(EndReason::Missed, effects),
            State::Active { .. } => self.end(EndReason::Lost, effects),
            State::Over => {}
        }
    }

    /// Ends it for everybody who knew of it.
    fn end(&mut self, reason: EndReason, effects: &mut Vec<Effect>) {
        effects.push(Effect::RecordEnd(reason));
        let tell = |to| Effect::TellEnded { to, reason };
        effects.push(tell(self.caller));
        match std::mem::replace(&mut self.state, State::Over) {
            State::Ringing { devices, .. } => effects.extend(devices.into_iter().map(tell)),
            State::Active { with, lost } => {
                if lost.is_none_or(|lost| lost.device != with) {
                    effects.push(tell(with));
                }
            }
            State::Over => {}
        }
    }
}

#[cfg(test)]
mod tests;
