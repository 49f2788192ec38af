//! What goes out on a transport as RTP: numbered where the peer tells when it arrives, and then no faster than its
//! network carries it.

use super::Transport;
use crate::{
    congestion::{CongestionControl, Waiting},
    output::Output,
    pacer::Urgency,
    rtp::{
        header::{BYTES_MIN, ExtendedHeader, PlainHeader},
        sequence::SeqNo,
    },
};
use std::time::Instant;

/// The length of the header of a numbered packet, in bytes.
const NUMBERED_BYTES: usize = BYTES_MIN + 8;

/// An RTP packet that is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtpPacket<'a> {
    pub(crate) header: PlainHeader,
    /// Its number, and in which cycle of them since the stream began: together they come once in a stream.
    pub(crate) number: (SeqNo, u32),
    /// One behind the other.
    pub(crate) payload: &'a [&'a [u8]],
}

impl Transport {
    /// The peer takes packets that are numbered in this header extension and tells when they arrive, or does not.
    pub(crate) fn agree_on_arrivals(&mut self, extension: Option<u8>, now: Instant) {
        match extension {
            None => self.congestion = None,
            Some(extension) if self.congestion.is_none() => {
                self.congestion = Some(Box::new(CongestionControl::new(extension, now)));
            }
            Some(_) => {}
        }
    }

    /// What an RTP packet of so long a payload is on the network, in bytes.
    pub(crate) fn rtp_bytes(&self, payload: usize) -> usize {
        let header = if self.congestion.is_some() { NUMBERED_BYTES } else { BYTES_MIN };
        let tag = self.keys.as_ref().map_or(0, |(_, sealer)| sealer.tag_bytes());
        header.saturating_add(payload).saturating_add(tag)
    }

    /// Whether a packet of so long a payload may be sent again now; if so, it counts as sent.
    pub(crate) fn may_resend(&mut self, payload: usize, now: Instant) -> bool {
        let bytes = self.rtp_bytes(payload);
        let estimate = self.congestion.as_ref().map(|congestion| congestion.estimate());
        self.budget.take(bytes, estimate, now)
    }

    /// Whether so many bytes of earlier sound may go with a packet; if so, they count as sent.
    pub(crate) fn may_add(&mut self, bytes: usize, now: Instant) -> bool {
        let estimate = self.congestion.as_ref().map(|congestion| congestion.estimate());
        self.budget.take_redundant(bytes, estimate, now)
    }

    /// Packets are to be sent now, each if it is [admitted](Self::admits).
    pub(crate) fn begin_batch(&mut self, now: Instant) {
        if let Some(congestion) = &mut self.congestion {
            congestion.begin_batch(now);
        }
    }

    /// Whether a packet of so long a payload is to be sent at once. If not, it waits, or is given up.
    pub(crate) fn admits(&mut self, packet: Waiting, payload: usize, urgency: Urgency) -> bool {
        if self.congestion.is_none() {
            return true;
        }
        let bytes = self.rtp_bytes(payload);
        self.congestion.as_mut().is_none_or(|congestion| congestion.admits(packet, bytes, urgency))
    }

    /// All that was to be sent now was admitted or waits.
    pub(crate) fn end_batch(&mut self, now: Instant) {
        if let Some(congestion) = &mut self.congestion {
            congestion.end_batch(now);
        }
    }

    /// Sends an RTP packet; what it is on the network in bytes, or `None` if nothing is sent now.
    pub(crate) fn send_rtp(
        &mut self,
        packet: RtpPacket<'_>,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let RtpPacket { header, number: (number, cycles), payload } = packet;
        let (source, destination) = self.agent.path().filter(|_| self.is_connected())?;
        let (_, sealer) = self.keys.as_ref()?;
        let ssrc = header.ssrc;
        let mut header = ExtendedHeader::from(header);
        if let Some(congestion) = &self.congestion {
            congestion.number(&mut header);
        }
        let mut length = 0;
        let is_sent = output.datagram(source, destination, |bytes| {
            let start = bytes.len();
            let is_sealed = sealer.rtp(header.as_slice(), payload, ssrc, number, cycles, bytes);
            length = bytes.len().saturating_sub(start);
            is_sealed
        });
        if let (true, Some(congestion)) = (is_sent, &mut self.congestion) {
            congestion.note_sent(length, now);
        }
        is_sent.then_some(length)
    }
}
