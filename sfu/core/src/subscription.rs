//! One outgoing track: the packets of one of a publication's encodings after the other, under a stream of the
//! subscriber's transport.

mod shift;
mod temporal;
mod timeline;

use crate::{
    buffer::{Packet, PacketBuffer},
    encoding::{Encoding, Encodings, SenderClock},
    id::{EncodingId, PublicationId, TransportId},
    layer::Target,
    output::Output,
    rtcp::sender_report::{SenderReport, middle},
    rtp::{
        header::{BYTES_MIN, PlainHeader},
        sequence::SeqNo,
    },
    sdp::payload,
    transport::Transport,
};
use common::protocol::media::TrackKind;
use shift::{Continuity, Shift};
use std::time::{Duration, Instant};
use temporal::TemporalLayers;
use timeline::{FIRST, Place, Timeline};

/// How soon a packet may be sent again once more, at least.
///
/// The round trip where that is longer: a request that was under way while the
/// packet was is no news. Shorter repeats what has not had time to arrive;
/// longer delays what was lost twice.
pub(crate) const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// A round trip that is measured to be longer counts as this.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// How often a key frame of an encoding that never showed one is asked for before it is begun without.
///
/// Of pictures that are encrypted as a whole nobody sees where a key frame begins; of others the first may be lost.
const KEY_FRAMES_UNSEEN: u32 = 3;

/// What a retransmission adds to a packet's payload: the number it had (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

/// The number of a retransmission stream's first packet.
const RTX_FIRST: SeqNo = SeqNo::from_extended(1);

pub(crate) struct Subscription {
    pub(crate) publication: PublicationId,
    /// On which it goes out.
    pub(crate) transport: TransportId,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    kind: TrackKind,
    /// What the subscriber is to get.
    pub(crate) target: Target,
    /// The encoding that goes out.
    pub(crate) current: Option<EncodingId>,
    /// The one that is to, as soon as a key frame of it begins.
    pub(crate) wanted: Option<EncodingId>,
    /// Up to which temporal layer that one is to.
    temporal: u8,
    temporal_layers: TemporalLayers,
    timeline: Timeline,
    continuity: Continuity,
    rtx_next: SeqNo,
    packets: u32,
    octets: u32,
    /// The last sender reports that were passed on, by what receivers name them by, and when.
    reports: [Option<(u32, Instant)>; 2],
    round_trip: Option<Duration>,
}

/// What became of a wish to have a packet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is sent.
    Sent,
    /// It is not sent: it is still under way, or was never sent.
    Needless,
    /// Enough was sent again for now.
    Exhausted,
}

impl Subscription {
    pub(crate) fn new(
        (publication, transport): (PublicationId, TransportId),
        (ssrc, rtx_ssrc): (u32, u32),
        kind: TrackKind,
        now: Instant,
    ) -> Self {
        Self {
            publication,
            transport,
            ssrc,
            rtx_ssrc,
            kind,
            target: Target::BEST,
            current: None,
            wanted: None,
            temporal: u8::MAX,
            temporal_layers: TemporalLayers::default(),
            timeline: Timeline::new(PacketBuffer::length(kind), now),
            continuity: Continuity::default(),
            rtx_next: RTX_FIRST,
            packets: 0,
            octets: 0,
            reports: [None; 2],
            round_trip: None,
        }
    }

    const fn payload_type(&self) -> u8 {
        match self.kind {
            TrackKind::Audio => payload::OPUS,
            TrackKind::Video => payload::VP8,
        }
    }

    /// Leaves so many numbers out.
    #[cfg(test)]
    pub(crate) fn pass_over(&mut self, numbers: u64) {
        self.timeline.pass_over(numbers);
    }

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

    /// Sends what has come of an encoding; how many packets that were. Where it is not the one that goes out but the
    /// one that is to, it takes over with a key frame.
    pub(crate) fn forward(
        &mut self,
        id: EncodingId,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> u64 {
        let Some(encoding) = encodings.get(id) else { return 0 };
        if self.current == Some(id) {
            return self.send_all(encoding.fresh.iter().copied(), encoding, transport, now, output);
        }
        let first = self.beginning(id, encoding).filter(|_| transport.sender().is_some());
        let Some(first) = first else { return 0 };
        self.take_over((id, encoding), first, encodings, now);
        // What came before its first packet did is sent with it.
        let last = encoding.arrivals.range().map_or(first, |(_, highest)| highest);
        let all = std::iter::successors(Some(first), |sequence| Some(sequence.next()));
        self.send_all(all.take_while(|sequence| *sequence <= last), encoding, transport, now, output)
    }

    fn send_all(
        &mut self,
        sequences: impl Iterator<Item = SeqNo>,
        encoding: &Encoding,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> u64 {
        let mut sent = 0_u64;
        for sequence in sequences {
            if let Some(packet) = encoding.buffer.get(sequence) {
                sent = sent.wrapping_add(self.send(sequence, packet, transport, now, output).into());
            }
        }
        sent
    }

    /// With which packet of this batch an encoding takes over that is to.
    fn beginning(&self, id: EncodingId, encoding: &Encoding) -> Option<SeqNo> {
        if self.wanted != Some(id) {
            return None;
        }
        let shows_none = !encoding.shows_key_frames && encoding.key_frame.asked() >= KEY_FRAMES_UNSEEN;
        let begins_anywhere = self.timeline.source().is_none() || shows_none;
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
                let before = encodings.get(former).and_then(|former| former.clock);
                self.continuity.follow(shift, before.zip(encoding.clock), packet, now)
            }
            (None, _) | (_, None) => Shift::default(),
        };
        self.current = Some(id);
        self.temporal_layers.want(self.temporal);
        self.temporal_layers.restart();
        self.timeline.switch(id, shift);
    }

