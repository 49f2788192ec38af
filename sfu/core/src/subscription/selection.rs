//! Which of a track's encodings goes out, and how another takes its place.

use super::{PayloadTypes, Shift, Subscription};
use crate::{
    encoding::{Encoding, Encodings},
    id::{EncodingId, PublicationId, SubscriptionId},
    layer::Target,
    output::Output,
    rtp::sequence::SeqNo,
    transport::Transport,
};
use common::protocol::media::TrackKind;
use std::time::Instant;

/// How often a key frame of an encoding that never showed one is asked for before it is begun without.
///
/// Of pictures that are encrypted as a whole nobody sees where a key frame begins; of others the first may be lost.
const KEY_FRAMES_UNSEEN: u32 = 3;

impl Subscription {
    /// The encodings whose packets it is to be shown: that which goes out, and that which is to.
    pub(crate) const fn sources(&self) -> [Option<EncodingId>; 2] {
        [self.current, self.wanted]
    }

    /// Whether an encoding is to go out that does not begin without a key frame.
    pub(crate) fn is_waiting(&self) -> bool {
        self.wanted.is_some() && self.wanted != self.current && self.timeline.source().is_some()
    }

    /// Of which encoding a key frame helps a receiver that can decode nothing.
    pub(crate) fn source(&self) -> Option<EncodingId> {
        self.current.or(self.wanted)
    }

    /// From now on this encoding is to go out, up to this temporal layer, or nothing. `is_less` says that it is a
    /// smaller one than that which goes out: until it begins, of that one the lowest layer does.
    pub(crate) fn want(&mut self, encoding: Option<EncodingId>, temporal: u8, is_less: bool) {
        self.wanted = encoding;
        self.temporal = temporal;
        if encoding.is_none() {
            self.current = None;
        } else if encoding == self.current {
            self.temporal_layers.want(temporal);
        } else if is_less {
            self.temporal_layers.want(0);
        }
    }

    /// Goes on with another track, or with none for now, as soon as an encoding of it begins; its packets go out under
    /// these payload types then. Only for one that [plays](Subscription::plays).
    pub(crate) fn turn(&mut self, publication: PublicationId, types: Option<PayloadTypes>) {
        self.publication = publication;
        match types {
            Some(types) => self.types_next = types,
            None => (self.current, self.wanted) = (None, None),
        }
        // What a player was sent is decided anew.
        if self.target == Target::Paused {
            self.target = Target::SMALLEST;
        }
    }

    /// An encoding comes no more, nor will.
    pub(crate) fn lose(&mut self, encoding: EncodingId) {
        for known in [&mut self.current, &mut self.wanted] {
            *known = known.filter(|known| *known != encoding);
        }
    }

    /// Sends what has come of an encoding; how many packets that were. Where it is not the one that goes out but the
    /// one that is to, it takes over with a key frame. This subscription goes by `own`.
    pub(crate) fn forward(
        &mut self,
        own: SubscriptionId,
        id: EncodingId,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> u64 {
        let Some(encoding) = encodings.get(id) else { return 0 };
        if self.current == Some(id) {
            return self.send_all(own, encoding.fresh.iter().copied(), encoding, transport, now, output);
        }
        let first = self.beginning(id, encoding).filter(|_| transport.has_path());
        let Some(first) = first else { return 0 };
        self.take_over((id, encoding), first, encodings, now);
        // What came before its first packet did is sent with it.
        let last = encoding.arrivals.range().map_or(first, |(_, highest)| highest);
        let all = std::iter::successors(Some(first), |sequence| Some(sequence.next()));
        self.send_all(own, all.take_while(|sequence| *sequence <= last), encoding, transport, now, output)
    }

    fn send_all(
        &mut self,
        own: SubscriptionId,
        sequences: impl Iterator<Item = SeqNo>,
        encoding: &Encoding,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> u64 {
        let mut sent = 0_u64;
        for sequence in sequences {
            sent = sent.wrapping_add(self.send(own, sequence, encoding, transport, now, output).into());
        }
        sent
    }

    /// With which packet of this batch an encoding takes over that is to.
    fn beginning(&self, id: EncodingId, encoding: &Encoding) -> Option<SeqNo> {
        if self.wanted != Some(id) {
            return None;
        }
        let shows_none = !encoding.shows_key_frames && encoding.key_frame.asked() >= KEY_FRAMES_UNSEEN;
        // Nothing of a sound is waited for: its packets stand for themselves.
        let is_sound = self.kind == TrackKind::Audio;
        let begins_anywhere = self.timeline.source().is_none() || shows_none || is_sound;
        let first = encoding.fresh.first().copied().filter(|_| begins_anywhere);
        encoding.last_fresh_key_frame().or(first)
    }

    fn take_over(
        &mut self,
        (id, encoding): (EncodingId, &Encoding),
        first: SeqNo,
        encodings: &Encodings,
        now: Instant,
    ) {
        let shift = match (self.timeline.source(), encoding.buffer.get(first)) {
            (Some((former, shift)), Some(packet)) => {
                // Senders' clocks tell how encodings of one track lie; of two tracks they have nothing in common.
                let former = encodings.get(former).filter(|it| it.publication == encoding.publication);
                let before = former.and_then(|former| former.clock);
                self.continuity.follow(shift, before.zip(encoding.clock), packet, now)
            }
            (None, _) | (_, None) => Shift::default(),
        };
        self.current = Some(id);
        if self.types != self.types_next {
            self.types = self.types_next;
            self.types_since = self.timeline.next();
            self.agree_on_red(self.types.red.is_some());
        }
        self.temporal_layers.want(self.temporal);
        self.temporal_layers.restart();
        self.timeline.switch(id, shift);
    }
}
