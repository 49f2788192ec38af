//! One call, from ring to outcome, as the instance decides it that runs the call: between two people, and as many more
//! as are invited while it goes on.
//!
//! Everybody has a way of their own through it: [rung](ringing), [in it](party), out of it. It is over once fewer than
//! two are left of those who talk and those who are rung.
//!
//! What it tells devices may be lost, and so may what they say. So those that take part [attend](Call::handle_attend):
//! their instance, which has a [`part`] for each, asks every few seconds. Who has not heard that the call is over for
//! them is told again, for as long as the call is remembered; who is silent for too long is gone.
//!
//! A device is a person's, and not a connection: for [`GRACE_TIME`] it may come [back](Call::handle_resume) by another
//! one. And a call is not an instance's either: what is recorded of it is enough for another to [take it
//! up](Call::take_up).

mod effect;
mod inviting;
mod leg;
pub mod part;
mod party;
mod recorded;
mod ringing;
mod transfer;

pub use effect::{CallError, Effect};
pub use leg::Invitation;
pub use recorded::{Recorded, RecordedParty, RecordedTransfer, Stage};
pub use transfer::{Destination, TRANSFER_TIME};

use common::{
    id::{ConnectionId, UserId},
    protocol::call::EndReason,
};
use leg::{Leg, State};
use party::Party;
use ringing::Ringing;
use std::time::{Duration, Instant};
use transfer::{NotTransferred, Transfer};

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

/// People who may ever be part of one call, whether they answer or not.
///
/// More lets larger groups be rung; each costs a lease and a row, and everybody is told of each.
pub const PARTIES_MAX: usize = 16;

/// When a device was heard last; `None` if it has never said that it attends.
type Presence = Option<Instant>;

/// One who is or was part of the call, as the others are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyView {
    /// Who.
    pub user: UserId,
    /// How they came to it.
    pub invitation: Invitation,
    /// How far they are.
    pub standing: PartyStanding,
}

/// How far somebody is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyStanding {
    /// Their devices ring.
    Ringing,
    /// They talk, on this device.
    In(ConnectionId),
    /// They are out of it.
    Out(EndReason),
}

/// One call. Owns no socket and reads no clock: inputs and time come in through
/// `handle_*`, everything to be done goes out through `effects`, in order.
///
/// The shell calls [`handle_deadline`](Self::handle_deadline) once
/// [`next_deadline`](Self::next_deadline) has passed.
#[derive(Debug)]
pub struct Call {
    /// In the order in which they came to it; the first one called. Never more than [`PARTIES_MAX`].
    legs: Vec<Leg>,
    /// Whether somebody has picked up, ever.
    is_answered: bool,
    /// Counts what those who are in it are told of each other, once they are more than two.
    revision: u64,
    /// To which room it is being handed over.
    transfer: Option<Transfer>,
    /// Of whom that has come to nothing a while ago.
    not_transferred: Vec<NotTransferred>,
    end: End,
    /// Whether other instances are within reach: if not, their silence means nothing.
    is_linked: bool,
}

#[derive(Debug)]
enum End {
    NotYet,
    Over { forgotten_at: Instant },
    Forgotten,
}

impl Call {
    /// A call that rings on `devices` from `now`.
    pub fn ring(
        caller: (UserId, ConnectionId),
        callee: UserId,
        devices: impl IntoIterator<Item = ConnectionId>,
        now: Instant,
    ) -> Self {
        let (user, device) = caller;
        let invitation = Invitation { by: user, is_transfer: false };
        let caller = Leg { user, invitation, state: State::In(Party::there(device, now)) };
        let ringing = Ringing::new(devices, RING_TIME, now);
        let callee = Leg { user: callee, invitation, state: State::Ringing(ringing) };
        Self {
            legs: vec![caller, callee],
            is_answered: false,
            revision: 0,
            transfer: None,
            not_transferred: Vec::new(),
            end: End::NotYet,
            is_linked: true,
        }
    }

