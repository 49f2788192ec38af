//! Decrypting what a peer sends, each packet once.

use super::{
    keys::{PacketIndex, SessionKeys},
    replay::Windows,
};
use crate::rtp::{header::Header, sequence::SeqNo};

/// Decrypts what one peer sends.
pub struct Opener {
    keys: SessionKeys,
    rtp: Windows,
    rtcp: Windows,
}

/// An RTP packet that is genuine and came for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'p> {
    /// What stands before the payload.
    pub header: Header<'p>,
    /// The payload, decrypted, with its padding.
    pub payload: &'p [u8],
}

impl Opener {
    pub(super) fn new(keys: SessionKeys) -> Self {
        Self { keys, rtp: Windows::default(), rtcp: Windows::default() }
    }

    /// Streams that are remembered, of RTP and of RTCP.
    #[cfg(any(test, feature = "simulation"))]
    pub const fn remembered(&self) -> (usize, usize) {
        (self.rtp.len(), self.rtcp.len())
    }

    /// The payload of an RTP packet in this cycle of its stream, whatever came before.
    #[cfg(any(test, feature = "simulation"))]
    pub fn opened(&self, packet: &[u8], cycles: u32) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let (header, body) = Header::split(&mut packet)?;
        let index = PacketIndex::rtp(header.ssrc, cycles, header.sequence);
        self.keys.rtp.open_rtp(index, header.bytes, body).map(|payload| payload.to_vec())
    }

    /// A stream has ended, and what is remembered of it is the first to go when there is need of its place.
    ///
    /// Not at once: forgotten, its packets would open a second time, and who recorded them could pass them off
    /// as those of a stream that is announced later. And a peer that takes the stream up again goes on counting
    /// where it was.
    pub fn retire(&mut self, ssrc: u32) {
        self.rtp.retire(ssrc);
        self.rtcp.retire(ssrc);
    }

    /// Decrypts an RTP packet in place.
    ///
    /// `None` if it is forged, repeated or too late.
    pub fn rtp<'p>(&mut self, packet: &'p mut [u8]) -> Option<Opened<'p>> {
        let (header, body) = Header::split(packet)?;
        let place = self.rtp.find(header.ssrc);
        // Streams begin in cycle zero; numbers are kept one cycle up, so that
        // the estimate can go below the first.
        let number = match self.rtp.highest(place) {
            Some(highest) => SeqNo::from_extended(highest).extend(header.sequence),
            None => SeqNo::first(header.sequence),
        };
        if !self.rtp.is_new(place, number.extended()) {
            return None;
        }
        let index = PacketIndex::rtp(header.ssrc, number.cycles().wrapping_sub(1), header.sequence);
        let payload = self.keys.rtp.open_rtp(index, header.bytes, body)?;
        self.rtp.note(place, header.ssrc, number.extended());
        Some(Opened { header, payload })
    }

    /// Decrypts a compound RTCP packet in place and returns its length without what protection added.
    ///
    /// `None` if it is forged, repeated or too late.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let (ssrc, index) = self.keys.rtcp.rtcp_index(packet)?;
        let place = self.rtcp.find(ssrc);
        if !self.rtcp.is_new(place, index.into()) {
            return None;
        }
        let length = self.keys.rtcp.open_rtcp((ssrc, index), packet)?;
        self.rtcp.note(place, ssrc, index.into());
        Some(length)
    }
}
