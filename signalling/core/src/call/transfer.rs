//! Handing a call over to another room, where others are in a media session already.
//!
//! As RFC 5589, section 6, has it of SIP: those who are to go are told where to, each goes and says what came of it,
//! and nobody is let go of before that, also where the one who hands the call over has hung up meanwhile. Who could not
//! go there is still in the call, as long as there is somebody else in it.

use super::{Call, CallError, Effect, GRACE_TIME, leg::Leg, recorded::RecordedTransfer};
use common::{
    id::{ConnectionId, RoomId, UserId},
    protocol::call::EndReason,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long those who are to go to another room have to say that they are there.
///
/// Longer forgives slower devices and networks; shorter tells the one who hands the call over sooner that nothing comes
/// of it.
pub const TRANSFER_TIME: Duration = Duration::from_secs(20);

/// A room to which a call is handed over, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// Who hands it over, and does not go there.
    pub by: UserId,
    /// Where the others are to go.
    pub room: RoomId,
}

#[derive(Debug)]
pub(super) struct Transfer {
    destination: Destination,
    /// Who has yet to say what came of it.
    awaited: BTreeSet<UserId>,
    pub(super) until: Instant,
}

impl Transfer {
    /// Of a call of those `legs`.
    pub(super) fn new(destination: Destination, legs: &[Leg], now: Instant) -> Self {
        let talking = legs.iter().filter(|leg| leg.party().is_some()).map(|leg| leg.user);
        let awaited = talking.filter(|user| *user != destination.by).collect();
        Self { destination, awaited, until: now + TRANSFER_TIME }
    }

    /// Of a call of those `legs` that another instance ran: who has said what came of it is not asked again, and nobody
    /// has more time than they were told.
    pub(super) fn take_up(recorded: RecordedTransfer, legs: &[Leg], now: Instant) -> Self {
        let RecordedTransfer { destination, awaited, time } = recorded;
        let among_all = Self::new(destination, legs, now);
        let awaited = among_all.awaited.intersection(&awaited).copied().collect();
        Self { destination, awaited, until: now + time.min(TRANSFER_TIME) }
    }

    fn recorded(&self, now: Instant) -> RecordedTransfer {
        let Self { destination, awaited, until } = self;
        let (awaited, time) = (awaited.clone(), until.saturating_duration_since(now));
        RecordedTransfer { destination: *destination, awaited, time }
    }
}

/// Somebody who has not gone to another room. The device that hands the call over may be between two connections when
/// it is told so: one that comes back is told again.
#[derive(Debug)]
pub(super) struct NotTransferred {
    destination: Destination,
    user: UserId,
    /// The device that was told.
    told: Option<ConnectionId>,
    /// Until when: as long as a device may be out of reach.
    until: Instant,
}

impl Call {
    /// Whether the one who talks on a device may hand the call over to a room: who would have to go there. Nobody if
    /// that is under way already.
    ///
    /// # Errors
    /// [`CallError::WrongState`] if nobody else talks, or the call is being handed over otherwise, to a room or to a
    /// person; [`CallError::NotInvited`] if the device is nobody's who talks.
    pub fn may_transfer(&self, device: ConnectionId, room: RoomId) -> Result<BTreeSet<UserId>, CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let by = self.talking().find(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?.user;
        match &self.transfer {
            Some(transfer) if transfer.destination == (Destination { by, room }) => {
                return Ok(BTreeSet::new());
            }
            Some(_) => return Err(CallError::WrongState),
            None => {}
        }
        let is_handed_over =
            self.legs.iter().any(|leg| leg.ringing().is_some() && leg.invitation.is_transfer);
        let others: BTreeSet<UserId> =
            self.talking().map(|leg| leg.user).filter(|user| *user != by).collect();
        if is_handed_over || others.is_empty() {
            return Err(CallError::WrongState);
        }
        Ok(others)
    }