    /// A call that another instance ran. Its devices have yet to be heard: each has its grace from now on, unless
    /// `is_there` says that it is connected.
    pub fn take_up(
        recorded: Recorded,
        is_there: impl Fn(ConnectionId) -> bool,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let Recorded { parties, is_answered, transfer, revision } = recorded;
        let mut legs = Vec::new();
        for RecordedParty { user, invitation, stage } in parties {
            let state = match stage {
                Stage::Ringing { rings_for, devices } => {
                    effects.extend(devices.iter().map(|&to| Effect::TellIncoming { to, rings_for }));
                    State::Ringing(Ringing::new(devices, rings_for, now))
                }
                Stage::In { device } => {
                    effects.push(Effect::TellRunner { to: device });
                    State::In(match is_there(device) {
                        true => Party::there(device, now),
                        false => Party::lost(device, now),
                    })
                }
                Stage::Out { reason, device } => State::Out { reason, device },
            };
            legs.push(Leg { user, invitation, state });
        }
        let transfer = transfer.map(|recorded| Transfer::take_up(recorded, &legs, now));
        let mut call = Self {
            legs,
            is_answered,
            revision,
            transfer,
            not_transferred: Vec::new(),
            end: End::NotYet,
            is_linked: true,
        };
        if call.is_deserted(None) {
            // It died between the last one's leaving and the call's end.
            let reason = if call.transfer.is_some() { EndReason::Transferred } else { EndReason::HungUp };
            call.end(None, reason, now, effects);
        }
        call.go_on_with_transfer(now, effects);
        call
    }

    /// Whether too few are left without that one. Who is yet to go to another room is enough: the one who handed the
    /// call over may have hung up.
    fn is_deserted(&self, without: Option<usize>) -> bool {
        let others = || self.legs.iter().enumerate().filter(move |(at, _)| Some(*at) != without);
        let talking = others().filter(|(_, leg)| leg.party().is_some()).count();
        let rung = others().filter(|(_, leg)| leg.ringing().is_some()).count();
        let is_awaited = others().any(|(_, leg)| self.is_to_go(leg));
        talking == 0 || (talking + rung < 2 && !is_awaited)
    }

    /// Whether nothing more can happen to it. Who asks is still told how it ended.
    pub const fn is_over(&self) -> bool {
        !matches!(self.end, End::NotYet)
    }

    /// Whether it is over for so long that nobody needs it any more.
    pub const fn is_forgotten(&self) -> bool {
        matches!(self.end, End::Forgotten)
    }

    /// The device on which the one who called is in it, or was.
    pub fn caller(&self) -> Option<ConnectionId> {
        self.legs.first().and_then(Leg::device)
    }

    /// The device of the first of the others who talk: of a call of two, the other side's.
    pub fn with(&self, user: UserId) -> Option<ConnectionId> {
        self.talking().find(|leg| leg.user != user).and_then(Leg::device)
    }

    /// Whether anybody has picked up.
    pub const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether it is a call of more than two, in which all are told who is part of it.
    pub const fn is_group(&self) -> bool {
        self.legs.len() > 2
    }

    /// Everybody who is or was part of it, in the order in which they came, and how often that has changed.
    pub fn parties(&self) -> (u64, Vec<PartyView>) {
        let standing = |leg: &Leg| match &leg.state {
            State::Ringing(_) => PartyStanding::Ringing,
            State::In(party) => PartyStanding::In(party.device),
            State::Out { reason, .. } => PartyStanding::Out(*reason),
        };
        let view =
            |leg: &Leg| PartyView { user: leg.user, invitation: leg.invitation, standing: standing(leg) };
        (self.revision, self.legs.iter().map(view).collect())
    }

    /// Those whose devices ring.
    pub fn rung(&self) -> impl Iterator<Item = UserId> {
        self.legs.iter().filter(|leg| leg.ringing().is_some() && !self.is_over()).map(|leg| leg.user)
    }

    /// Those who talk or are rung.
    pub fn people(&self) -> impl Iterator<Item = UserId> {
        let is_part = |leg: &&Leg| !matches!(leg.state, State::Out { .. });
        self.legs.iter().filter(is_part).map(|leg| leg.user)
    }

    /// How this user came to it, if they are part of it.
    pub fn invitation(&self, user: UserId) -> Option<Invitation> {
        self.leg(user).map(|leg| leg.invitation)
    }

    /// Whose device it is that rings.
    pub fn rung_on(&self, device: ConnectionId) -> Option<UserId> {
        let rings =
            |leg: &&Leg| leg.ringing().is_some_and(|ringing| ringing.devices().any(|one| one == device));
        self.legs.iter().find(rings).map(|leg| leg.user)
    }

