//! One call between two people, from ring to outcome, as the instance decides it that runs the call.
//!
//! What it tells devices may be lost, and so may what they say. So those that take part [attend](Call::handle_attend):
//! their instance, which has a [`part`] for each, asks every few seconds. Who has not heard that the call is over for
//! them is told again, for as long as the call is remembered; who is silent for too long is gone.
//!
//! A device is a person's, and not a connection: for [`GRACE_TIME`] it may come [back](Call::handle_resume) by another
//! one. And a call is not an instance's either: what is recorded of it is enough for another to [take it
//! up](Call::take_up).

pub mod part;
mod party;

use common::{error::ErrorCode, id::ConnectionId, protocol::call::EndReason};
use party::Party;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long a call rings before it counts as missed.
///
/// Longer loses fewer calls to slow pickups; shorter frees the caller sooner.
/// Phones give up on their own at about 60 s, so stay below that.
pub const RING_TIME: Duration = Duration::from_secs(45);

/// How long a device may be out of reach before the call is over for want of it.
///
/// Media goes on meanwhile; longer forgives worse networks and slower restarts, shorter frees the other side sooner.
pub const GRACE_TIME: Duration = Duration::from_secs(30);

/// How long a call goes on ringing whose caller is out of reach.
///
/// Longer forgives a change of networks, or of instances; shorter spares people a phone that rings for nobody.
pub const RING_GRACE: Duration = Duration::from_secs(15);

/// How long a device that attends may be silent before it counts as gone: three times what lies between.
///
/// Longer forgives longer outages between instances; shorter tells others sooner that it is out of reach.
pub const SILENCE_TIME: Duration = Duration::from_secs(16);

/// How soon a device is rung again that has not said that it rings, and how often at most.
pub const RING_AGAIN: Duration = Duration::from_secs(2);
const RING_AGAIN_TIMES: u32 = 5;

/// How long it is remembered how a call ended: longer than a device is out of reach before it gives up.
pub const REMEMBER_TIME: Duration = Duration::from_secs(90);

/// Connections that are remembered to have been replaced while it rings: more than somebody has who is honest.
const REPLACED_MAX: usize = 16;

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

/// Whose device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Of the person who calls.
    Caller,
    /// Of the person who is called.
    Callee,
}

/// What a call asks its shell to do, in this order. If something cannot be recorded because another instance runs the
/// call by now, nothing that follows is done, and the call is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write down that it was answered; nothing after this is announced before it is stored.
    RecordAnswer {
        /// The device that picked up.
        by: ConnectionId,
    },
    /// Write down which devices the two talk on; likewise.
    RecordDevices {
        /// The caller's.
        caller: ConnectionId,
        /// The callee's, if one has picked up.
        callee: Option<ConnectionId>,
    },
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
    /// Tell a device that the other side goes on by another connection.
    TellResumed {
        /// The device that is told.
        to: ConnectionId,
        /// What the other side's connection was.
        from: ConnectionId,
        /// What it is.
        by: ConnectionId,
    },
    /// Tell a device's instance that it is this one that runs the call.
    TellRunner {
        /// The device.
        to: ConnectionId,
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
        /// Since when it rings on no device.
        unheard_since: Option<Instant>,
        /// Connections in whose place others ring, the latest of them: what they still say is void.
        replaced: BTreeSet<ConnectionId>,
    },
    Active {
        callee: Party,
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

/// A call that another instance ran, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The caller's device.
    pub caller: ConnectionId,
    /// How far it was.
    pub stage: Stage,
}

/// How far a call was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It rang.
    Ringing {
        /// For how much longer it is to.
        rings_for: Duration,
        /// The callee's devices that are there.
        devices: Vec<ConnectionId>,
    },
    /// It was answered.
    Active {
        /// By this device.
        by: ConnectionId,
    },
}

/// One call. Owns no socket and reads no clock: inputs and time come in through
/// `handle_*`, everything to be done goes out through `effects`, in order.
///
/// The shell calls [`handle_deadline`](Self::handle_deadline) once
/// [`next_deadline`](Self::next_deadline) has passed.
#[derive(Debug)]
pub struct Call {
    caller: Party,
    state: State,
    /// Whether other instances are within reach: if not, their silence means nothing.
    is_linked: bool,
}

impl Call {
    /// A call that rings on `devices` from `now`.
    pub fn ring(caller: ConnectionId, devices: impl IntoIterator<Item = ConnectionId>, now: Instant) -> Self {
        let state = State::ringing(devices, RING_TIME, now);
        Self { caller: Party::there(caller, now), state, is_linked: true }
    }

