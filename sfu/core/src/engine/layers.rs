//! Which layers of which tracks participants get.

use super::Engine;
use crate::{
    id::{EncodingId, PublicationId, SubscriptionId},
    layer::{ReceivedTrack, Target},
    output::Output,
};
use common::id::{ConnectionId, TrackId};
use std::time::Instant;

impl Engine {
    /// Says what a participant is to get of a track; false if it receives no such track. At first it gets
    /// [the best](Target::BEST) that comes. Another encoding goes out as soon as a key frame of it begins, for which its
    /// publisher is asked; until then that goes on which did. From then on nothing that the participant receives is
    /// allocated: whoever says this of one track says it of all.
    pub fn set_target(
        &mut self,
        participant: ConnectionId,
        track: TrackId,
        target: Target,
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let mut received = self.subscriptions_of(participant).into_iter();
        let is_of_track = |id: &SubscriptionId| {
            self.forwarding.received(*id, now).is_some_and(|received| received.track == track)
        };
        let Some(id) = received.find(is_of_track) else { return false };
        if let Some(transport) = self.forwarding.outgoing(id).map(|subscription| subscription.transport) {
            self.allocations.leave_alone(transport);
        }
        let wanted = self.forwarding.set_target(id, target);
        self.want_key_frames(wanted, now, output);
        true
    }

    /// The tracks that a participant receives.
    pub fn received(&self, participant: ConnectionId, now: Instant) -> impl Iterator<Item = ReceivedTrack> {
        self.subscriptions_of(participant).into_iter().filter_map(move |id| self.forwarding.received(id, now))
    }

    fn subscriptions_of(&self, participant: ConnectionId) -> Vec<SubscriptionId> {
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get(id));
        let transport = known.and_then(|known| known.subscribe);
        transport.map_or_else(Vec::new, |transport| self.forwarding.subscriptions_on(transport))
    }

    /// An encoding has begun, or goes on after it had stopped.
    pub(super) fn note_beginning(&mut self, id: EncodingId, now: Instant, output: &mut Output) {
        let publication = self.forwarding.encoding(id).map(|encoding| encoding.publication);
        if let Some(publication) = publication.filter(|it| self.forwarding.encodings_of(*it).nth(1).is_some())
        {
            let wanted = self.liveness.note_beginning(publication, &mut self.forwarding, now).to_vec();
            self.want_key_frames(wanted, now, output);
        }
    }

    /// Looks which encodings of a track have stopped, and asks for those that somebody waits for.
    pub(super) fn look_after(&mut self, id: PublicationId, now: Instant, output: &mut Output) {
        let wanted = self.liveness.look_after(id, &mut self.forwarding, now).to_vec();
        self.want_key_frames(wanted, now, output);
    }

    /// Somebody waits for each of these encodings to begin anew: its publisher is asked, unless it has just begun.
    pub(super) fn want_key_frames(
        &mut self,
        wanted: impl IntoIterator<Item = EncodingId>,
        now: Instant,
        output: &mut Output,
    ) {
        for id in wanted {
            let Some(encoding) = self.forwarding.encoding(id) else { continue };
            let (publication, begins) = (encoding.publication, encoding.has_fresh_key_frame());
            self.liveness.note_waiting(publication, now);
            if !begins {
                self.want_key_frame(id, now, output);
            }
        }
    }
}
