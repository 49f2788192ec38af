//! Ringing one more person into a call, and not ringing them any more.

use super::{
    Call, CallError, Effect, Invitation, PARTIES_MAX, RING_TIME,
    leg::{Leg, State},
    ringing::Ringing,
};
use common::{
    id::{ConnectionId, UserId},
    protocol::call::EndReason,
};
use std::time::Instant;

impl Call {
    /// Whether the one who talks on a device may ring `user` into the call: true if that is to be done, false if they
    /// ring already for the same reason.
    ///
    /// # Errors
    /// [`CallError::WrongState`] if they are in it, or are rung for another reason; for a transfer also if nobody has
    /// picked up yet, or the call is being handed over to a room; [`CallError::Full`]; [`CallError::NotInvited`] if the device is nobody's who talks.
    pub fn may_invite(
        &self,
        device: ConnectionId,
        user: UserId,
        is_transfer: bool,
    ) -> Result<bool, CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let by = self.talking().find(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?.user;
        if is_transfer && (!self.is_answered || self.transfer.is_some()) {
            return Err(CallError::WrongState);
        }
        match self.leg(user) {
            None if self.legs.len() >= PARTIES_MAX => Err(CallError::Full),
            None => Ok(true),
            Some(leg) => match &leg.state {
                State::Out { .. } => Ok(true),
                State::Ringing(_) if leg.invitation == (Invitation { by, is_transfer }) => Ok(false),
                State::Ringing(_) | State::In(_) => Err(CallError::WrongState),
            },
        }
    }

    /// Rings one more person, on behalf of the one who talks on `device`; with `is_transfer`, in whose place they come.
    ///
    /// # Errors
    /// As of [`may_invite`](Self::may_invite).
    pub fn handle_invite(
        &mut self,
        device: ConnectionId,
        (user, is_transfer): (UserId, bool),
        devices: impl IntoIterator<Item = ConnectionId>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let Some(invitation) = self.invitation_of(device, user, is_transfer)? else { return Ok(()) };
        let ringing = Ringing::new(devices, RING_TIME, now);
        effects.push(Effect::RecordInvited { user, invitation });
        let tell = |to| Effect::TellIncoming { to, rings_for: RING_TIME };
        effects.extend(ringing.devices().map(tell));
        self.place(Leg { user, invitation, state: State::Ringing(ringing) });
        self.change(effects);
        Ok(())
    }

    /// The one whom somebody wanted to ring into the call is in another: all are told so.
    ///
    /// # Errors
    /// As of [`may_invite`](Self::may_invite).
    pub fn handle_busy(
        &mut self,
        device: ConnectionId,
        (user, is_transfer): (UserId, bool),
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        let Some(invitation) = self.invitation_of(device, user, is_transfer)? else { return Ok(()) };
        let reason = EndReason::Busy;
        effects.push(Effect::RecordInvited { user, invitation });
        effects.push(Effect::RecordOut { user, reason });
        self.place(Leg { user, invitation, state: State::Out { reason, device: None } });
        self.change(effects);
        Ok(())
    }

    /// Rings one person no more, on behalf of the one who rang them or who called, and talks on `device`. For others it
    /// goes on ringing.
    ///
    /// # Errors
    /// [`CallError::WrongState`] if they do not ring; [`CallError::NotTheirs`] if it is not for this device's user to say;
    /// [`CallError::NotInvited`] if it is nobody's who talks.
    pub fn handle_withdraw(
        &mut self,
        device: ConnectionId,
        user: UserId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let by = self.talking().find(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?.user;
        let is_owner = self.legs.first().is_some_and(|leg| leg.user == by);
        let mut rung = self.legs.iter().enumerate().filter(|(_, leg)| leg.ringing().is_some());
        let (at, leg) = rung.find(|(_, leg)| leg.user == user).ok_or(CallError::WrongState)?;
        if !is_owner && leg.invitation.by != by {
            return Err(CallError::NotTheirs);
        }
        self.take_out(at, EndReason::Cancelled, now, effects);
        Ok(())
    }

    /// How the one who talks on a device rings `user` into the call; `None` if they ring already for the same reason.
    fn invitation_of(
        &self,
        device: ConnectionId,
        user: UserId,
        is_transfer: bool,
    ) -> Result<Option<Invitation>, CallError> {
        if !self.may_invite(device, user, is_transfer)? {
            return Ok(None);
        }
        let by = self.talking().find(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?.user;
        Ok(Some(Invitation { by, is_transfer }))
    }

    /// In the place of the same person's, if they were part of it before.
    fn place(&mut self, leg: Leg) {
        match self.legs.iter_mut().find(|known| known.user == leg.user) {
            Some(known) => *known = leg,
            None => self.legs.push(leg),
        }
    }
}
