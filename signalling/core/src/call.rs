//! One call between two people, from ring to outcome, as the instance decides it that runs the call.
//!
//! What it tells devices on other instances may be lost, and so may what they say. So those that take part
//! [attend](Call::handle_attend): their instance, which has a [`part`] for each, asks every few seconds. Who has not
//! heard that the call is over for them is told again, for as long as the call is remembered; who is silent for too
//! long is gone.

pub mod part;

use common::{error::ErrorCode, id::ConnectionId, protocol::call::EndReason};
use std::{
    collections::BTreeMap,
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

/// How long a device that attends may be silent before it counts as gone: three times what lies between.
///
/// Longer forgives longer outages between instances; shorter notices sooner that an instance has died.
pub const SILENCE_TIME: Duration = Duration::from_secs(16);

/// How soon a device is rung again that has not said that it rings, and how often at most.
pub const RING_AGAIN: Duration = Duration::from_secs(2);
const RING_AGAIN_TIMES: u32 = 5;

/// How long it is remembered how a call ended: longer than a device is out of reach before it gives up.
pub const REMEMBER_TIME: Duration = Duration::from_secs(90);

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
    Ringing {
        devices: BTreeMap<ConnectionId, Presence>,
        missed_at: Instant,
        /// When those are rung again that have not been heard, and how often they still are.
        again: Option<(Instant, u32)>,
    },
    Active {
        with: ConnectionId,
        presence: Presence,
        lost: Option<Lost>,
    },
    Over {
        reason: EndReason,
        answered_by: Option<ConnectionId>,
        forgotten_at: Instant,
    },
    Forgotten,
}

/// When a device was heard last; `None` if it has never said that it attends.
type Presence = Option<Instant>;

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
    /// Whether other instances are within reach: if not, their silence means nothing.
    is_linked: bool,
}

impl Call {
    /// A call that rings on `devices` from `now`.
    pub fn ring(caller: ConnectionId, devices: impl IntoIterator<Item = ConnectionId>, now: Instant) -> Self {
        let devices = devices.into_iter().map(|device| (device, None)).collect();
        let again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
        let state = State::Ringing { devices, missed_at: now + RING_TIME, again };
        Self { caller, state, is_linked: true }
    }

