//! One outgoing track: the packets of one of a publication's encodings after the other, under a stream of the
//! subscriber's transport.

mod redundancy;
mod selection;
mod send_statistics;
mod shift;
mod temporal;
mod timeline;
mod voice;

use crate::{
    buffer::{Packet, PacketBuffer},
    congestion::Waiting,
    encoding::{Encoding, Encodings, SenderClock},
    id::{EncodingId, PublicationId, SubscriptionId, TransportId},
    layer::Target,
    output::Output,
    pacer::Urgency,
    rtcp::{report_block::ReportBlock, sender_report::SenderReport},
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::codec::{Chosen, Format, Red},
    transport::{RtpPacket, Transport},
};
use common::protocol::media::TrackKind;
use redundancy::Redundancy;
pub(crate) use send_statistics::SendStatistics;
use shift::{Continuity, Shift};
use std::time::{Duration, Instant};
use temporal::TemporalLayers;
use timeline::{FIRST, Place, Sent, Timeline};

/// How soon a packet may be sent again once more, at least.
///
/// The round trip where that is longer: a request that was under way while the
/// packet was is no news. Shorter repeats what has not had time to arrive;
/// longer delays what was lost twice.
pub(crate) const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// What a receiver loses at least for it to be told more, in 256ths: one packet of a hundred.
const FRACTION_LOST_MIN: u8 = 3;

/// What a retransmission adds to a packet's payload: the number it had (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

/// The number of a retransmission stream's first packet.
const RTX_FIRST: SeqNo = SeqNo::from_extended(1);

/// Under which payload types a track goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    media: u8,
    /// Of what is sent again (RFC 4588).
    rtx: Option<u8>,
    /// Of packets with what earlier ones carried (RFC 2198).
    red: Option<Red>,
}

impl From<&Format<'_>> for PayloadTypes {
    fn from(format: &Format<'_>) -> Self {
        Self { media: format.payload_type, rtx: format.rtx_payload_type, red: format.red }
    }
}

impl From<&Chosen> for PayloadTypes {
    fn from(chosen: &Chosen) -> Self {
        Self { media: chosen.payload_type, rtx: chosen.rtx_payload_type, red: chosen.red }
    }
}

pub(crate) struct Subscription {
    /// The track; the null key while one that [plays](Self::plays) has none.
    pub(crate) publication: PublicationId,
    /// It goes on, under the same numbers, with one track after the other. Else it ends with its track.
    pub(crate) plays: bool,
    /// On which it goes out.
    pub(crate) transport: TransportId,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) kind: TrackKind,
    /// Under which its packets go out,
    types: PayloadTypes,
    /// as of this number: what went out before under others is not sent again.
    types_since: SeqNo,
    /// Under which they will as soon as the encoding begins that is to go out.
    types_next: PayloadTypes,
    redundancy: Redundancy,
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
    /// The media time of the packet that went out last.
    timestamp: u32,
    pub(crate) statistics: SendStatistics,
}

/// What becomes of a wish to have a packet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is to be sent: the one that went out under this number, with a payload of so many bytes.
    Granted(SeqNo, usize),
    /// Its contents go with the next packet.
    Deferred,
    /// It is not: it is still under way, was never sent, or nothing is sent again there.
    Needless,
    /// Nor is any other: enough was sent again for now.
    Exhausted,
}

/// The padding of one packet at most, in bytes (RFC 3550, section 5.1).
const PADDING_MAX: u8 = u8::MAX;

impl Subscription {
    pub(crate) fn new(
        (publication, transport): (PublicationId, TransportId),
        (ssrc, rtx_ssrc): (u32, u32),
        (kind, types): (TrackKind, PayloadTypes),
        target: Target,
        now: Instant,
    ) -> Self {
        Self {
            publication,
            plays: false,
            transport,
            ssrc,
            rtx_ssrc,
            kind,
            target,
            types,
            types_since: FIRST,
            types_next: types,
            redundancy: Redundancy::default(),
            current: None,
            wanted: None,
            temporal: u8::MAX,
            temporal_layers: TemporalLayers::default(),
            timeline: Timeline::new(PacketBuffer::length(kind), now),
            continuity: Continuity::new(kind),
            rtx_next: RTX_FIRST,
            timestamp: 0,
            statistics: SendStatistics::default(),
        }
    }

    /// Whether anything of it was sent yet.
    pub(crate) const fn has_begun(&self) -> bool {
        self.statistics.packets > 0
    }

