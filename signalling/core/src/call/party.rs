//! A side of a call and the device that it talks on, which may be out of reach for a while.

use super::{Effect, Presence, SILENCE_TIME};
use common::id::ConnectionId;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Party {
    pub(super) device: ConnectionId,
    /// By which it was in the call before, if it has moved.
    former: Option<ConnectionId>,
    state: Reach,
}

#[derive(Debug)]
enum Reach {
    /// When it was heard last, if it says that it attends.
    There(Presence),
    /// Its connection is gone, or silent.
    Lost { since: Instant },
}

impl Party {
    /// A device that was heard a moment ago, and will be.
    pub(super) const fn there(device: ConnectionId, now: Instant) -> Self {
        Self { device, former: None, state: Reach::There(Some(now)) }
    }

    /// A device that has yet to come back.
    pub(super) const fn lost(device: ConnectionId, since: Instant) -> Self {
        Self { device, former: None, state: Reach::Lost { since } }
    }

    /// A device that has picked up a moment ago, with when it was heard before that, if it attends.
    pub(super) fn picked_up(device: ConnectionId, presence: Presence, now: Instant) -> Self {
        Self { device, former: None, state: Reach::There(presence.map(|_| now)) }
    }

    /// The person goes on by this device.
    pub(super) const fn move_to(&mut self, device: ConnectionId, now: Instant) {
        *self = Self { device, former: Some(self.device), state: Reach::There(Some(now)) };
    }

    /// What the other side is told, if it may not have heard on which device this one is.
    pub(super) fn tell_moved(&self, to: ConnectionId, with: Option<ConnectionId>) -> Option<Effect> {
        let from = with.or(self.former).filter(|_| with != Some(self.device))?;
        Some(Effect::TellResumed { to, from, by: self.device })
    }

    pub(super) fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        if self.device == device {
            self.state = Reach::There(Some(now));
        }
    }

    pub(super) fn handle_gone(&mut self, device: ConnectionId, now: Instant) {
        if self.device == device && self.lost_at().is_none() {
            self.state = Reach::Lost { since: now };
        }
    }

    /// Its silence until now means nothing.
    pub(super) const fn forgive(&mut self, now: Instant) {
        if let Reach::There(Some(heard)) = &mut self.state {
            *heard = now;
        }
    }

    /// It is gone since it was heard last, if that is too long ago.
    pub(super) fn lose_if_silent(&mut self, now: Instant) {
        if let Reach::There(Some(heard)) = self.state
            && heard + SILENCE_TIME <= now
        {
            self.state = Reach::Lost { since: heard };
        }
    }

    /// When it counts as gone unless it is heard.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        match self.state {
            Reach::There(presence) => presence.map(|heard| heard + SILENCE_TIME),
            Reach::Lost { .. } => None,
        }
    }

    pub(super) const fn lost_at(&self) -> Option<Instant> {
        match self.state {
            Reach::There(_) => None,
            Reach::Lost { since } => Some(since),
        }
    }
}
