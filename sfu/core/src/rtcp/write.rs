//! Writing packets. Each function appends one packet; several make a compound one.

use super::{format, kind};

fn head(out: &mut Vec<u8>, count: u8, kind: u8, words_after: u16) {
    out.extend_from_slice(&[0x80 | count & 0x1F, kind]);
    out.extend_from_slice(&words_after.to_be_bytes());
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// What a reception report names a sender report by: the middle 32 bits of its NTP time.
pub fn middle(ntp: u64) -> u32 {
    u32::try_from(ntp >> 16 & 0xFFFF_FFFF).unwrap_or(0)
}

/// A sender report without reception blocks (RFC 3550, section 6.4.1).
pub fn sender_report(out: &mut Vec<u8>, ssrc: u32, ntp: u64, rtp_time: u32, packets: u32, octets: u32) {
    head(out, 0, kind::SENDER_REPORT, 6);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    words(out, &[rtp_time, packets, octets]);
}

/// How a stream is received (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// SSRC of the media stream (RFC 3550, section 3).
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning; 24 bits go over the wire.
    pub lost: u32,
    /// The highest sequence number received, with 16 bits of cycles.
    pub highest: u32,
    /// The variation of arrival times, in media time units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time.
    pub last_report: u32,
    /// How long ago that came, in 65,536ths of a second.
    pub since_last_report: u32,
}

/// Blocks in one report at most (RFC 3550, section 6.4.2).
pub const BLOCKS_MAX: usize = 31;

/// A receiver report; blocks past [`BLOCKS_MAX`] are left out.
pub fn receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
    let count = u8::try_from(blocks.len()).unwrap_or(0);
    head(out, count, kind::RECEIVER_REPORT, u16::from(count).saturating_mul(6).saturating_add(1));
    words(out, &[ssrc]);
    for block in blocks {
        let loss = u32::from(block.fraction_lost) << 24 | block.lost & 0x00FF_FFFF;
        words(
            out,
            &[block.ssrc, loss, block.highest, block.jitter, block.last_report, block.since_last_report],
        );
    }
}

/// A request for missing packets, given in rising order (RFC 4585, section 6.2.1).
pub fn nack(out: &mut Vec<u8>, ssrc: u32, media: u32, missing: &[u16]) {
    let mut items: Vec<(u16, u16)> = Vec::new();
    for &sequence in missing {
        // How far behind the number after the item's first: its bit, if there is one.
        let bit = |first: u16| sequence.wrapping_sub(first).wrapping_sub(1);
        match items.last_mut() {
            Some((first, following)) if bit(*first) < 16 => {
                *following |= 1_u16.unbounded_shl(bit(*first).into());
            }
            _ => items.push((sequence, 0)),
        }
    }
    let words_after = u16::try_from(items.len()).unwrap_or(u16::MAX).saturating_add(2);
    head(out, format::NACK, kind::TRANSPORT_FEEDBACK, words_after);
    words(out, &[ssrc, media]);
    for (first, following) in items {
        words(out, &[u32::from(first) << 16 | u32::from(following)]);
    }
}

/// A request for a key frame (RFC 4585, section 6.3.1).
pub fn pli(out: &mut Vec<u8>, ssrc: u32, media: u32) {
    head(out, format::PLI, kind::PAYLOAD_FEEDBACK, 2);
    words(out, &[ssrc, media]);
}

/// The rate a sender may use for `media` together, in bits per second
/// (draft-alvestrand-rmcat-remb-03, section 2.2).
pub fn remb(out: &mut Vec<u8>, ssrc: u32, bits_per_second: u32, media: &[u32]) {
    let count = u8::try_from(media.len()).unwrap_or(u8::MAX);
    head(out, format::APPLICATION, kind::PAYLOAD_FEEDBACK, u16::from(count).saturating_add(4));
    words(out, &[ssrc, 0, u32::from_be_bytes(*b"REMB")]);
    // An 18-bit mantissa and its exponent.
    let exponent = 14_u32.saturating_sub(bits_per_second.leading_zeros());
    let mantissa = bits_per_second.unbounded_shr(exponent);
    words(out, &[u32::from(count) << 24 | exponent << 18 | mantissa]);
    words(out, media.get(..usize::from(count)).unwrap_or(media));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_say_what_follows() {
        let mut out = Vec::new();
        let block = ReportBlock { ssrc: 2, fraction_lost: 3, lost: 4, ..ReportBlock::default() };
        receiver_report(&mut out, 1, &[block]);
        assert_eq!(out.len(), 32);
        assert_eq!(out[..4], [0x81, 201, 0, 7]);
        assert_eq!(out[12..16], [3, 0, 0, 4]);
    }

    #[test]
    fn the_rate_survives_mantissa_and_exponent() {
        let mut out = Vec::new();
        remb(&mut out, 1, 2_500_000, &[7]);
        let field = u32::from_be_bytes(out[16..20].try_into().unwrap());
        let rate = (field & 0x3_FFFF) << (field >> 18 & 0x3F);
        assert!((2_499_900..=2_500_000).contains(&rate), "{rate}");
        assert_eq!(field >> 24, 1);
    }
}