    /// Leaves so many numbers out.
    #[cfg(test)]
    pub(crate) fn pass_over(&mut self, numbers: u64) {
        self.timeline.pass_over(numbers);
    }

    /// Sends a packet of the current `encoding` for the first time, or lets it wait for its turn on the transport, where
    /// this subscription goes by `id`; nothing where nobody can be reached, or what came before the first, or what the
    /// subscriber is not to get. Whether it was sent.
    pub(crate) fn send(
        &mut self,
        id: SubscriptionId,
        sequence: SeqNo,
        encoding: &Encoding,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let Some(packet) = encoding.buffer.get(sequence).filter(|_| transport.has_path()) else {
            return false;
        };
        if self.timeline.is_newest(sequence)
            && let Some(is_picture) = self.temporal_layers.leaves_out(packet.timestamp, packet.descriptor)
        {
            self.timeline.leave_out(sequence, is_picture);
            return false;
        }
        let Some(Place { number, shift, is_newest }) = self.timeline.send(sequence) else { return false };
        if is_newest {
            self.continuity.note(packet, shift, now);
        }
        let (waiting, bytes) = (Waiting::First(id, number), packet.payload.len());
        match self.kind {
            TrackKind::Audio => {
                transport.admits(waiting, bytes, Urgency::Audio)
                    && self.send_voice((number, shift), (packet, encoding), transport, now, output).is_some()
            }
            TrackKind::Video => {
                transport.admits(waiting, bytes, Urgency::Video)
                    && self.send_now((number, shift), packet, transport, now, output).is_some()
            }
        }
    }

    /// Sends a packet that has waited; its bytes on the network. `None` if it is kept no more, or nobody can be reached.
    pub(crate) fn send_waiting(
        &mut self,
        number: SeqNo,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let (shift, packet) = self.given(number, encodings)?;
        self.send_now((number, shift), packet, transport, now, output)
    }

    fn send_now(
        &mut self,
        (number, shift): (SeqNo, Shift),
        packet: &Packet,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let (beginning, length) = shift.beginning(packet);
        let (beginning, rest) = replaced(&beginning, length, packet);
        let payload = (self.types.media, &[beginning, rest][..]);
        self.send_as((number, shift), packet, payload, transport, now, output)
    }

