//! Decrypting what a peer sends, each packet once.

use super::SessionKeys;
use crate::rtp::{header::Header, sequence::SeqNo};
use aws_lc_rs::aead::Aad;
use std::collections::BTreeMap;

/// Streams of one transport that are remembered at once, for RTP and for RTCP.
///
/// Only packets that open are remembered, so a stranger takes no place; who has
/// the keys could invent streams, and then loses the memory of its own. Fewer
/// would forget a stream that rests while others come and go: if its counter has
/// wrapped it does not open again (RFC 3711, section 3.3.1).
pub(crate) const STREAMS_MAX: usize = 64;

/// Packets by which one may be late (RFC 3711, section 3.3.2: at least 64).
const WINDOW: u64 = 128;

/// What of an RTCP packet is not encrypted, in bytes.
const RTCP_HEAD_BYTES: usize = 8;

/// Which numbers have been seen.
#[derive(Debug, Clone, Copy)]
struct Window {
    highest: u64,
    /// Bit `n`: `highest - n` has been seen.
    seen: u128,
    /// When it was last written to, by the count of packets.
    used: u64,
}

impl Window {
    const fn at(number: u64) -> Self {
        Self { highest: number, seen: 1, used: 0 }
    }

    const fn is_new(&self, number: u64) -> bool {
        match self.highest.checked_sub(number) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen & bit(behind) == 0,
        }
    }

    const fn note(&mut self, number: u64) {
        if let Some(behind) = self.highest.checked_sub(number) {
            self.seen |= bit(behind);
        } else {
            let ahead = number.saturating_sub(self.highest);
            self.seen = if ahead < WINDOW { self.seen.unbounded_shl(low(ahead)) | 1 } else { 1 };
            self.highest = number;
        }
    }
}

/// Bit `n`; none if there is no such bit.
const fn bit(n: u64) -> u128 {
    if n < WINDOW { 1_u128.unbounded_shl(low(n)) } else { 0 }
}

#[expect(clippy::cast_possible_truncation, reason = "below the width of the window")]
const fn low(n: u64) -> u32 {
    n as u32
}

/// The streams that are remembered, by their numbers.
#[derive(Debug, Default)]
struct Windows {
    known: BTreeMap<u32, Window>,
    packets: u64,
}

impl Windows {
    /// Notes a packet that has been opened. A stream that is new takes the place
    /// of the one that was silent for longest, if there are too many.
    fn note(&mut self, ssrc: u32, number: u64) {
        self.packets = self.packets.wrapping_add(1);
        if let Some(window) = self.known.get_mut(&ssrc) {
            window.note(number);
            window.used = self.packets;
            return;
        }
        if self.known.len() >= STREAMS_MAX {
            let oldest = self.known.iter().min_by_key(|(_, window)| window.used).map(|(ssrc, _)| *ssrc);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.known.insert(ssrc, Window { used: self.packets, ..Window::at(number) });
    }
}

/// Decrypts what one peer sends.
pub struct Opener {
    keys: SessionKeys,
    rtp: Windows,
    rtcp: Windows,
}

impl Opener {
    pub(super) fn new(keys: SessionKeys) -> Self {
        Self { keys, rtp: Windows::default(), rtcp: Windows::default() }
    }

    /// Streams that are remembered, of RTP and of RTCP.
    #[cfg(any(test, feature = "simulation"))]
    pub fn remembered(&self) -> (usize, usize) {
        (self.rtp.known.len(), self.rtcp.known.len())
    }

    /// The payload of an RTP packet in this cycle of its stream, whatever came before.
    #[cfg(any(test, feature = "simulation"))]
    pub fn opened(&self, packet: &[u8], cycles: u32) -> Option<Vec<u8>> {
        let header = Header::parse(packet)?;
        let mut packet = packet.to_vec();
        let nonce = self.keys.rtp_nonce(header.ssrc, cycles, header.sequence);
        let (aad, body) = packet.split_at_mut_checked(header.length)?;
        self.keys.rtp.open_in_place(nonce, Aad::from(&*aad), body).ok().map(|payload| payload.to_vec())
    }

    /// Decrypts an RTP packet in place and returns its length without the tag.
    ///
    /// `None` if it is forged, repeated or too late.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let header = Header::parse(packet)?;
        let (ssrc, sequence, length) = (header.ssrc, header.sequence, header.length);
        let window = self.rtp.known.get(&ssrc).copied();
        // Streams begin in cycle zero; numbers are kept one cycle up, so that
        // the estimate can go below the first.
        let number = match window {
            Some(window) => SeqNo::from_extended(window.highest).extend(sequence),
            None => SeqNo::first(sequence),
        };
        if window.is_some_and(|window| !window.is_new(number.extended())) {
            return None;
        }
        let (aad, body) = packet.split_at_mut_checked(length)?;
        let nonce = self.keys.rtp_nonce(ssrc, number.cycles().wrapping_sub(1), sequence);
        let plain = self.keys.rtp.open_in_place(nonce, Aad::from(&*aad), body).ok()?.len();
        self.rtp.note(ssrc, number.extended());
        length.checked_add(plain)
    }

    /// Decrypts a compound RTCP packet in place and returns its length without the trailer.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let (rest, trailer) = packet.split_last_chunk_mut::<4>()?;
        let word = u32::from_be_bytes(*trailer);
        // Without the first bit it is not encrypted; such packets are not accepted.
        let index = word.checked_sub(0x8000_0000)?;
        let (head, body) = rest.split_first_chunk_mut::<RTCP_HEAD_BYTES>()?;
        let [_, _, _, _, s0, s1, s2, s3] = *head;
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        if self.rtcp.known.get(&ssrc).is_some_and(|window| !window.is_new(index.into())) {
            return None;
        }
        let aad = [head.as_slice(), trailer.as_slice()].concat();
        let nonce = self.keys.rtcp_nonce(ssrc, index);
        let plain = self.keys.rtcp.open_in_place(nonce, Aad::from(aad.as_slice()), body).ok()?.len();
        self.rtcp.note(ssrc, index.into());
        plain.checked_add(RTCP_HEAD_BYTES)
    }
}
