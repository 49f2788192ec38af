//! One outgoing track: a publication's packets under a stream of the subscriber's transport.

use crate::{
    output::Output,
    publication::Packet,
    rtcp::write,
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::payload,
    transport::Transport,
};
use common::{id::ConnectionId, protocol::media::TrackKind};

pub(crate) struct Subscription {
    pub(crate) subscriber: ConnectionId,
    pub(crate) transport: usize,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    kind: TrackKind,
    /// The first number that was sent: what came before it is not sent later,
    /// and its cycle is the receiver's first.
    first: Option<SeqNo>,
    rtx_next: SeqNo,
    packets: u32,
    octets: u32,
}

/// The number of a retransmission stream's first packet.
const RTX_FIRST: SeqNo = SeqNo::from_extended(1);

impl Subscription {
    pub(crate) const fn new(
        subscriber: ConnectionId,
        transport: usize,
        ssrc: u32,
        rtx_ssrc: u32,
        kind: TrackKind,
    ) -> Self {
        Self {
            subscriber,
            transport,
            ssrc,
            rtx_ssrc,
            kind,
            first: None,
            rtx_next: RTX_FIRST,
            packets: 0,
            octets: 0,
        }
    }

    const fn payload_type(&self) -> u8 {
        match self.kind {
            TrackKind::Audio => payload::OPUS,
            TrackKind::Video => payload::VP8,
        }
    }

    /// Sends a packet for the first time.
    pub(crate) fn send(
        &mut self,
        sequence: SeqNo,
        packet: &Packet,
        transport: &mut Transport,
        output: &mut Output,
    ) {
        let Some((sealer, source, destination)) = transport.sender() else { return };
        let first = *self.first.get_or_insert(sequence);
        if sequence < first {
            return;
        }
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: self.payload_type(),
            sequence: sequence.to_wire(),
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
        };
        let cycles = sequence.cycles().wrapping_sub(first.cycles());
        let sent = output.datagram(source, destination, |bytes| {
            sealer.rtp(&header.to_bytes(), &[&packet.payload], self.ssrc, sequence, cycles, bytes)
        });
        if sent {
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        }
    }

    /// Sends a packet again, in the retransmission stream (RFC 4588, section 4).
    pub(crate) fn resend(
        &mut self,
        sequence: SeqNo,
        packet: &Packet,
        transport: &mut Transport,
        output: &mut Output,
    ) {
        let Some((sealer, source, destination)) = transport.sender() else { return };
        if self.kind == TrackKind::Audio || self.first.is_none_or(|first| sequence < first) {
            return;
        }
        let number = self.rtx_next;
        self.rtx_next = number.next();
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type: payload::VP8_RTX,
            sequence: number.to_wire(),
            timestamp: packet.timestamp,
            ssrc: self.rtx_ssrc,
        };
        let original = sequence.to_wire().to_be_bytes();
        output.datagram(source, destination, |bytes| {
            let payload = [original.as_slice(), &packet.payload];
            sealer.rtp(&header.to_bytes(), &payload, self.rtx_ssrc, number, number.cycles(), bytes)
        });
    }

    /// Passes on where the publisher's stream stands: media times are its own, so are its clocks.
    pub(crate) fn report(&self, ntp: u64, rtp_time: u32, transport: &mut Transport, output: &mut Output) {
        if self.packets > 0 {
            let mut packet = Vec::new();
            write::sender_report(&mut packet, self.ssrc, ntp, rtp_time, self.packets, self.octets);
            transport.send_rtcp(&packet, output);
        }
    }
}