    /// A call that another instance ran. Its devices have yet to be heard: each has its grace from now on, unless
    /// `is_there` says that it is connected.
    pub fn take_up(
        recorded: Recorded,
        is_there: impl Fn(ConnectionId) -> bool,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let party = |device| match is_there(device) {
            true => Party::there(device, now),
            false => Party::lost(device, now),
        };
        let tell_runner = |to| Effect::TellRunner { to };
        effects.push(tell_runner(recorded.caller));
        let state = match recorded.stage {
            Stage::Ringing { rings_for, devices } => {
                effects.extend(devices.iter().map(|&to| Effect::TellIncoming { to, rings_for }));
                State::ringing(devices, rings_for, now)
            }
            Stage::Active { by } => {
                effects.push(tell_runner(by));
                State::Active { callee: party(by) }
            }
        };
        Self { caller: party(recorded.caller), state, is_linked: true }
    }

    /// Whether nothing more can happen to it. Who asks is still told how it ended.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. } | State::Forgotten)
    }

    /// Whether it is over for so long that nobody needs it any more.
    pub const fn is_forgotten(&self) -> bool {
        matches!(self.state, State::Forgotten)
    }

    /// The caller's device.
    pub const fn caller(&self) -> ConnectionId {
        self.caller.device
    }

    /// The device that the caller talks with, if one has picked up and the call goes on.
    pub const fn callee(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Active { callee } => Some(callee.device),
            State::Ringing { .. } | State::Over { .. } | State::Forgotten => None,
        }
    }

    /// For how much longer it rings, if it does.
    pub fn rings_for(&self, now: Instant) -> Option<Duration> {
        match &self.state {
            State::Ringing { missed_at, .. } => Some(missed_at.saturating_duration_since(now)),
            State::Active { .. } | State::Over { .. } | State::Forgotten => None,
        }
    }

    /// A device of an instance whose devices attend asks something: it is there.
    pub fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        self.caller.handle_heard(device, now);
        match &mut self.state {
            State::Ringing { devices, .. } => {
                if let Some(presence) = devices.get_mut(&device) {
                    *presence = Some(now);
                }
            }
            State::Active { callee } => callee.handle_heard(device, now),
            State::Over { .. } | State::Forgotten => {}
        }
    }

    /// A device that was told of the call asks how it stands, which as far as it knows is `with` that device on the
    /// other side: what it has not heard is told again.
    ///
    /// # Errors
    /// [`CallError::Over`] if nobody knows any more.
    pub fn handle_attend(
        &mut self,
        side: Side,
        device: ConnectionId,
        with: Option<ConnectionId>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let is_callers = side == Side::Caller;
        let reason = match &mut self.state {
            State::Forgotten => return Err(CallError::Over),
            State::Ringing { .. } if device == self.caller.device => return Ok(()),
            State::Active { callee } if device == self.caller.device => {
                let (to, by) = (device, callee.device);
                match with {
                    None => effects.push(Effect::TellAnswered { to, by }),
                    Some(_) => effects.extend(callee.tell_moved(to, with)),
                }
                return Ok(());
            }
            State::Ringing { .. } | State::Active { .. } if is_callers => EndReason::AnsweredElsewhere,
            State::Ringing { replaced, .. } if replaced.contains(&device) => EndReason::AnsweredElsewhere,
            State::Ringing { devices, unheard_since, .. } => {
                // Also one that was silent for too long.
                devices.insert(device, Some(now));
                *unheard_since = None;
                return Ok(());
            }
            State::Active { callee } if callee.device == device => {
                effects.extend(self.caller.tell_moved(device, with));
                return Ok(());
            }
            State::Active { .. } => EndReason::AnsweredElsewhere,
            State::Over { .. } if is_callers && device != self.caller.device => EndReason::AnsweredElsewhere,
            State::Over { answered_by: Some(by), .. } if !is_callers && *by != device => {
                EndReason::AnsweredElsewhere
            }
            State::Over { reason, .. } => *reason,
        };
        effects.push(Effect::TellEnded { to: device, reason });
        Ok(())
    }

    /// Whether other instances are within reach.
    pub fn set_linked(&mut self, is_linked: bool, now: Instant) {
        self.is_linked = is_linked;
        // They could not be heard, and have yet to find back.
        self.caller.forgive(now);
        match &mut self.state {
            State::Ringing { devices, .. } => {
                devices.values_mut().flatten().for_each(|heard| *heard = now);
            }
            State::Active { callee } => callee.forgive(now),
            State::Over { .. } | State::Forgotten => {}
        }
    }

    /// A device picks up: any of the callee's, for it may have been rung by an instance that ran the call before.
    ///
    /// # Errors
    /// The device that lost the race is told why.
    pub fn handle_accept(
        &mut self,
        side: Side,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let devices = match &self.state {
            State::Ringing { replaced, .. } if replaced.contains(&device) => {
                return Err(CallError::NotInvited);
            }
            State::Ringing { devices, .. } if side == Side::Callee => devices,
            State::Ringing { .. } => return Err(CallError::NotInvited),
            // The answer to the first accept was lost, and the device asks again.
            State::Active { callee } if callee.device == device => return Ok(()),
            State::Active { callee } => return Err(CallError::AlreadyTaken { by: callee.device }),
            State::Over { .. } | State::Forgotten => return Err(CallError::Over),
        };
        let presence = devices.get(&device).copied().flatten();
        effects.push(Effect::RecordAnswer { by: device });
        effects.push(Effect::TellAnswered { to: self.caller.device, by: device });
        let others = devices.keys().filter(|other| **other != device);
        effects.extend(others.map(|&to| Effect::TellEnded { to, reason: EndReason::AnsweredElsewhere }));
        self.state = State::Active { callee: Party::picked_up(device, presence, now) };
        Ok(())
    }

    /// A device declines, on behalf of all of the callee's devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_reject(
        &mut self,
        side: Side,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match &self.state {
            State::Ringing { .. } if side == Side::Callee => {
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
            State::Ringing { .. } if device == self.caller.device => {
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
            State::Active { callee } if device == callee.device || device == self.caller.device => {
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
            State::Ringing { devices, missed_at, again, unheard_since, .. } => {
                let rings_for = missed_at.saturating_duration_since(now);
                // Who was rung from the beginning is not rung again, unless it is not heard.
                if !rings_for.is_zero() && !devices.contains_key(&device) {
                    devices.insert(device, None);
                    *again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
                    *unheard_since = None;
                    effects.push(Effect::TellIncoming { to: device, rings_for });
                }
                Ok(())
            }
            State::Active { callee } => Err(CallError::AlreadyTaken { by: callee.device }),
            State::Over { .. } | State::Forgotten => Err(CallError::Over),
        }
    }

    /// A person goes on by another connection, `device`, than the one that was part of the call, `from`; which is out
    /// of it from now on, whether it is still there or not.
    ///
    /// While it rings, any of the callee's devices may say so. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`CallError::Over`]; [`CallError::NotInvited`] and [`CallError::AlreadyTaken`] if it is another device that the
    /// person has the call on.
    pub fn handle_resume(
        &mut self,
        side: Side,
        from: ConnectionId,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let callee = self.callee();
        match (&mut self.state, side) {
            (State::Over { .. } | State::Forgotten, _) => return Err(CallError::Over),
            (State::Ringing { .. } | State::Active { .. }, Side::Caller) => {
                if self.caller.device == device {
                    self.caller.handle_heard(device, now);
                    return Ok(());
                }
                if self.caller.device != from {
                    return Err(CallError::NotInvited);
                }
                self.caller.move_to(device, now);
            }
            (State::Ringing { devices, unheard_since, replaced, .. }, Side::Callee) => {
                let was_rung = devices.remove(&from).is_some();
                replaced.insert(from);
                replaced.remove(&device);
                if replaced.len() > REPLACED_MAX {
                    replaced.pop_first();
                }
                devices.insert(device, Some(now));
                *unheard_since = None;
                if was_rung && from != device {
                    effects.push(Effect::TellEnded { to: from, reason: EndReason::AnsweredElsewhere });
                }
                return Ok(());
            }
            (State::Active { callee }, Side::Callee) if callee.device == device => {
                callee.handle_heard(device, now);
                return Ok(());
            }
            (State::Active { callee }, Side::Callee) if callee.device != from => {
                return Err(CallError::AlreadyTaken { by: callee.device });
            }
            (State::Active { callee }, Side::Callee) => callee.move_to(device, now),
        }
        effects.push(Effect::RecordDevices { caller: self.caller(), callee: self.callee() });
        effects.push(Effect::TellEnded { to: from, reason: EndReason::AnsweredElsewhere });
        let other = if side == Side::Caller { callee } else { Some(self.caller()) };
        effects.extend(other.map(|to| Effect::TellResumed { to, from, by: device }));
        Ok(())
    }

    /// A device's connection is gone.
    pub fn handle_gone(&mut self, device: ConnectionId, now: Instant) {
        self.caller.handle_gone(device, now);
        match &mut self.state {
            State::Ringing { devices, unheard_since, .. } => {
                if devices.remove(&device).is_some() && devices.is_empty() {
                    *unheard_since = Some(now);
                }
            }
            State::Active { callee } => callee.handle_gone(device, now),
            State::Over { .. } | State::Forgotten => {}
        }
    }

    /// When the call next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        let caller_is_silent_at = self.caller.silent_at().filter(|_| self.is_linked);
        match &self.state {
            State::Ringing { devices, again, .. } => {
                let heard = devices.values().flatten().filter(|_| self.is_linked);
                let silent_at = heard.map(|heard| *heard + SILENCE_TIME).chain(caller_is_silent_at);
                let again = again.map(|(at, _)| at);
                let over = self.over_at().map(|(at, _)| at);
                silent_at.chain(again).chain(over).min()
            }
            State::Active { callee } => {
                let callee_is_silent_at = callee.silent_at().filter(|_| self.is_linked);
                let over = self.over_at().map(|(at, _)| at);
                [caller_is_silent_at, callee_is_silent_at, over].into_iter().flatten().min()
            }
            State::Over { forgotten_at, .. } => Some(*forgotten_at),
            State::Forgotten => None,
        }
    }

    /// When it ends though nobody ends it, and how; the first of what may be.
    fn over_at(&self) -> Option<(Instant, EndReason)> {
        let after = |since: Option<Instant>, time, reason| since.map(|since| (since + time, reason));
        let ends = match &self.state {
            State::Ringing { missed_at, unheard_since, .. } => [
                Some((*missed_at, EndReason::Missed)),
                after(*unheard_since, GRACE_TIME, EndReason::Missed),
                after(self.caller.lost_at(), RING_GRACE, EndReason::Cancelled),
            ],
            State::Active { callee } => [
                after(self.caller.lost_at(), GRACE_TIME, EndReason::Lost),
                after(callee.lost_at(), GRACE_TIME, EndReason::Lost),
                None,
            ],
            State::Over { .. } | State::Forgotten => [None; 3],
        };
        ends.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.is_linked {
            self.lose_silent(now);
        }
        if let Some((at, reason)) = self.over_at()
            && at <= now
        {
            return self.end(reason, now, effects);
        }
        match &mut self.state {
            State::Ringing { devices, missed_at, again, .. } => {
                ring_again(devices, *missed_at, again, now, effects);
            }
            State::Over { forgotten_at, .. } if *forgotten_at <= now => self.state = State::Forgotten,
            State::Active { .. } | State::Over { .. } | State::Forgotten => {}
        }
    }

    /// Those that have not been heard for too long are gone since they were.
    fn lose_silent(&mut self, now: Instant) {
        self.caller.lose_if_silent(now);
        match &mut self.state {
            State::Ringing { devices, unheard_since, .. } => {
                let heard = |presence: &Presence| presence.is_none_or(|heard| heard + SILENCE_TIME > now);
                let last = devices.values().flatten().max().copied();
                devices.retain(|_, presence| heard(presence));
                if devices.is_empty() && unheard_since.is_none() {
                    *unheard_since = last.or(Some(now));
                }
            }
            State::Active { callee } => callee.lose_if_silent(now),
            State::Over { .. } | State::Forgotten => {}
        }
    }

    /// Ends it for everybody who knew of it.
    fn end(&mut self, reason: EndReason, now: Instant, effects: &mut Vec<Effect>) {
        effects.push(Effect::RecordEnd(reason));
        let tell = |to| Effect::TellEnded { to, reason };
        effects.push(tell(self.caller.device));
        let answered_by = match &self.state {
            State::Ringing { devices, .. } => {
                effects.extend(devices.keys().copied().map(tell));
                None
            }
            State::Active { callee } => {
                effects.push(tell(callee.device));
                Some(callee.device)
            }
            State::Over { answered_by, .. } => *answered_by,
            State::Forgotten => None,
        };
        self.state = State::Over { reason, answered_by, forgotten_at: now + REMEMBER_TIME };
    }
}

impl State {
    fn ringing(devices: impl IntoIterator<Item = ConnectionId>, rings_for: Duration, now: Instant) -> Self {
        let devices: BTreeMap<_, _> = devices.into_iter().map(|device| (device, None)).collect();
        let unheard_since = devices.is_empty().then_some(now);
        let again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
        let replaced = BTreeSet::new();
        Self::Ringing { devices, missed_at: now + rings_for, again, unheard_since, replaced }
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
