//! Decrypting what a peer sends, each packet once.

use super::{RTCP_TRAILER_BYTES, SessionKeys, TAG_BYTES};
use crate::rtp::{header::Header, sequence::SeqNo};
use aws_lc_rs::aead::Aad;
use std::collections::HashMap;

/// Streams on one transport at most. An authenticated peer could announce more
/// than it offered; those are ignored.
const STREAMS_MAX: usize = 64;

/// Packets by which one may be late (RFC 3711, section 3.3.2: at least 64).
const WINDOW: u64 = 128;

/// Which numbers have been seen.
#[derive(Debug, Clone, Copy)]
struct Window {
    highest: u64,
    /// Bit `n`: `highest - n` has been seen.
    seen: u128,
}

impl Window {
    const fn at(number: u64) -> Self {
        Self { highest: number, seen: 1 }
    }

    fn is_new(&self, number: u64) -> bool {
        match self.highest.checked_sub(number) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen & (1 << behind) == 0,
        }
    }

    fn note(&mut self, number: u64) {
        if let Some(behind) = self.highest.checked_sub(number) {
            self.seen |= 1_u128.checked_shl(u32::try_from(behind).unwrap_or(u32::MAX)).unwrap_or(0);
        } else {
            let ahead = u32::try_from(number - self.highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = number;
        }
    }
}

/// Decrypts what one peer sends.
pub struct Opener {
    keys: SessionKeys,
    rtp: HashMap<u32, Window>,
    rtcp: HashMap<u32, Window>,
}

impl Opener {
    pub(super) fn new(keys: SessionKeys) -> Self {
        Self { keys, rtp: HashMap::new(), rtcp: HashMap::new() }
    }

    /// Decrypts an RTP packet in place and returns its length without the tag.
    ///
    /// `None` if it is forged, repeated, too late, or of one stream too many.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let header = Header::parse(packet)?;
        let (ssrc, sequence, length) = (header.ssrc, header.sequence, header.length);
        let window = self.rtp.get(&ssrc).copied();
        // Streams begin in cycle zero; numbers are kept one cycle up, so that
        // the estimate can go below the first.
        let number = match window {
            Some(window) => SeqNo::from_extended(window.highest).extend(sequence),
            None => SeqNo::first(sequence),
        };
        if window.is_some_and(|window| !window.is_new(number.extended()))
            || (window.is_none() && self.rtp.len() >= STREAMS_MAX)
        {
            return None;
        }
        let (aad, body) = packet.split_at_mut_checked(length)?;
        let nonce = self.keys.rtp_nonce(ssrc, number.cycles().wrapping_sub(1), sequence);
        let plain = self.keys.rtp.open_in_place(nonce, Aad::from(&*aad), body).ok()?.len();
        note(&mut self.rtp, ssrc, number.extended());
        Some(length + plain)
    }

    /// Decrypts a compound RTCP packet in place and returns its length without the trailer.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let (rest, trailer) = packet.split_last_chunk_mut::<4>()?;
        let word = u32::from_be_bytes(*trailer);
        // Without the first bit it is not encrypted; such packets are not accepted.
        let index = word.checked_sub(0x8000_0000)?;
        let (head, body) = rest.split_first_chunk_mut::<8>()?;
        let [_, _, _, _, s0, s1, s2, s3] = *head;
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        let window = self.rtcp.get(&ssrc);
        if window.is_some_and(|window| !window.is_new(index.into()))
            || (window.is_none() && self.rtcp.len() >= STREAMS_MAX)
        {
            return None;
        }
        let aad = [head.as_slice(), trailer.as_slice()].concat();
        let nonce = self.keys.rtcp_nonce(ssrc, index);
        let plain = self.keys.rtcp.open_in_place(nonce, Aad::from(aad.as_slice()), body).ok()?.len();
        note(&mut self.rtcp, ssrc, index.into());
        debug_assert_eq!(packet.len(), 8 + plain + RTCP_TRAILER_BYTES);
        debug_assert_eq!(RTCP_TRAILER_BYTES, TAG_BYTES + 4);
        Some(8 + plain)
    }
}

fn note(windows: &mut HashMap<u32, Window>, ssrc: u32, number: u64) {
    windows.entry(ssrc).and_modify(|window| window.note(number)).or_insert(Window::at(number));
}