    /// Sends a packet with this payload, of this type.
    fn send_as(
        &mut self,
        (number, shift): (SeqNo, Shift),
        packet: &Packet,
        (payload_type, payload): (u8, &[&[u8]]),
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let cycles = number.cycles_since(FIRST)?;
        let header = PlainHeader {
            has_padding: packet.has_padding,
            marker: packet.marker,
            payload_type,
            sequence: number.to_wire(),
            timestamp: packet.timestamp.wrapping_add(shift.timestamp),
            ssrc: self.ssrc,
        };
        let rtp = RtpPacket { header, number: (number, cycles), payload };
        let bytes = transport.send_rtp(rtp, now, output)?;
        transport.budget.note_forwarded(bytes, now);
        self.timestamp = header.timestamp;
        self.statistics.note_sent(payload.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len())));
        Some(bytes)
    }

    /// The packet that a number was given to, and what is added to what it says.
    fn given<'a>(&self, number: SeqNo, encodings: &'a Encodings) -> Option<(Shift, &'a Packet)> {
        let sent = self.timeline.sent(number.to_wire()).filter(|sent| sent.number == number)?;
        let sent = (number >= self.types_since).then_some(sent)?;
        Some((sent.shift, encodings.get(sent.encoding)?.buffer.get(sent.sequence)?))
    }

    /// Whether what went out under a number of these wire bits is to be [sent again](Self::send_again): if that makes
    /// sense, and the transport's budget allows it.
    pub(crate) fn grant(
        &mut self,
        wire: u16,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
    ) -> Wish {
        let is_voice = self.kind == TrackKind::Audio;
        let is_taken = if is_voice { self.redundancy.is_agreed() } else { transport.takes_retransmissions };
        if !is_taken || !transport.has_path() {
            return Wish::Needless;
        }
        let Some(Sent { number, .. }) = self.timeline.sent(wire) else { return Wish::Needless };
        let Some((_, packet)) = self.given(number, encodings) else { return Wish::Needless };
        let interval = self.statistics.round_trip.unwrap_or_default().max(RESEND_INTERVAL_MIN);
        if self.timeline.is_resent(number, interval, now) {
            return Wish::Needless;
        }
        let payload = packet.payload.len().saturating_add(ORIGINAL_BYTES);
        if !transport.may_resend(payload, now) {
            return Wish::Exhausted;
        }
        self.timeline.note_resent(number, now);
        if is_voice {
            self.redundancy.note_loss(now);
            self.redundancy.ask(number);
            return Wish::Deferred;
        }
        Wish::Granted(number, payload)
    }

    /// Sends again what went out under a number, in the retransmission stream (RFC 4588, section 4); its bytes on the
    /// network. `None` if the packet is kept no more, or nobody can be reached.
    pub(crate) fn send_again(
        &mut self,
        number: SeqNo,
        encodings: &Encodings,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let (shift, packet) = self.given(number, encodings)?;
        let original = number.to_wire().to_be_bytes();
        let (beginning, length) = shift.beginning(packet);
        let (beginning, rest) = replaced(&beginning, length, packet);
        let payload = [original.as_slice(), beginning, rest];
        let Packet { has_padding, marker, timestamp, .. } = *packet;
        let timestamp = timestamp.wrapping_add(shift.timestamp);
        let bytes = self.send_rtx((has_padding, marker, timestamp), &payload, transport, now, output)?;
        self.statistics.resent = self.statistics.resent.saturating_add(1);
        Some(bytes)
    }

    /// Sends padding alone in the retransmission stream, so that the datagram has about so many bytes, as far as one
    /// has room for that. To its receiver it is nothing, to the network a packet like others.
    pub(crate) fn pad(
        &mut self,
        bytes: u64,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        if self.kind == TrackKind::Audio {
            return None;
        }
        let wanted = usize::try_from(bytes).ok()?.saturating_sub(transport.rtp_bytes(0));
        let length = u8::try_from(wanted).unwrap_or(PADDING_MAX).max(1);
        let zeros = [0; PADDING_MAX as usize];
        let payload = [zeros.get(..usize::from(length.saturating_sub(1)))?, &[length]];
        self.send_rtx((true, false, self.timestamp), &payload, transport, now, output)
    }

    /// Sends a packet of the retransmission stream, whose header says this of padding, marker and time.
    fn send_rtx(
        &mut self,
        (has_padding, marker, timestamp): (bool, bool, u32),
        payload: &[&[u8]],
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        if !transport.has_path() || !transport.takes_retransmissions {
            return None;
        }
        let number = self.rtx_next;
        let cycles = number.cycles_since(RTX_FIRST)?;
        self.rtx_next = number.next();
        let header = PlainHeader {
            has_padding,
            marker,
            payload_type: self.types.rtx?,
            sequence: number.to_wire(),
            timestamp,
            ssrc: self.rtx_ssrc,
        };
        transport.send_rtp(RtpPacket { header, number: (number, cycles), payload }, now, output)
    }

    /// Passes on where the current encoding stands: media times are its own but for what is added to them, so are its
    /// clocks. The report is written into `packet`.
    pub(crate) fn report(
        &mut self,
        id: EncodingId,
        SenderClock { ntp, rtp_time }: SenderClock,
        packet: &mut Vec<u8>,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) {
        let Some((_, shift)) = self.timeline.source().filter(|_| self.current == Some(id)) else { return };
        if self.has_begun() {
            packet.clear();
            let (packets, octets) = self.statistics.reported();
            let rtp_time = rtp_time.wrapping_add(shift.timestamp);
            SenderReport { ssrc: self.ssrc, ntp, rtp_time, packets, octets }.write(packet, &[]);
            transport.send_rtcp(packet, output);
            self.statistics.note_report(ntp, now);
        }
    }

    /// Goes by what the receiver says: whether packets are lost, and how long the way is.
    pub(crate) fn note_reception(&mut self, block: &ReportBlock, now: Instant) {
        if block.fraction_lost >= FRACTION_LOST_MIN {
            self.redundancy.note_loss(now);
        }
        self.statistics.note_reception(block, now);
    }
}

/// A packet's payload with these in place of its first bytes, in two parts.
fn replaced<'a>(beginning: &'a [u8], length: usize, packet: &'a Packet) -> (&'a [u8], &'a [u8]) {
    (beginning.get(..length).unwrap_or_default(), packet.payload.get(length..).unwrap_or_default())
}
