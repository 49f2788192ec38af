//! Negative acknowledgements (RFC 4585, section 6.2.1).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    format, kind,
};

/// The receiver of a stream misses packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who says it.
    pub ssrc: u32,
    /// SSRC of the media stream (RFC 3550, section 3).
    pub media: u32,
    losses: &'a [[u8; 4]],
}

/// Packets that are missing near each other: one, and those of the sixteen after it whose bit is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The first missing sequence number.
    pub first: u16,
    /// The sixteen after it, the next one in the lowest bit.
    pub following: u16,
}

impl Loss {
    /// The missing sequence numbers, in rising order.
    pub fn sequences(self) -> impl Iterator<Item = u16> {
        let others = (0..16_u16).filter(move |bit| self.following.unbounded_shr((*bit).into()) & 1 != 0);
        let others = others.map(move |bit| self.first.wrapping_add(bit).wrapping_add(1));
        std::iter::once(self.first).chain(others)
    }
}

impl<'a> Nack<'a> {
    pub(super) fn read(body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (ssrc, body) = word(body)?;
        let (media, body) = word(body)?;
        Some(Self { ssrc, media, losses: allowance.take(body.as_chunks().0) })
    }

    /// What is missing.
    pub fn losses(self) -> impl Iterator<Item = Loss> + use<'a> {
        self.losses.iter().map(|&[f0, f1, b0, b1]| Loss {
            first: u16::from_be_bytes([f0, f1]),
            following: u16::from_be_bytes([b0, b1]),
        })
    }
}

/// Appends a request for missing packets, given in rising order.
pub fn write(out: &mut Vec<u8>, ssrc: u32, media: u32, missing: &[u16]) {
    append(out, kind::TRANSPORT_FEEDBACK, format::NACK, |out| {
        append_words(out, &[ssrc, media]);
        let mut missing = missing.iter().copied().peekable();
        while let Some(first) = missing.next() {
            let mut following = 0_u16;
            // How far behind the number after the first: its bit, if there is one.
            let bit = |sequence: u16| sequence.wrapping_sub(first).wrapping_sub(1);
            while let Some(sequence) = missing.next_if(|sequence| bit(*sequence) < 16) {
                following |= 1_u16.unbounded_shl(bit(sequence).into());
            }
            append_words(out, &[u32::from(first) << 16 | u32::from(following)]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;

    fn missing(out: &[u8]) -> Vec<u16> {
        let [Packet::Nack(nack)] = read(out)[..] else { panic!() };
        assert_eq!((nack.ssrc, nack.media), (1, 2));
        nack.losses().flat_map(Loss::sequences).collect()
    }

    #[test]
    fn sixteen_numbers_behind_the_first_go_with_it() {
        let mut out = Vec::new();
        write(&mut out, 1, 2, &[7, 8, 23, 24, 65_535]);
        assert_eq!(out[..4], [0x81, 205, 0, 5]);
        assert_eq!(out[12..], [0, 7, 0x80, 1, 0, 24, 0, 0, 0xFF, 0xFF, 0, 0]);
        assert_eq!(missing(&out), [7, 8, 23, 24, 65_535]);
    }

    #[test]
    fn whatever_is_missing_reads_as_it_was_written_over_the_wrap_too() {
        let mut random = StdRng::seed_from_u64(4585);
        for _ in 0..1000 {
            let (start, span) = (random.random::<u16>(), random.random_range(1..400));
            let behind: BTreeSet<u16> =
                (0..random.random_range(1..100)).map(|_| random.random_range(0..span)).collect();
            let wanted: Vec<u16> = behind.iter().map(|behind| start.wrapping_add(*behind)).collect();
            let mut out = Vec::new();
            write(&mut out, 1, 2, &wanted);
            assert_eq!(missing(&out), wanted);
        }
    }
}
