//! One of the encodings in which a track comes in: what has come of it, what is missing, and who gets it.

mod arrivals;
mod rates;
mod receive_statistics;

use crate::{
    buffer::PacketBuffer,
    id::{EncodingId, PublicationId, SubscriptionId, TransportId},
    keyframe::KeyFrameRequest,
    moment::after,
    rtp::{
        descriptor::Descriptor,
        header::Header,
        red::{Block, Redundant},
        sequence::SeqNo,
    },
    sdp::codec::Codec,
    totals::Carried,
};
pub(crate) use arrivals::{Arrival, Arrivals};
use common::protocol::media::TrackKind;
use rates::{LayerRates, PAUSE};
pub(crate) use receive_statistics::ReceiveStatistics;
use slotmap::SlotMap;
use std::time::{Duration, Instant};

/// How long an encoding may be silent before it counts as stopped, if others of its track are not.
///
/// Longer freezes the pictures of those who watch it for as long; shorter takes the pause of a slow camera, or a
/// network's, for its end.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(500);

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

/// Where a sender's stream stood at a moment of its wall clock, as its last sender report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderClock {
    /// Wall-clock time in NTP format: seconds, and 32 bits of their fraction.
    pub(crate) ntp: u64,
    /// The same moment in the stream's media time.
    pub(crate) rtp_time: u32,
}

pub(crate) struct Encoding {
    /// Of which track it is.
    pub(crate) publication: PublicationId,
    /// On which it comes.
    pub(crate) transport: TransportId,
    pub(crate) kind: TrackKind,
    codec: Codec,
    pub(crate) name: Name,
    pub(crate) buffer: PacketBuffer,
    pub(crate) arrivals: Arrivals,
    pub(crate) statistics: ReceiveStatistics,
    pub(crate) key_frame: KeyFrameRequest,
    /// How often its sender was asked for missing packets.
    pub(crate) nacks: u64,
    /// How many key frames have begun to come, and the media time of the last.
    key_frames: (u64, u32),
    /// What the [totals](crate::totals) have of it.
    pub(crate) counted: Carried,
    /// It was seen where one of its key frames begins.
    pub(crate) shows_key_frames: bool,
    /// The width and height of its last key frame.
    pub(crate) size: Option<(u16, u16)>,
    pub(crate) rates: LayerRates,
    /// Packets come.
    pub(crate) is_live: bool,
    pub(crate) last_packet_at: Option<Instant>,
    pub(crate) clock: Option<SenderClock>,
    /// Those who get it, and those who will as soon as it begins anew.
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
        codec: Codec,
        has_rtx: bool,
    ) -> Self {
        let kind = codec.kind();
        Self {
            publication,
            transport,
            kind,
            codec,
            name,
            buffer: PacketBuffer::new(kind),
            arrivals: Arrivals::new(kind, has_rtx),
            statistics: ReceiveStatistics::new(kind),
            key_frame: KeyFrameRequest::default(),
            nacks: 0,
            key_frames: (0, 0),
            counted: Carried::default(),
            shows_key_frames: false,
            size: None,
            rates: LayerRates::default(),
            is_live: false,
            last_packet_at: None,
            clock: None,
            subscribers: Vec::new(),
            fresh: Vec::new(),
            reported_at: None,
        }
    }

    /// What it has carried so far.
    pub(crate) fn carried(&self) -> Carried {
        Carried {
            packets: self.arrivals.received(),
            bytes: self.statistics.bytes(),
            lost: self.arrivals.lost(),
            retransmitted: 0,
            nacks: self.nacks,
            plis: self.key_frame.asked().into(),
            key_frames: self.key_frames.0,
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
        let descriptor = Descriptor::parse(self.codec, payload);
        if let Some(descriptor) = descriptor.filter(|descriptor| descriptor.starts_key_frame) {
            self.shows_key_frames = true;
            self.size = descriptor.size.or(self.size);
            let (begun, last) = self.key_frames;
            // Several packets of one may look like its first.
            if begun == 0 || last != header.timestamp {
                self.key_frames = (begun.saturating_add(1), header.timestamp);
            }
        }
        let layer = descriptor.and_then(|descriptor| descriptor.temporal_layer).unwrap_or(0);
        self.rates.note(layer, payload.len().saturating_add(header.bytes.len()), now);
        self.statistics.note_payload(payload.len());
        self.last_packet_at = Some(now);
        self.buffer.insert(sequence, header.marker, has_padding, header.timestamp, descriptor, payload);
        self.fresh.push(sequence);
        arrival
    }

    /// Takes what a packet carries of those before it, where they are missing.
    ///
    /// Which ones they were the packet does not say: they are taken for those just before it, as all senders write it,
    /// unless the packet before those tells otherwise.
    pub(crate) fn receive_earlier(&mut self, header: &Header<'_>, redundant: &Redundant<'_>, now: Instant) {
        let mut wire = header.sequence;
        for Block { offset, payload } in redundant.earlier() {
            wire = wire.wrapping_sub(1);
            let timestamp = header.timestamp.wrapping_sub(offset);
            let Some(sequence) = self.arrivals.missing(wire).filter(|_| !payload.is_empty()) else {
                continue;
            };
            let before = sequence.extended().checked_sub(1).map(SeqNo::from_extended);
            let before = before.and_then(|it| self.buffer.get(it)).map(|packet| packet.timestamp);
            if before.is_some_and(|before| timestamp.wrapping_sub(before).cast_signed() <= 0) {
                continue;
            }
            let header = Header { timestamp, marker: false, ..*header };
            // Like what is sent again: when it comes says nothing of how late packets are.
            self.receive(&header, (wire, true), (false, payload), now);
        }
        self.fresh.sort_unstable();
    }

    /// Whether a packet of this batch begins a key frame.
    pub(crate) fn has_fresh_key_frame(&self) -> bool {
        self.last_fresh_key_frame().is_some()
    }

    /// The packet of this batch that begins the last of its key frames: the first of those that say so, as there may
    /// be several, one behind the other.
    pub(crate) fn last_fresh_key_frame(&self) -> Option<SeqNo> {
        let begins =
            |it: SeqNo| Some((it, self.buffer.get(it).filter(|it| it.starts_key_frame())?.timestamp));
        let beginnings = || self.fresh.iter().filter_map(|it| begins(*it));
        let (_, last) = beginnings().max_by_key(|(sequence, _)| *sequence)?;
        beginnings().filter(|(_, timestamp)| *timestamp == last).map(|(sequence, _)| sequence).min()
    }

    /// Whether nothing has come for so long that nothing is to be kept free for it, though nothing else of its track
    /// comes either: a microphone or a camera that is switched off, or a screen that does not change.
    pub(crate) fn is_paused(&self, now: Instant) -> bool {
        self.last_packet_at.is_some_and(|at| now.saturating_duration_since(at) >= PAUSE)
    }

    /// When it counts as stopped if nothing more comes.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        self.last_packet_at.map(|at| after(at, SILENCE_MAX))
    }
}
