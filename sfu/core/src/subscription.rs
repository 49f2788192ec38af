//! One outgoing track: a publication's packets under a stream of the subscriber's transport.

mod timeline;

use crate::{
    buffer::{Packet, PacketBuffer},
    encoding::Encodings,
    id::{EncodingId, PublicationId, TransportId},
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
use std::time::{Duration, Instant};
use timeline::{FIRST, Timeline};

/// How soon a packet may be sent again once more, at least.
///
/// The round trip where that is longer: a request that was under way while the
/// packet was is no news. Shorter repeats what has not had time to arrive;
/// longer delays what was lost twice.
pub(crate) const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// A round trip that is measured to be longer counts as this.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// What a retransmission adds to a packet's payload: the number it had (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

/// The number of a retransmission stream's first packet.
const RTX_FIRST: SeqNo = SeqNo::from_extended(1);

pub(crate) struct Subscription {
    pub(crate) publication: PublicationId,
    /// The one that is forwarded.
    pub(crate) encoding: EncodingId,
    /// On which it goes out.
    pub(crate) transport: TransportId,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    kind: TrackKind,
    timeline: Timeline,
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
        (publication, encoding): (PublicationId, EncodingId),
        transport: TransportId,
        (ssrc, rtx_ssrc): (u32, u32),
        kind: TrackKind,
        now: Instant,
    ) -> Self {
        Self {
            publication,
            encoding,
            transport,
            ssrc,
            rtx_ssrc,
            kind,
            timeline: Timeline::new(PacketBuffer::length(kind), now),
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

    /// Sends a packet for the first time; nothing where nobody can be reached, or what came before the first.
    pub(crate) fn send(
        &mut self,
        sequence: SeqNo,
        packet: &Packet,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) {
        let Some((sealer, source, destination)) = transport.sender() else { return };
        let bytes = sealed_bytes(packet, sealer.tag_bytes());
        let Some(number) = self.timeline.send(sequence) else { return };
        let Some(cycles) = number.cycles_since(FIRST) else { return };
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: self.payload_type(),
            sequence: number.to_wire(),
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
        };
        let sent = output.datagram(source, destination, |bytes| {
            sealer.rtp(&header.to_bytes(), &[&packet.payload], self.ssrc, number, cycles, bytes)
        });
        if sent {
            transport.budget.note_forwarded(bytes, now);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        }
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
        let Some((sent, sequence)) = self.timeline.sent(wire) else { return Again::Needless };
        let encoding = encodings.get(self.encoding);
        let Some(packet) = encoding.and_then(|encoding| encoding.buffer.get(sequence)) else {
            return Again::Needless;
        };
        let interval = self.round_trip.unwrap_or_default().max(RESEND_INTERVAL_MIN);
        let Some((sealer, ..)) = transport.sender() else { return Again::Needless };
        let bytes = sealed_bytes(packet, sealer.tag_bytes().saturating_add(ORIGINAL_BYTES));
        if self.timeline.is_resent(sent, interval, now) {
            return Again::Needless;
        }
        if !transport.budget.take(bytes, now) {
            return Again::Exhausted;
        }
        let Some((sealer, source, destination)) = transport.sender() else { return Again::Needless };
        let number = self.rtx_next;
        let Some(cycles) = number.cycles_since(RTX_FIRST) else { return Again::Needless };
        self.timeline.note_resent(sent, now);
        self.rtx_next = number.next();
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: payload::VP8_RTX,
            sequence: number.to_wire(),
            timestamp: packet.timestamp,
            ssrc: self.rtx_ssrc,
        };
        let original = sent.to_wire().to_be_bytes();
        output.datagram(source, destination, |bytes| {
            let payload = [original.as_slice(), &packet.payload];
            sealer.rtp(&header.to_bytes(), &payload, self.rtx_ssrc, number, cycles, bytes)
        });
        Again::Sent
    }

    /// Passes on where the publisher's stream stands: media times are its own, so are its clocks.
    pub(crate) fn report(
        &mut self,
        ntp: u64,
        rtp_time: u32,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) {
        if self.packets > 0 {
            let mut packet = Vec::new();
            let Self { ssrc, packets, octets, .. } = *self;
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

/// The size of a packet's datagram, with what is added beside its header.
const fn sealed_bytes(packet: &Packet, more: usize) -> usize {
    packet.payload.len().saturating_add(more).saturating_add(BYTES_MIN)
}
