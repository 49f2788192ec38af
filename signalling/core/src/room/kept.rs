//! What is said in rooms that keep it for a while at most.
//!
//! In a recent room numbers belong to an epoch of its history. As long as that is the same, a gap is read from the history
//! like one of messages from the store. When it is another, or what is missing is not kept any more, nobody here has
//! everything: they are told to read anew, and go on from where the history is.

use super::{Audience, Effect, Reader, Refused, Room};
use crate::sequence::Arrival;
use common::{
    id::{ConnectionId, RoomId},
    protocol::{
        Event,
        connection::{Reload, Sequence as Reloaded},
        room::{KeptEvent, Published, RoomClass},
    },
    subject::hub::RoomNews,
};
use std::time::Instant;

/// The history of a recent room as it was read: everything after the place that was asked for, if it is all there, else
/// all that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// The history's epoch.
    pub epoch: String,
    /// The number of the latest event.
    pub seq: u64,
    /// Without a gap up to that.
    pub events: Vec<KeptEvent>,
}

impl Recalled {
    /// Whether it has everything that came after number `after` of this epoch.
    pub fn continues(&self, epoch: Option<&str>, after: u64) -> bool {
        let first = self.events.first().map_or(self.seq.saturating_add(1), |event| event.seq);
        epoch == Some(&self.epoch) && Some(first) == after.checked_add(1)
    }
}

impl<R: Reader> Room<R> {
    /// A room of a class that this instance has just begun to listen to.
    pub fn of_class(id: RoomId, class: RoomClass, now: Instant) -> Self {
        Self { class, ..Self::new(id, now) }
    }

    /// What the room keeps.
    pub const fn class(&self) -> RoomClass {
        self.class
    }

    /// The epoch of a recent room's history that those here are told of; `None` while it is not known.
    pub fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// The number that those here have been told up to.
    pub const fn seq(&self) -> Option<u64> {
        self.sequence.position()
    }

    /// Somebody wants in who has read this epoch of the room's history; `None` if it could not be read.
    ///
    /// # Errors
    /// [`Refused::Behind`] if those here go by another: either may be the newer one, so both read again.
    pub fn agree(&mut self, epoch: Option<&str>, effects: &mut Vec<Effect>) -> Result<(), Refused> {
        match (epoch, &self.epoch) {
            (Some(read), None) if self.sequence.position().is_none() => self.epoch = Some(read.into()),
            (Some(read), Some(known)) if *read == **known => {}
            // Whoever cannot be told what they have missed goes by no epoch, nor do the others: once the history can be
            // read, all of them read anew.
            (None, Some(_)) => {
                self.epoch = None;
                self.miss(effects);
            }
            (None, None) => {}
            (Some(_), _) => {
                self.miss(effects);
                return Err(Refused::Behind);
            }
        }
        Ok(())
    }

    /// Somebody here says something that is kept nowhere.
    pub fn publish(&mut self, event: Published, by: ConnectionId, effects: &mut Vec<Effect>) {
        let Published { name, data, from, .. } = &event;
        let news = RoomNews::Event { name: name.clone(), data: data.clone(), from: from.clone() };
        effects.push(Effect::Tell { audience: Audience::Except(by), event: Event::RoomEvent(event) });
        effects.push(Effect::Publish(news));
    }

    /// What somebody here said is kept.
    pub fn keep(&mut self, epoch: String, event: KeptEvent, effects: &mut Vec<Effect>) {
        self.arrive_kept(&epoch, event.clone(), effects);
        effects.push(Effect::Publish(RoomNews::Kept { epoch, event }));
    }

    /// What somebody here said may be kept or not.
    pub fn handle_unkept(&mut self, effects: &mut Vec<Effect>) {
        self.miss(effects);
    }

    /// The answer to [`Effect::Read`] in a recent room, which asked for what came after number `after` of `epoch`.
    pub fn handle_history(
        &mut self,
        epoch: Option<&str>,
        after: u64,
        read: Recalled,
        effects: &mut Vec<Effect>,
    ) {
        let again = self.end_reading();
        if self.epoch.as_deref() == epoch && read.continues(epoch, after) {
            for event in read.events {
                self.arrive_kept(&read.epoch, event, effects);
            }
        } else {
            self.begin_anew(read.epoch, read.seq, effects);
        }
        if again {
            self.miss(effects);
        }
    }

    pub(super) fn arrive_kept(&mut self, epoch: &str, event: KeptEvent, effects: &mut Vec<Effect>) {
        if self.epoch.as_deref() != Some(epoch) {
            return self.miss(effects);
        }
        match self.sequence.arrive(event.seq) {
            Arrival::Next => {
                let KeptEvent { seq, name, data, from } = event;
                let (epoch, room_id) = (Some(epoch.to_owned()), self.id);
                let event = Published { room_id, name, data, from: Some(from), seq: Some(seq), epoch };
                effects
                    .push(Effect::Tell { audience: Audience::Behind(seq), event: Event::RoomEvent(event) });
            }
            Arrival::Duplicate | Arrival::Early => {}
            Arrival::Gap => self.miss(effects),
        }
    }

    /// Those here do not have everything up to this number, and go on from it.
    fn begin_anew(&mut self, epoch: String, seq: u64, effects: &mut Vec<Effect>) {
        self.epoch = Some(epoch.into());
        self.sequence.begin_anew(seq);
        let event = Event::ConnectionReload(Reload { sequence: Reloaded::Room { room_id: self.id } });
        effects.push(Effect::Tell { audience: Audience::Everybody, event });
    }
}

#[cfg(test)]
mod tests;
