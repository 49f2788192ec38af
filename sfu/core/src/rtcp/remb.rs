//! Receiver estimated maximum bitrates (draft-alvestrand-rmcat-remb-03, section 2.2).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    format, kind,
};

/// What tells it from other feedback of applications.
const NAME: [u8; 4] = *b"REMB";

/// The rate that a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who says it.
    pub ssrc: u32,
    /// For the streams together; the largest number for anything larger.
    pub bits_per_second: u64,
    streams: &'a [[u8; 4]],
}

impl<'a> Remb<'a> {
    pub(super) fn read(body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (ssrc, body) = word(body)?;
        let (_, body) = word(body)?;
        let body = body.strip_prefix(&NAME)?;
        allowance.take_one()?;
        let (rate, body) = word(body)?;
        let (exponent, mantissa) = (rate >> 18 & 0x3F, u64::from(rate & 0x3_FFFF));
        let is_representable = mantissa.leading_zeros() >= exponent;
        let bits_per_second = if is_representable { mantissa.unbounded_shl(exponent) } else { u64::MAX };
        let [count, ..] = rate.to_be_bytes();
        let (streams, _) = body.as_chunks();
        let streams = allowance.take(streams.get(..count.into())?);
        Some(Self { ssrc, bits_per_second, streams })
    }

    /// The streams' SSRCs.
    pub fn streams(self) -> impl Iterator<Item = u32> + use<'a> {
        self.streams.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }
}

/// Appends the rate that a sender may use for as many of the streams together as one can name. Of the rate the
/// upper 18 bits are said.
pub fn write(out: &mut Vec<u8>, ssrc: u32, bits_per_second: u64, streams: &[u32]) {
    let streams = streams.get(..u8::MAX.into()).unwrap_or(streams);
    append(out, kind::PAYLOAD_FEEDBACK, format::APPLICATION, |out| {
        append_words(out, &[ssrc, 0, u32::from_be_bytes(NAME)]);
        let exponent = 46_u32.saturating_sub(bits_per_second.leading_zeros());
        let mantissa = u32::try_from(bits_per_second.unbounded_shr(exponent)).unwrap_or(0);
        let count = u32::try_from(streams.len()).unwrap_or(0);
        append_words(out, &[count << 24 | exponent << 18 | mantissa]);
        append_words(out, streams);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    fn rate(out: &[u8]) -> u64 {
        let [Packet::Remb(remb)] = read(out)[..] else { panic!() };
        remb.bits_per_second
    }

    #[test]
    fn the_upper_bits_of_any_rate_survive() {
        for shift in 0..64 {
            for rate_said in [1_u64 << shift, u64::MAX >> shift, 2_500_000 >> shift] {
                let mut out = Vec::new();
                write(&mut out, 1, rate_said, &[7, 8]);
                let [Packet::Remb(remb)] = read(&out)[..] else { panic!() };
                assert_eq!((remb.ssrc, remb.streams().collect::<Vec<_>>()), (1, vec![7, 8]));
                let lost = rate_said.checked_sub(remb.bits_per_second).unwrap();
                assert!(lost <= rate_said >> 17, "{rate_said}: {}", remb.bits_per_second);
            }
        }
    }

    #[test]
    fn a_rate_beyond_all_numbers_is_the_largest() {
        let head = [0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B'];
        assert_eq!(rate(&[&head[..], &[0, 0xFF, 0xFF, 0xFF]].concat()), u64::MAX);
        assert_eq!(rate(&[&head[..], &[0, 0xFC, 0, 0]].concat()), 0, "nothing, however often doubled");
        assert_eq!(rate(&[&head[..], &[0, 0xFC, 0, 1]].concat()), 1 << 63);
    }

    #[test]
    fn feedback_of_other_applications_and_of_streams_that_are_not_there_is_not_read() {
        let mut out = Vec::new();
        write(&mut out, 1, 1000, &[7]);
        let mut other = out.clone();
        other[15] = b'C';
        assert_eq!(read(&other), []);
        out[16] = 2;
        assert_eq!(read(&out), []);
    }
}
