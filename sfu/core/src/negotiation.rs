//! What was agreed with each participant, and by when its answers are due.

pub(crate) mod offering;

use crate::{id::ParticipantId, schedule::Schedule};
use offering::Offering;
use slotmap::SecondaryMap;
use std::time::Instant;

/// What was agreed with one participant.
pub(crate) struct Negotiation {
    /// Counts our answers to what it offers.
    pub(crate) answers: u64,
    /// What it is offered.
    pub(crate) offering: Offering,
}

/// What was agreed with everybody.
#[derive(Default)]
pub(crate) struct Negotiations {
    of: SecondaryMap<ParticipantId, Negotiation>,
    /// When the offers that are not answered expire.
    deadlines: Schedule<ParticipantId>,
}

impl Negotiations {
    /// A stay begins. The SSRCs of what is offered are counted up from `ssrc`.
    pub(crate) fn begin(&mut self, id: ParticipantId, ssrc: u32) {
        self.of.insert(id, Negotiation { answers: 0, offering: Offering::new(ssrc) });
    }

    /// A stay ends.
    pub(crate) fn end(&mut self, id: ParticipantId) {
        self.of.remove(id);
        self.deadlines.remove(id);
    }

    pub(crate) fn offering(&self, id: ParticipantId) -> Option<&Offering> {
        self.of.get(id).map(|negotiation| &negotiation.offering)
    }

    pub(crate) fn offering_mut(&mut self, id: ParticipantId) -> Option<&mut Offering> {
        self.of.get_mut(id).map(|negotiation| &mut negotiation.offering)
    }

    /// The number of our next answer.
    pub(crate) fn next_answer(&mut self, id: ParticipantId) -> u64 {
        let Some(negotiation) = self.of.get_mut(id) else { return 0 };
        negotiation.answers = negotiation.answers.saturating_add(1);
        negotiation.answers
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// An offer was made, to be answered until then.
    pub(crate) fn await_answer(&mut self, id: ParticipantId, until: Instant) {
        self.deadlines.set(id, until);
    }

    /// What was offered is answered.
    pub(crate) fn note_answer(&mut self, id: ParticipantId) {
        self.deadlines.remove(id);
    }

    /// Takes a participant whose time to answer is over.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<ParticipantId> {
        self.deadlines.take_due(now)
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn offerings(&self) -> impl Iterator<Item = &Offering> {
        self.of.values().map(|negotiation| &negotiation.offering)
    }
}
