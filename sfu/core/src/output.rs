//! What the media plane gives back: datagrams, ordered for few system calls, and events.

use crate::{address::TransportAddress, loss::LossReason, recording::Recorded};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{OfferedTrack, TrackSubscription, WantedEncoding},
};
use std::{net::SocketAddr, ops::Range};

/// Datagrams in one run at most: what the kernel splits in one call.
const RUN_DATAGRAMS_MAX: usize = 64;

/// Bytes in one run at most, likewise.
const RUN_BYTES_MAX: usize = 60_000;

/// How many times the buffers are emptied before they are fitted to what they held meanwhile.
///
/// At twenty milliseconds and more a round that is 20 s at most. Fewer would
/// give memory back that the next burst asks for again.
const ROUNDS: u32 = 1024;

/// What a buffer keeps however little it held, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// Likewise, in runs.
const KEPT_SPANS: usize = 256;

/// An offer of everything a participant may receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Names the offer; later ones have higher numbers.
    pub revision: u64,
    /// The description (RFC 8866).
    pub sdp: String,
    /// What each active media section carries.
    pub tracks: Vec<OfferedTrack>,
}

/// What a participant, or who cares for it, has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// There is a new offer to answer.
    Offer {
        /// Who is to answer it.
        participant: ConnectionId,
        /// The description to answer.
        offer: Offer,
    },
    /// The participant speaks from now on, or does no more, as far as its packets say how loud they are. Told first when
    /// the first of them does.
    Speaking {
        /// Who speaks.
        participant: ConnectionId,
        /// Whether it does.
        is_speaking: bool,
    },
    /// What it gets of the tracks that it receives is something else now.
    Subscriptions {
        /// Who gets it.
        participant: ConnectionId,
        /// All of them.
        subscriptions: Vec<TrackSubscription>,
    },
    /// Other encodings of a track that it sends are wanted than before.
    Layers {
        /// Who sends it.
        participant: ConnectionId,
        /// Which track.
        track: TrackId,
        /// All of them.
        encodings: Vec<WantedEncoding>,
    },
    /// The participant cannot be reached, or is not who it said it was.
    Lost {
        /// The connection that the event concerns.
        participant: ConnectionId,
        /// What was the matter.
        reason: LossReason,
    },
}

impl MediaEvent {
    /// Whom it concerns.
    pub const fn participant(&self) -> ConnectionId {
        match self {
            Self::Offer { participant, .. }
            | Self::Speaking { participant, .. }
            | Self::Subscriptions { participant, .. }
            | Self::Layers { participant, .. }
            | Self::Lost { participant, .. } => *participant,
        }
    }
}

/// Datagrams from one address to another that lie one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// The local address to send from.
    pub source: SocketAddr,
    /// Where to.
    pub destination: TransportAddress,
    /// The size of each datagram but the last, which may be shorter.
    pub segment: usize,
    /// One or more datagrams, back to back, of [`segment`](Self::segment) bytes each but the last.
    pub bytes: &'a [u8],
}

#[derive(Debug)]
struct Span {
    source: SocketAddr,
    destination: TransportAddress,
    segment: usize,
    bytes: Range<usize>,
    count: usize,
    /// A shorter datagram ends a run.
    is_closed: bool,
}

/// A buffer that is filled by the engine, emptied by the shell and used again.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    events: Vec<MediaEvent>,
    recorded: Recorded,
    /// The most that lay here in this round.
    peak: (usize, usize),
    round: u32,
}

impl Output {
    /// The datagrams to send, in this order.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> + Clone {
        self.spans.iter().filter_map(|span| {
            let bytes = self.bytes.get(span.bytes.clone())?;
            Some(Run { source: span.source, destination: span.destination, segment: span.segment, bytes })
        })
    }

    /// Takes the events.
    pub fn take_events(&mut self) -> impl Iterator<Item = MediaEvent> {
        self.events.drain(..)
    }

    /// Takes what came of the sessions that are recorded; `None` if nothing did.
    pub fn take_recorded(&mut self) -> Option<Recorded> {
        (!self.recorded.is_empty()).then(|| std::mem::take(&mut self.recorded))
    }

    /// Forgets the datagrams. The memory is kept for as long as it is used now and then.
    pub fn clear_datagrams(&mut self) {
        let (bytes, spans) = self.peak;
        self.peak = (bytes.max(self.bytes.len()), spans.max(self.spans.len()));
        self.bytes.clear();
        self.spans.clear();
        self.round = self.round.wrapping_add(1) % ROUNDS;
        if self.round == 0 {
            let (bytes, spans) = std::mem::take(&mut self.peak);
            self.bytes.shrink_to(bytes.max(KEPT_BYTES));
            self.spans.shrink_to(spans.max(KEPT_SPANS));
            self.events.shrink_to(KEPT_SPANS);
        }
    }

    /// The memory that the datagrams may fill without asking for more, in bytes.
    #[cfg(any(test, feature = "simulation"))]
    pub const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) const fn recorded_mut(&mut self) -> &mut Recorded {
        &mut self.recorded
    }

    pub(crate) fn event(&mut self, event: MediaEvent) {
        self.events.push(event);
    }

    /// Adds a datagram that `write` appends; false, and nothing added, if it says so.
    pub(crate) fn datagram(
        &mut self,
        source: SocketAddr,
        destination: TransportAddress,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> bool {
        let start = self.bytes.len();
        if !write(&mut self.bytes) || self.bytes.len() == start {
            self.bytes.truncate(start);
            return false;
        }
        let end = self.bytes.len();
        let length = end.saturating_sub(start);
        if let Some(last) = self.spans.last_mut()
            && !last.is_closed
            && (last.source, last.destination) == (source, destination)
            && length <= last.segment
            && last.count < RUN_DATAGRAMS_MAX
            && end.saturating_sub(last.bytes.start) <= RUN_BYTES_MAX
        {
            last.bytes.end = end;
            last.count = last.count.saturating_add(1);
            last.is_closed = length < last.segment;
        } else {
            let bytes = start..end;
            self.spans.push(Span { source, destination, segment: length, bytes, count: 1, is_closed: false });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(output: &mut Output, to: u16, length: usize) {
        let local = SocketAddr::from(([127, 0, 0, 1], 1));
        output.datagram(local, SocketAddr::from(([127, 0, 0, 1], to)).into(), |bytes| {
            bytes.resize(bytes.len() + length, 7);
            true
        });
    }

    #[test]
    fn equal_datagrams_to_one_address_are_one_run_and_a_shorter_one_ends_it() {
        let mut output = Output::default();
        for (to, length) in [(5, 100), (5, 100), (5, 90), (5, 90), (6, 90), (6, 91)] {
            add(&mut output, to, length);
        }
        let runs: Vec<_> =
            output.runs().map(|run| (run.destination.port(), run.segment, run.bytes.len())).collect();
        assert_eq!(runs, [(5, 100, 290), (5, 90, 90), (6, 90, 90), (6, 91, 91)]);
    }

    #[test]
    fn memory_of_a_burst_is_given_back() {
        let mut output = Output::default();
        for _ in 0..10_000 {
            add(&mut output, 5, 1000);
        }
        output.clear_datagrams();
        assert!(output.capacity() >= 10_000_000, "the next burst finds it");
        for _ in 0..2 * ROUNDS {
            add(&mut output, 5, 1000);
            output.clear_datagrams();
        }
        assert!(output.capacity() <= KEPT_BYTES, "{}", output.capacity());
    }
}
