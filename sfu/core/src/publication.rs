//! One incoming track: what has come, what is missing, and who gets it.

mod arrivals;
mod receive_statistics;

use crate::{
    budget::incoming::Incoming,
    buffer::PacketBuffer,
    id::{SubscriptionId, TransportId},
    keyframe::KeyFrameRequest,
    rtp::{header::Header, sequence::SeqNo},
    sdp::{
        extension::{Extension, Extensions},
        parse::{Named, Section},
    },
};
pub(crate) use arrivals::{Arrival, Arrivals};
use common::{
    id::TrackId,
    protocol::media::{TrackKind, TrackSource},
};
pub(crate) use receive_statistics::ReceiveStatistics;
use std::time::Instant;
use uuid::Uuid;

/// Who gets a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) subscription: SubscriptionId,
    pub(crate) transport: TransportId,
}

/// What is known of a track from its description.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    /// Which track it is, where somebody says so.
    pub(crate) named: Option<Named>,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// Known from the description, or from the first packet.
    pub(crate) ssrc: Option<u32>,
    /// Likewise, of what it sends again.
    pub(crate) rtx_ssrc: Option<u32>,
    /// Which of several encodings it is.
    rid: Option<String>,
    /// Where its packets say what they are of.
    extensions: Extensions,
}

impl Description {
    /// What a section says; `None` if that is no track that can be taken.
    pub(crate) fn of(section: &Section) -> Option<Self> {
        Some(Self {
            mid: section.mid.clone(),
            kind: section.kind?,
            named: section.named,
            payload_type: section.payload_type?,
            rtx_payload_type: section.rtx_payload_type,
            ssrc: section.ssrc,
            rtx_ssrc: section.rtx_ssrc,
            rid: section.rid.clone(),
            extensions: section.extensions.clone(),
        })
    }

    /// Whether a section still means this track: the same one, under the same numbers as far as it says them.
    pub(crate) fn is_said_by(&self, section: &Section) -> bool {
        let says = |ssrc: Option<u32>, known| ssrc.is_none() || ssrc == known;
        self.mid == section.mid
            && section.kind == Some(self.kind)
            && (section.named.is_none() || section.named == self.named)
            && section.payload_type == Some(self.payload_type)
            && section.rtx_payload_type == self.rtx_payload_type
            && says(section.ssrc, self.ssrc)
            && says(section.rtx_ssrc, self.rtx_ssrc)
            && (section.rid.is_none() || section.rid == self.rid)
    }

    /// Whether a packet can be of this track by what its header extensions say. Once their SSRC is known
    /// to the receiver, packets say nothing (RFC 8852, section 3).
    pub(crate) fn is_named_in(&self, header: &Header<'_>) -> bool {
        let says = |extension, name: Option<&str>| {
            let said = self.extensions.id(extension).and_then(|id| header.extension(id));
            said.is_none_or(|said| name.is_none_or(|name| said == name.as_bytes()))
        };
        says(Extension::Mid, Some(&self.mid))
            && says(Extension::Rid, self.rid.as_deref())
            && says(Extension::RepairedRid, self.rid.as_deref())
    }
}

pub(crate) struct Publication {
    /// On which it comes.
    pub(crate) transport: TransportId,
    /// Grows from one that began to the next.
    pub(crate) number: u64,
    pub(crate) description: Description,
    pub(crate) buffer: PacketBuffer,
    pub(crate) arrivals: Arrivals,
    pub(crate) statistics: ReceiveStatistics,
    pub(crate) key_frame: KeyFrameRequest,
    /// What may come.
    pub(crate) incoming: Incoming,
    pub(crate) subscribers: Vec<Subscriber>,
    /// Arrived in this batch and not forwarded yet.
    pub(crate) fresh: Vec<SeqNo>,
    /// When a sender report was last passed on.
    pub(crate) reported_at: Option<Instant>,
}

impl Publication {
    pub(crate) fn new(transport: TransportId, number: u64, description: Description, now: Instant) -> Self {
        let kind = description.kind;
        let has_rtx = description.rtx_payload_type.is_some();
        Self {
            transport,
            number,
            description,
            buffer: PacketBuffer::new(kind),
            arrivals: Arrivals::new(kind, has_rtx),
            statistics: ReceiveStatistics::new(kind),
            key_frame: KeyFrameRequest::default(),
            incoming: Incoming::of_track(kind, now),
            subscribers: Vec::new(),
            fresh: Vec::new(),
            reported_at: None,
        }
    }

    /// Which track it is. Whoever runs an engine without sessions need name none: then they are counted, and of what
    /// source their kind is taken for.
    pub(crate) fn named(&self) -> Named {
        self.description.named.unwrap_or_else(|| Named {
            id: TrackId::from_uuid(Uuid::from_u64_pair(0, self.number)),
            source: TrackSource::usual(self.description.kind),
        })
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
