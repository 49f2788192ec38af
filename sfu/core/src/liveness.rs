//! Whether the encodings of a track still come, and whether somebody still waits for one.

use crate::{
    forward::Forwarding,
    id::{EncodingId, PublicationId},
    keyframe::ASK_AGAIN_INTERVAL,
    moment::after,
    schedule::Schedule,
};
use std::time::{Duration, Instant};

/// How soon after one of a track's encodings the others are looked at: those that a publisher's network has held up
/// come back one after the other.
const RETURN_TIME: Duration = Duration::from_millis(100);

/// When which track is looked at: those of which there are several encodings, or for which somebody waits.
#[derive(Default)]
pub(crate) struct Liveness {
    deadlines: Schedule<PublicationId>,
    /// Used again and again.
    wanted: Vec<EncodingId>,
}

impl Liveness {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Takes a track that is to be [looked after](Self::look_after).
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PublicationId> {
        self.deadlines.take_due(now)
    }

    /// Somebody waits for an encoding of this track.
    pub(crate) fn note_waiting(&mut self, id: PublicationId, now: Instant) {
        self.deadlines.set_if_earlier(id, after(now, ASK_AGAIN_INTERVAL));
    }

    /// An encoding of this track has begun, or goes on. The encodings that somebody waits for since then.
    pub(crate) fn note_beginning(
        &mut self,
        id: PublicationId,
        forwarding: &mut Forwarding,
        now: Instant,
    ) -> &[EncodingId] {
        self.wanted.clear();
        forwarding.note_beginning(id, &mut self.wanted);
        self.deadlines.set(id, after(now, RETURN_TIME));
        &self.wanted
    }

    /// Looks which encodings of a track have stopped. The encodings that somebody waits for.
    pub(crate) fn look_after(
        &mut self,
        id: PublicationId,
        forwarding: &mut Forwarding,
        now: Instant,
    ) -> &[EncodingId] {
        self.wanted.clear();
        if let Some(at) = forwarding.look_after(id, now, &mut self.wanted) {
            self.deadlines.set_if_earlier(id, at);
        }
        self.wanted.sort_unstable();
        self.wanted.dedup();
        &self.wanted
    }

    /// The track is gone.
    pub(crate) fn forget(&mut self, id: PublicationId) {
        self.deadlines.remove(id);
    }
}
