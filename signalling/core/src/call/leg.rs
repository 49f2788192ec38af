//! One person's way through a call: rung, in it, out of it.

use super::{Effect, GRACE_TIME, RING_GRACE, party::Party, ringing::Ringing};
use common::{
    id::{ConnectionId, UserId},
    protocol::call::EndReason,
};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) user: UserId,
    pub(super) invitation: Invitation,
    pub(super) state: State,
}

/// How somebody comes to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// Who rang them; of the caller, the caller.
    pub by: UserId,
    /// Whether that one hands the call over, and is out of it once this one is in.
    pub is_transfer: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Ringing(Ringing),
    In(Party),
    Out {
        reason: EndReason,
        /// On which they were in it last.
        device: Option<ConnectionId>,
    },
}

impl Leg {
    pub(super) const fn party(&self) -> Option<&Party> {
        match &self.state {
            State::In(party) => Some(party),
            State::Ringing(_) | State::Out { .. } => None,
        }
    }

    pub(super) const fn ringing(&self) -> Option<&Ringing> {
        match &self.state {
            State::Ringing(ringing) => Some(ringing),
            State::In(_) | State::Out { .. } => None,
        }
    }

    /// The device that they have it on, or had.
    pub(super) const fn device(&self) -> Option<ConnectionId> {
        match &self.state {
            State::In(party) => Some(party.device),
            State::Out { device, .. } => *device,
            State::Ringing(_) => None,
        }
    }

    pub(super) fn is_in_on(&self, device: ConnectionId) -> bool {
        self.party().is_some_and(|party| party.device == device)
    }

    pub(super) fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        match &mut self.state {
            State::Ringing(ringing) => ringing.handle_heard(device, now),
            State::In(party) => party.handle_heard(device, now),
            State::Out { .. } => {}
        }
    }

    pub(super) fn handle_gone(&mut self, device: ConnectionId, now: Instant) {
        match &mut self.state {
            State::Ringing(ringing) => ringing.handle_gone(device, now),
            State::In(party) => party.handle_gone(device, now),
            State::Out { .. } => {}
        }
    }

    pub(super) fn forgive(&mut self, now: Instant) {
        match &mut self.state {
            State::Ringing(ringing) => ringing.forgive(now),
            State::In(party) => party.forgive(now),
            State::Out { .. } => {}
        }
    }

    pub(super) fn lose_silent(&mut self, now: Instant) {
        match &mut self.state {
            State::Ringing(ringing) => ringing.lose_silent(now),
            State::In(party) => party.lose_if_silent(now),
            State::Out { .. } => {}
        }
    }

    pub(super) fn silent_at(&self) -> Option<Instant> {
        match &self.state {
            State::Ringing(ringing) => ringing.silent_at(),
            State::In(party) => party.silent_at(),
            State::Out { .. } => None,
        }
    }

    /// When they are out of it though nobody says so, and how. Whoever calls and is away is waited for less long
    /// while nobody has answered.
    pub(super) fn out_at(&self, is_answered: bool) -> Option<(Instant, EndReason)> {
        match &self.state {
            State::Ringing(ringing) => Some((ringing.missed_at(), EndReason::Missed)),
            State::In(party) if is_answered => party.lost_at().map(|at| (at + GRACE_TIME, EndReason::Lost)),
            State::In(party) => party.lost_at().map(|at| (at + RING_GRACE, EndReason::Cancelled)),
            State::Out { .. } => None,
        }
    }

    /// They are out of it: their devices are told. One that still rang when the others stopped talking was not missed.
    pub(super) fn take_out(&mut self, reason: EndReason, effects: &mut Vec<Effect>) {
        let reason = match (&self.state, reason) {
            (State::Ringing(_), EndReason::HungUp | EndReason::Lost | EndReason::Transferred) => {
                EndReason::Cancelled
            }
            (State::Ringing(_) | State::In(_) | State::Out { .. }, reason) => reason,
        };
        let tell = |to| Effect::TellEnded { to, reason };
        match &self.state {
            State::Ringing(ringing) => effects.extend(ringing.devices().map(tell)),
            State::In(party) => effects.push(tell(party.device)),
            State::Out { .. } => return,
        }
        self.state = State::Out { reason, device: self.device() };
    }
}
