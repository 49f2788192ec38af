//! One of the encodings in which a track comes in: what has come of it, what is missing, and who gets it.

mod arrivals;
mod receive_statistics;

use crate::{
    buffer::PacketBuffer,
    id::{EncodingId, PublicationId, SubscriptionId, TransportId},
    keyframe::KeyFrameRequest,
    rtp::{header::Header, sequence::SeqNo},
};
pub(crate) use arrivals::{Arrival, Arrivals};
use common::protocol::media::TrackKind;
pub(crate) use receive_statistics::ReceiveStatistics;
use slotmap::SlotMap;
use std::time::Instant;

/// All that come in.
pub(crate) type Encodings = SlotMap<EncodingId, Encoding>;

/// Who gets an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) subscription: SubscriptionId,
    pub(crate) transport: TransportId,
}

/// What an encoding is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Name {
    /// By what its packets tell it from others of its track (RFC 8852).
    pub(crate) rid: Option<String>,
    /// Known from the description, or from the first packet.
    pub(crate) ssrc: Option<u32>,
    /// Likewise, of what it sends again.
    pub(crate) rtx_ssrc: Option<u32>,
}

impl Name {
    /// Whether a description that says `said` still means this one, as far as it says anything.
    pub(crate) fn is_said_by(&self, said: &Self) -> bool {
        let says = |ssrc: Option<u32>, known| ssrc.is_none() || ssrc == known;
        says(said.ssrc, self.ssrc)
            && says(said.rtx_ssrc, self.rtx_ssrc)
            && (said.rid.is_none() || said.rid == self.rid)
    }
}

pub(crate) struct Encoding {
    /// Of which track it is.
    pub(crate) publication: PublicationId,
    /// On which it comes.
    pub(crate) transport: TransportId,
    pub(crate) kind: TrackKind,
    pub(crate) name: Name,
    pub(crate) buffer: PacketBuffer,
    pub(crate) arrivals: Arrivals,
    pub(crate) statistics: ReceiveStatistics,
    pub(crate) key_frame: KeyFrameRequest,
    pub(crate) subscribers: Vec<Subscriber>,
    /// Arrived in this batch and not forwarded yet.
    pub(crate) fresh: Vec<SeqNo>,
    /// When a sender report was last passed on.
    pub(crate) reported_at: Option<Instant>,
}

impl Encoding {
    /// `has_rtx` says that what is sent again comes in a stream of its own.
    pub(crate) fn new(
        (publication, transport): (PublicationId, TransportId),
        name: Name,
        kind: TrackKind,
        has_rtx: bool,
    ) -> Self {
        Self {
            publication,
            transport,
            kind,
            name,
            buffer: PacketBuffer::new(kind),
            arrivals: Arrivals::new(kind, has_rtx),
            statistics: ReceiveStatistics::new(kind),
            key_frame: KeyFrameRequest::default(),
            subscribers: Vec::new(),
            fresh: Vec::new(),
            reported_at: None,
        }
    }

    /// The SSRCs under which it is known to come.
    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> {
        [self.name.ssrc, self.name.rtx_ssrc].into_iter().flatten()
    }

    /// Takes a packet: this payload under this number.
    pub(crate) fn receive(
        &mut self,
        header: &Header<'_>,
        (wire, is_rtx): (u16, bool),
        (has_padding, payload): (bool, &[u8]),
        now: Instant,
    ) -> Arrival {
        let arrival = self.arrivals.arrive(wire, is_rtx, now);
        let sequence = match arrival {
            Arrival::First(sequence) | Arrival::Late(sequence) => sequence,
            Arrival::Newest(sequence, _) => {
                self.statistics.note_jitter(header.timestamp, now);
                sequence
            }
            Arrival::Repeated => return arrival,
        };
        self.buffer.insert(sequence, header.marker, has_padding, header.timestamp, payload);
        self.fresh.push(sequence);
        arrival
    }
}