    /// Sends a packet of the current encoding for the first time, if somebody can be reached; not what came before the
    /// first, and not what the subscriber is not to get. Whether it was sent.
    pub(crate) fn send(
        &mut self,
        sequence: SeqNo,
        packet: &Packet,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let Some((sealer, source, destination)) = transport.sender() else { return false };
        if self.timeline.is_newest(sequence)
            && let Some(is_picture) = self.temporal_layers.leaves_out(packet.timestamp, packet.descriptor)
        {
            self.timeline.leave_out(sequence, is_picture);
            return false;
        }
        let bytes = sealed_bytes(packet, sealer.tag_bytes());
        let Some(Place { number, shift, is_newest }) = self.timeline.send(sequence) else { return false };
        let Some(cycles) = number.cycles_since(FIRST) else { return false };
        if is_newest {
            self.continuity.note(packet, shift, now);
        }
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: self.payload_type(),
            sequence: number.to_wire(),
            timestamp: packet.timestamp.wrapping_add(shift.timestamp),
            ssrc: self.ssrc,
        };
        let (beginning, length) = shift.beginning(packet);
        let (beginning, rest) = replaced(&beginning, length, packet);
        let sent = output.datagram(source, destination, |bytes| {
            sealer.rtp(&header.to_bytes(), &[beginning, rest], self.ssrc, number, cycles, bytes)
        });
        if sent {
            transport.budget.note_forwarded(bytes, now);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        }
        sent
    }

    /// Sends again what went out under a number of these wire bits, in the retransmission stream (RFC 4588,
    /// section 4), if that makes sense and the transport's budget allows it.
    pub(crate) fn resend(
        &mut self,
        wire: u16,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Again {
        if self.kind == TrackKind::Audio {
            return Again::Needless;
        }
        let Some(sent) = self.timeline.sent(wire) else { return Again::Needless };
        let encoding = encodings.get(sent.encoding);
        let Some(packet) = encoding.and_then(|encoding| encoding.buffer.get(sent.sequence)) else {
            return Again::Needless;
        };
        let interval = self.round_trip.unwrap_or_default().max(RESEND_INTERVAL_MIN);
        let Some((sealer, ..)) = transport.sender() else { return Again::Needless };
        let bytes = sealed_bytes(packet, sealer.tag_bytes().saturating_add(ORIGINAL_BYTES));
        if self.timeline.is_resent(sent.number, interval, now) {
            return Again::Needless;
        }
        if !transport.budget.take(bytes, now) {
            return Again::Exhausted;
        }
        let Some((sealer, source, destination)) = transport.sender() else { return Again::Needless };
        let number = self.rtx_next;
        let Some(cycles) = number.cycles_since(RTX_FIRST) else { return Again::Needless };
        self.timeline.note_resent(sent.number, now);
        self.rtx_next = number.next();
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: payload::VP8_RTX,
            sequence: number.to_wire(),
            timestamp: packet.timestamp.wrapping_add(sent.shift.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let original = sent.number.to_wire().to_be_bytes();
        let (beginning, length) = sent.shift.beginning(packet);
        let (beginning, rest) = replaced(&beginning, length, packet);
        output.datagram(source, destination, |bytes| {
            let payload = [original.as_slice(), beginning, rest];
            sealer.rtp(&header.to_bytes(), &payload, self.rtx_ssrc, number, cycles, bytes)
        });
        Again::Sent
    }

    /// Passes on where the current encoding stands: media times are its own but for what is added to them, so are its
    /// clocks.
    pub(crate) fn report(
        &mut self,
        id: EncodingId,
        SenderClock { ntp, rtp_time }: SenderClock,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) {
        let Some((_, shift)) = self.timeline.source().filter(|_| self.current == Some(id)) else { return };
        if self.packets > 0 {
            let mut packet = Vec::new();
            let Self { ssrc, packets, octets, .. } = *self;
            let rtp_time = rtp_time.wrapping_add(shift.timestamp);
            SenderReport { ssrc, ntp, rtp_time, packets, octets }.write(&mut packet, &[]);
            transport.send_rtcp(&packet, output);
            let [last, _] = self.reports;
            self.reports = [Some((middle(ntp), now)), last];
        }
    }

    /// Measures the round trip by what the receiver says of a sender report: which, and how long
    /// ago it came, in 65,536ths of a second (RFC 3550, section 6.4.1).
    pub(crate) fn note_reception(&mut self, report: u32, since: u32, now: Instant) {
        let sent = self.reports.iter().flatten().find(|(middle, _)| *middle == report);
        let Some((_, sent_at)) = sent else { return };
        let held = Duration::from_secs_f64(f64::from(since) / 65_536.0);
        let passed = now.saturating_duration_since(*sent_at);
        self.round_trip = Some(passed.saturating_sub(held).min(ROUND_TRIP_MAX));
    }
}

/// A packet's payload with these in place of its first bytes, in two parts.
fn replaced<'a>(beginning: &'a [u8], length: usize, packet: &'a Packet) -> (&'a [u8], &'a [u8]) {
    (beginning.get(..length).unwrap_or_default(), packet.payload.get(length..).unwrap_or_default())
}

/// The size of a packet's datagram, with what is added beside its header.
const fn sealed_bytes(packet: &Packet, more: usize) -> usize {
    packet.payload.len().saturating_add(more).saturating_add(BYTES_MIN)
}