    /// For how much longer it rings for this user; for one who is in it, for the others while none has picked up.
    pub fn rings_for(&self, user: UserId, now: Instant) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        if let Some(ringing) = self.leg(user).and_then(Leg::ringing) {
            return Some(ringing.rings_for(now));
        }
        let rings = self.legs.iter().filter_map(Leg::ringing).map(|ringing| ringing.rings_for(now));
        rings.max().filter(|_| !self.is_answered)
    }

    fn leg(&self, user: UserId) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.user == user)
    }

    fn talking(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| leg.party().is_some() && !self.is_over())
    }

    /// A device of an instance whose devices attend asks something: it is there.
    pub fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        self.legs.iter_mut().for_each(|leg| leg.handle_heard(device, now));
    }

    /// A device that was told of the call asks how it stands, which as far as it knows is `with` that device on the
    /// other side: what it has not heard is told again.
    ///
    /// # Errors
    /// [`CallError::Over`] if nobody knows any more; [`CallError::NotInvited`] if it is nobody's who is part of it.
    pub fn handle_attend(
        &mut self,
        user: UserId,
        device: ConnectionId,
        with: Option<ConnectionId>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_forgotten() {
            return Err(CallError::Over);
        }
        let leg = self.legs.iter_mut().find(|leg| leg.user == user).ok_or(CallError::NotInvited)?;
        let reason = match &mut leg.state {
            State::Ringing(ringing) if !ringing.is_replaced(device) => {
                ringing.attend(device, now);
                return Ok(());
            }
            State::In(party) if party.device == device => {
                self.tell_other_side(user, device, with, effects);
                self.tell_transferring(user, now, effects);
                self.tell_not_transferred_again(device, now, effects);
                return Ok(());
            }
            State::Out { reason, device: had } if had.is_none_or(|had| had == device) => *reason,
            State::Ringing(_) | State::In(_) | State::Out { .. } => EndReason::AnsweredElsewhere,
        };
        effects.push(Effect::TellEnded { to: device, reason });
        Ok(())
    }

    fn tell_other_side(
        &self,
        user: UserId,
        to: ConnectionId,
        with: Option<ConnectionId>,
        effects: &mut Vec<Effect>,
    ) {
        let is_caller = self.legs.first().is_some_and(|leg| leg.user == user);
        let Some(other) = self.talking().find(|leg| leg.user != user).and_then(Leg::party) else { return };
        if is_caller && with.is_none() {
            effects.push(Effect::TellAnswered { to, by: other.device });
        } else if !self.is_group() {
            effects.extend(other.tell_moved(to, with));
        }
    }

    /// A device has heard so much of who is part of the call: if that is not all, it is told.
    pub fn handle_heard_parties(&self, device: ConnectionId, revision: u64, effects: &mut Vec<Effect>) {
        if self.is_group() && revision < self.revision && self.talking().any(|leg| leg.is_in_on(device)) {
            effects.push(Effect::TellChanged { to: device });
        }
    }

    /// Whether other instances are within reach.
    pub fn set_linked(&mut self, is_linked: bool, now: Instant) {
        self.is_linked = is_linked;
        // They could not be heard, and have yet to find back.
        self.legs.iter_mut().for_each(|leg| leg.forgive(now));
    }

    /// A device picks up: any of those of somebody who is called, for it may have been rung by an instance that ran
    /// the call before.
    ///
    /// # Errors
    /// The device that lost the race is told why.
    pub fn handle_accept(
        &mut self,
        user: UserId,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let (is_first, caller) = (!self.is_answered, self.caller());
        let leg = self.legs.iter_mut().find(|leg| leg.user == user).ok_or(CallError::NotInvited)?;
        let ringing = match &leg.state {
            State::Ringing(ringing) if ringing.is_replaced(device) => return Err(CallError::NotInvited),
            State::Ringing(ringing) => ringing,
            State::In(_) if leg.invitation.by == user => return Err(CallError::NotInvited),
            // The answer to the first accept was lost, and the device asks again.
            State::In(party) if party.device == device => return Ok(()),
            State::In(party) => return Err(CallError::AlreadyTaken { by: party.device }),
            State::Out { .. } => return Err(CallError::Over),
        };
        effects.push(Effect::RecordAnswer { user, by: device });
        if let Some(to) = caller.filter(|_| is_first) {
            effects.push(Effect::TellAnswered { to, by: device });
        }
        let others = ringing.devices().filter(|other| *other != device);
        effects.extend(others.map(|to| Effect::TellEnded { to, reason: EndReason::AnsweredElsewhere }));
        leg.state = State::In(Party::picked_up(device, ringing.presence(device), now));
        let Invitation { by, is_transfer } = leg.invitation;
        self.is_answered = true;
        self.change(effects);
        self.await_too(user, now, effects);
        if is_transfer && let Some(at) = self.talking_at(|leg| leg.user == by) {
            self.take_out(at, EndReason::Transferred, now, effects);
        }
        Ok(())
    }

    fn talking_at(&self, fits: impl Fn(&Leg) -> bool) -> Option<usize> {
        self.legs.iter().position(|leg| leg.party().is_some() && fits(leg))
    }

    /// A device declines, on behalf of all of its user's devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_reject(
        &mut self,
        user: UserId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let at = self.legs.iter().position(|leg| leg.user == user).ok_or(CallError::NotInvited)?;
        match self.legs.get(at).map(|leg| &leg.state) {
            Some(State::Ringing(_)) => {
                self.take_out(at, EndReason::Rejected, now, effects);
                Ok(())
            }
            Some(State::In(_)) if self.is_answered => Err(CallError::WrongState),
            Some(State::In(_)) => Err(CallError::NotInvited),
            Some(State::Out { .. }) | None => Err(CallError::Over),
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
        match () {
            () if self.is_over() => Err(CallError::Over),
            () if self.is_answered => Err(CallError::WrongState),
            () if self.caller() == Some(device) => {
                self.end(None, EndReason::Cancelled, now, effects);
                Ok(())
            }
            () => Err(CallError::NotInvited),
        }
    }

    /// Somebody leaves the answered call: between two that is its end.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn handle_hang_up(
        &mut self,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        match self.talking_at(|leg| leg.is_in_on(device)) {
            _ if self.is_over() => Err(CallError::Over),
            _ if !self.is_answered => Err(CallError::WrongState),
            Some(at) => {
                // Who hangs up once they have handed the call over has done so, whatever comes of it.
                let reason =
                    if self.is_handed_over_by(at) { EndReason::Transferred } else { EndReason::HungUp };
                self.take_out(at, reason, now, effects);
                Ok(())
            }
            None => Err(CallError::NotInvited),
        }
    }

    /// A device of somebody who is called connects: it rings for the rest of the time, if the call still does.
    ///
    /// # Errors
    /// [`CallError::Over`], [`CallError::AlreadyTaken`].
    pub fn handle_connected(
        &mut self,
        user: UserId,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let leg = self.legs.iter_mut().find(|leg| leg.user == user).ok_or(CallError::NotInvited)?;
        match &mut leg.state {
            State::Ringing(ringing) => {
                effects.extend(ringing.connect(device, now));
                Ok(())
            }
            State::In(party) => Err(CallError::AlreadyTaken { by: party.device }),
            State::Out { .. } => Err(CallError::Over),
        }
    }

    /// A person goes on by another connection, `device`, than the one that was part of the call, `from`; which is out
    /// of it from now on, whether it is still there or not.
    ///
    /// While it rings, any of their devices may say so. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`CallError::Over`]; [`CallError::NotInvited`] and [`CallError::AlreadyTaken`] if it is another device that the
    /// person has the call on.
    pub fn handle_resume(
        &mut self,
        user: UserId,
        from: ConnectionId,
        device: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CallError> {
        if self.is_over() {
            return Err(CallError::Over);
        }
        let leg = self.legs.iter_mut().find(|leg| leg.user == user).ok_or(CallError::Over)?;
        let is_caller = leg.invitation.by == user;
        match &mut leg.state {
            State::Out { .. } => return Err(CallError::Over),
            State::Ringing(ringing) => {
                effects.extend(ringing.replace(from, device, now));
                return Ok(());
            }
            State::In(party) if party.device == device => {
                party.handle_heard(device, now);
                return Ok(());
            }
            State::In(party) if party.device != from && is_caller => return Err(CallError::NotInvited),
            State::In(party) if party.device != from => {
                return Err(CallError::AlreadyTaken { by: party.device });
            }
            State::In(party) => party.move_to(device, now),
        }
        effects.push(Effect::RecordDevice { user, device });
        effects.push(Effect::TellEnded { to: from, reason: EndReason::AnsweredElsewhere });
        let others = self.talking().filter(|leg| leg.user != user).filter_map(Leg::device);
        effects.extend(others.map(|to| Effect::TellResumed { to, from, by: device }));
        self.change(effects);
        self.tell_transferring(user, now, effects);
        Ok(())
    }

    /// A device's connection is gone.
    pub fn handle_gone(&mut self, device: ConnectionId, now: Instant) {
        self.legs.iter_mut().for_each(|leg| leg.handle_gone(device, now));
    }

    /// When the call next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.end {
            End::NotYet => {}
            End::Over { forgotten_at } => return Some(forgotten_at),
            End::Forgotten => return None,
        }
        let silent = self.legs.iter().filter_map(Leg::silent_at).filter(|_| self.is_linked);
        let again = self.legs.iter().filter_map(Leg::ringing).filter_map(Ringing::again_at);
        let transferred = self.transfer.as_ref().map(|transfer| transfer.until);
        silent.chain(again).chain(transferred).chain(self.next_out().map(|(at, ..)| at)).min()
    }

    /// Who is out of it next though nobody says so, and how.
    fn next_out(&self) -> Option<(Instant, usize, EndReason)> {
        let out = self.legs.iter().enumerate();
        let out = out.filter_map(|(at, leg)| leg.out_at(self.is_answered).map(|(when, why)| (when, at, why)));
        // Of what is due at once, that which nobody can help any more: it was missed.
        out.min_by_key(|(when, _, why)| (*when, *why != EndReason::Missed))
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if matches!(self.end, End::Over { .. }) {
            self.end = End::Forgotten;
            return;
        }
        if self.is_linked {
            self.legs.iter_mut().for_each(|leg| leg.lose_silent(now));
        }
        self.time_transfer_out(now, effects);
        if self.is_over() {
            return;
        }
        while let Some((when, at, why)) = self.next_out()
            && when <= now
        {
            self.take_out(at, why, now, effects);
            if self.is_over() {
                return;
            }
        }
        for leg in &mut self.legs {
            if let State::Ringing(ringing) = &mut leg.state {
                ringing.ring_again(now, effects);
            }
        }
    }

    /// Somebody is out of it, and with them it is over unless two are left of whom one talks.
    fn take_out(&mut self, at: usize, reason: EndReason, now: Instant, effects: &mut Vec<Effect>) {
        if self.is_deserted(Some(at)) {
            return self.end(Some(at), reason, now, effects);
        }
        let Some(leg) = self.legs.get_mut(at) else { return };
        let user = leg.user;
        effects.push(Effect::RecordOut { user, reason });
        leg.take_out(reason, effects);
        self.change(effects);
        self.await_no_more(user, effects);
    }

    /// Those who talk are told what has changed, where they are told of each other.
    fn change(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_group() || self.is_over() {
            return;
        }
        self.revision = self.revision.saturating_add(1);
        let told = self.talking().filter_map(Leg::device).map(|to| Effect::TellChanged { to });
        effects.extend(told);
    }

    /// Ends it for everybody who knew of it. What was answered was not missed, whoever was still rung; `last` is who
    /// was out of it before there were too few.
    fn end(&mut self, last: Option<usize>, reason: EndReason, now: Instant, effects: &mut Vec<Effect>) {
        let is_of_all = match reason {
            EndReason::Lost => true,
            EndReason::Transferred => self.transfer.is_some() && self.is_left_to_who_hands_it_over(last),
            EndReason::HungUp
            | EndReason::Rejected
            | EndReason::Cancelled
            | EndReason::Missed
            | EndReason::Busy
            | EndReason::AnsweredElsewhere => !self.is_answered,
        };
        let of_all = if is_of_all { reason } else { EndReason::HungUp };
        if let Some(leg) = last.and_then(|at| self.legs.get(at)).filter(|_| reason != of_all) {
            effects.push(Effect::RecordOut { user: leg.user, reason });
        }
        effects.push(Effect::RecordEnd(of_all));
        for (at, leg) in self.legs.iter_mut().enumerate() {
            leg.take_out(if last == Some(at) { reason } else { of_all }, effects);
        }
        self.end = End::Over { forgotten_at: now + REMEMBER_TIME };
    }
}

#[cfg(test)]
mod tests;