    /// The one who talks on a device hands the call over to a room: all others who talk are told to go there. Asking
    /// again changes nothing.
    ///
    /// # Errors
    /// As of [`may_transfer`](Self::may_transfer).
    pub fn handle_transfer(
        &mut self,
        device: ConnectionId,
        room: RoomId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.may_transfer(device, room)?.is_empty() {
            return Ok(());
        }
        let by = self.talking().find(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?.user;
        let destination = Destination { by, room };
        let transfer = self.transfer.insert(Transfer::new(destination, &self.legs, now));
        effects.push(Effect::RecordTransfer(Some(transfer.recorded(now))));
        self.not_transferred.clear();
        self.go_on_with_transfer(now, effects);
        Ok(())
    }

    /// Those who are to go are told where to.
    pub(super) fn go_on_with_transfer(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.end_transfer_unless_awaited(effects);
        let awaited = self.transfer.iter().flat_map(|transfer| transfer.awaited.iter().copied());
        awaited.for_each(|user| self.tell_transferring(user, now, effects));
    }

    /// One is told, if they have yet to say what came of it.
    pub(super) fn tell_transferring(&self, user: UserId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(transfer) = self.transfer.as_ref().filter(|transfer| transfer.awaited.contains(&user))
        else {
            return;
        };
        let (destination, time) = (transfer.destination, transfer.until.saturating_duration_since(now));
        let told = self.talking().find(|leg| leg.user == user).and_then(Leg::device);
        effects.extend(told.map(|to| Effect::TellTransferring { to, destination, time }));
    }

    /// Whether it is this leg's user who hands the call over to a room.
    pub(super) fn is_handed_over_by(&self, at: usize) -> bool {
        let by = self.transfer.as_ref().map(|transfer| transfer.destination.by);
        by.is_some() && by == self.legs.get(at).map(|leg| leg.user)
    }

    /// Whether this leg's user has yet to say what came of going.
    pub(super) fn is_to_go(&self, leg: &Leg) -> bool {
        let is_awaited = self.transfer.as_ref().is_some_and(|transfer| transfer.awaited.contains(&leg.user));
        is_awaited && leg.party().is_some()
    }

    /// Somebody has picked up: they are to go where the others go.
    pub(super) fn await_too(&mut self, user: UserId, now: Instant, effects: &mut Vec<Effect>) {
        if let Some(transfer) = &mut self.transfer
            && transfer.destination.by != user
        {
            transfer.awaited.insert(user);
            effects.push(Effect::RecordTransfer(Some(transfer.recorded(now))));
            self.tell_transferring(user, now, effects);
        }
    }

    /// Whether nobody is part of it any more, besides `last`, but the one who hands it over.
    pub(super) fn is_left_to_who_hands_it_over(&self, last: Option<usize>) -> bool {
        let is_part = |leg: &Leg| leg.party().is_some() || leg.ringing().is_some();
        let mut others = self.legs.iter().enumerate().filter(|(at, leg)| Some(*at) != last && is_part(leg));
        others.all(|(at, _)| self.is_handed_over_by(at))
    }

    /// Somebody who was to go to a room says whether they are there. Those who are, are out of the call; the others are
    /// in it still.
    ///
    /// # Errors
    /// [`CallError::WrongState`] if nobody waits for that, or not any more.
    pub fn handle_transfer_answered(
        &mut self,
        device: ConnectionId,
        (room, is_there): (RoomId, bool),
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let at = self.talking_at(|leg| leg.is_in_on(device)).ok_or(CallError::NotInvited)?;
        let user = self.legs.get(at).map(|leg| leg.user).ok_or(CallError::NotInvited)?;
        let transfer = self.transfer.as_mut().filter(|transfer| transfer.destination.room == room);
        let transfer = transfer.filter(|transfer| transfer.awaited.contains(&user));
        let transfer = transfer.ok_or(CallError::WrongState)?;
        transfer.awaited.remove(&user);
        if is_there {
            self.take_out(at, EndReason::Transferred, now, effects);
        } else {
            // Of the last one the end of it is recorded.
            let is_awaited = !transfer.awaited.is_empty();
            effects.extend(is_awaited.then(|| Effect::RecordTransfer(Some(transfer.recorded(now)))));
            self.tell_not_transferred(user, now, effects);
        }
        self.end_transfer_unless_awaited(effects);
        self.end_if_deserted(now, effects);
        Ok(())
    }

    /// Somebody is out of the call: nobody waits for them.
    pub(super) fn await_no_more(&mut self, user: UserId, effects: &mut Vec<Effect>) {
        if let Some(transfer) = &mut self.transfer {
            transfer.awaited.remove(&user);
            self.end_transfer_unless_awaited(effects);
        }
    }

    /// They have had the time.
    pub(super) fn time_transfer_out(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.until <= now) else { return };
        for user in std::mem::take(&mut transfer.awaited) {
            self.tell_not_transferred(user, now, effects);
        }
        self.end_transfer_unless_awaited(effects);
        self.end_if_deserted(now, effects);
    }

    /// Who has not gone may be alone: the one who handed it over has hung up.
    fn end_if_deserted(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if !self.is_over() && self.is_deserted(None) {
            self.end(None, EndReason::HungUp, now, effects);
        }
    }

    fn tell_not_transferred(&mut self, user: UserId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(destination) = self.transfer.as_ref().map(|transfer| transfer.destination) else { return };
        let Destination { by, room } = destination;
        let told = self.talking().find(|leg| leg.user == by).and_then(Leg::device);
        effects.extend(told.map(|to| Effect::TellTransferFailed { to, room, user }));
        self.not_transferred.push(NotTransferred { destination, user, told, until: now + GRACE_TIME });
    }

    /// The one who talks on a device is told who has not gone, if it was not this device that was told.
    pub(super) fn tell_not_transferred_again(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.not_transferred.retain(|failed| failed.until > now);
        let talking: BTreeSet<UserId> = self.talking().map(|leg| leg.user).collect();
        let by = self.talking().find(|leg| leg.is_in_on(device)).map(|leg| leg.user);
        for failed in &mut self.not_transferred {
            let Destination { by: theirs, room } = failed.destination;
            if by == Some(theirs) && talking.contains(&failed.user) && failed.told != Some(device) {
                failed.told = Some(device);
                effects.push(Effect::TellTransferFailed { to: device, room, user: failed.user });
            }
        }
    }

    fn end_transfer_unless_awaited(&mut self, effects: &mut Vec<Effect>) {
        if self.transfer.take_if(|transfer| transfer.awaited.is_empty()).is_some() && !self.is_over() {
            effects.push(Effect::RecordTransfer(None));
        }
    }
}