    /// Whether nothing more can happen to it. Who asks is still told how it ended.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. } | State::Forgotten)
    }

    /// Whether it is over for so long that nobody needs it any more.
    pub const fn is_forgotten(&self) -> bool {
        matches!(self.state, State::Forgotten)
    }

    /// A device of an instance whose devices attend asks something: it is there.
    pub fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        match &mut self.state {
            State::Ringing { devices, .. } => {
                if let Some(presence) = devices.get_mut(&device) {
                    *presence = Some(now);
                }
            }
            State::Active { with, presence, lost } if *with == device => {
                *presence = Some(now);
                // It was out of reach, and is back.
                *lost = lost.filter(|lost| lost.device != device);
            }
            State::Active { .. } | State::Over { .. } | State::Forgotten => {}
        }
    }

    /// A device that was told of the call asks how it stands: if it is over for it, that is told again.
    ///
    /// # Errors
    /// [`CallError::Over`] if nobody knows any more.
    pub fn handle_attend(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let reason = match &mut self.state {
            State::Ringing { devices, .. } => {
                // Also one that was silent for too long.
                devices.insert(device, Some(now));
                return Ok(());
            }
            State::Active { with, .. } if *with == device => return Ok(()),
            State::Active { .. } => EndReason::AnsweredElsewhere,
            State::Over { answered_by: Some(by), .. } if *by != device => EndReason::AnsweredElsewhere,
            State::Over { reason, .. } => *reason,
            State::Forgotten => return Err(CallError::Over),
        };
        effects.push(Effect::TellEnded { to: device, reason });
        Ok(())
    }

    /// Whether other instances are within reach.
    pub fn set_linked(&mut self, is_linked: bool, now: Instant) {
        self.is_linked = is_linked;
        // They could not be heard, and have yet to find back.
        match &mut self.state {
            State::Ringing { devices, .. } => {
                devices.values_mut().flatten().for_each(|heard| *heard = now);
            }
            State::Active { presence: Some(heard), .. } => *heard = now,
            State::Active { presence: None, .. } | State::Over { .. } | State::Forgotten => {}
        }
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
            State::Over { .. } | State::Forgotten => return Err(CallError::Over),
        };
        let Some(&presence) = devices.get(&device) else { return Err(CallError::NotInvited) };
        effects.push(Effect::RecordAnswer);
        effects.push(Effect::TellAnswered { to: self.caller, by: device });
        let others = devices.keys().filter(|other| **other != device);
        effects.extend(others.map(|&to| Effect::TellEnded { to, reason: EndReason::AnsweredElsewhere }));
        self.state = State::Active { with: device, presence, lost: None };
        Ok(())
    }

    /// A device declines, on behalf of all of the callee's devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_reject(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Ringing { devices, .. } if devices.contains_key(&device) => {
                self.end(EndReason::Rejected, now, effects);
                Ok(())
            }
            State::Ringing { .. } => Err(CallError::NotInvited),
            State::Active { .. } => Err(CallError::WrongState),
            State::Over { .. } | State::Forgotten => Err(CallError::Over),
        }
    }

    /// The caller gives up before anybody answered.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_cancel(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Ringing { .. } if device == self.caller => {
                self.end(EndReason::Cancelled, now, effects);
                Ok(())
            }
            State::Ringing { .. } => Err(CallError::NotInvited),
            State::Active { .. } => Err(CallError::WrongState),
            State::Over { .. } | State::Forgotten => Err(CallError::Over),
        }
    }

    /// A side ends the answered call.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_hang_up(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Active { with, .. } if device == *with || device == self.caller => {
                self.end(EndReason::HungUp, now, effects);
                Ok(())
            }
            State::Active { .. } => Err(CallError::NotInvited),
            State::Ringing { .. } => Err(CallError::WrongState),
            State::Over { .. } | State::Forgotten => Err(CallError::Over),
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
            State::Ringing { devices, missed_at, again } => {
                let rings_for = missed_at.saturating_duration_since(now);
                // Who was rung from the beginning is not rung again, unless it is not heard.
                if !rings_for.is_zero() && !devices.contains_key(&device) {
                    devices.insert(device, None);
                    *again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
                    effects.push(Effect::TellIncoming { to: device, rings_for });
                }
                Ok(())
            }
            State::Active { with, .. } => Err(CallError::AlreadyTaken { by: *with }),
            State::Over { .. } | State::Forgotten => Err(CallError::Over),
        }
    }

    /// A device's connection is gone.
    pub fn handle_gone(&mut self, device: ConnectionId, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.state {
            State::Ringing { .. } if device == self.caller => self.end(EndReason::Cancelled, now, effects),
            State::Ringing { devices, .. } => {
                if devices.remove(&device).is_some() && devices.is_empty() {
                    self.end(EndReason::Missed, now, effects);
                }
            }
            State::Active { with, lost, presence } if device == *with || device == self.caller => {
                if device == *with {
                    *presence = None;
                }
                lost.get_or_insert(Lost { device, over_at: now + GRACE_TIME });
            }
            State::Active { .. } | State::Over { .. } | State::Forgotten => {}
        }
    }

    /// When the call next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        let silent_at = |heard: &Instant| *heard + SILENCE_TIME;
        match &self.state {
            State::Ringing { devices, missed_at, again } => {
                let heard = devices.values().flatten().filter(|_| self.is_linked).map(silent_at);
                let again = again.map(|(at, _)| at);
                heard.chain(again).chain([*missed_at]).min()
            }
            State::Active { presence, lost, .. } => {
                let silent_at = presence.as_ref().filter(|_| self.is_linked).map(silent_at);
                silent_at.into_iter().chain(lost.map(|lost| lost.over_at)).min()
            }
            State::Over { forgotten_at, .. } => Some(*forgotten_at),
            State::Forgotten => None,
        }
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let is_linked = self.is_linked;
        let is_silent = |heard: &Presence| heard.is_some_and(|at| is_linked && at + SILENCE_TIME <= now);
        match &mut self.state {
            State::Ringing { missed_at, .. } if *missed_at <= now => {
                self.end(EndReason::Missed, now, effects);
            }
            State::Ringing { devices, missed_at, again } => {
                ring_again(devices, *missed_at, again, now, effects);
                let silent = devices.iter().filter(|(_, heard)| is_silent(heard));
                let silent: Vec<ConnectionId> = silent.map(|(device, _)| *device).collect();
                silent.into_iter().for_each(|device| self.handle_gone(device, now, effects));
            }
            State::Active { lost: Some(lost), .. } if lost.over_at <= now => {
                self.end(EndReason::Lost, now, effects);
            }
            State::Active { with, .. } => {
                let with = *with;
                self.handle_gone(with, now, effects);
            }
            State::Over { .. } => self.state = State::Forgotten,
            State::Forgotten => {}
        }
    }

    /// Ends it for everybody who knew of it.
    fn end(&mut self, reason: EndReason, now: Instant, effects: &mut Vec<Effect>) {
        effects.push(Effect::RecordEnd(reason));
        let tell = |to| Effect::TellEnded { to, reason };
        effects.push(tell(self.caller));
        let answered_by = match &self.state {
            State::Ringing { devices, .. } => {
                effects.extend(devices.keys().copied().map(tell));
                None
            }
            State::Active { with, lost, .. } => {
                if lost.is_none_or(|lost| lost.device != *with) {
                    effects.push(tell(*with));
                }
                Some(*with)
            }
            State::Over { answered_by, .. } => *answered_by,
            State::Forgotten => None,
        };
        self.state = State::Over { reason, answered_by, forgotten_at: now + REMEMBER_TIME };
    }
}

/// What they were told may have been lost.
fn ring_again(
    devices: &BTreeMap<ConnectionId, Presence>,
    missed_at: Instant,
    again: &mut Option<(Instant, u32)>,
    now: Instant,
    effects: &mut Vec<Effect>,
) {
    let Some((_, left)) = again.filter(|(at, _)| *at <= now) else { return };
    let rings_for = missed_at.saturating_duration_since(now);
    // What is nearly over is not worth a ring.
    let unheard = devices.iter().filter(|(_, heard)| heard.is_none() && rings_for >= RING_AGAIN);
    effects.extend(unheard.map(|(&to, _)| Effect::TellIncoming { to, rings_for }));
    *again = (left > 1).then(|| (now + RING_AGAIN, left - 1));
}

#[cfg(test)]
mod tests;
