//! Report blocks: how a stream is received (RFC 3550, section 6.4.1).

use super::{
    append_words,
    compound::{Allowance, Body},
};

/// Blocks in one report at most (RFC 3550, section 6.4.2).
pub const BLOCKS_MAX: usize = 31;

const BYTES: usize = 24;

/// How a stream is received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// SSRC of the media stream (RFC 3550, section 3).
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning, less what came twice; 24 bits with a sign go over the wire.
    pub lost: i32,
    /// The highest sequence number received, with 16 bits of cycles.
    pub highest: u32,
    /// The variation of arrival times, in media time units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time; zero if there was none.
    pub last_report: u32,
    /// How long ago that came, in 65,536ths of a second.
    pub since_last_report: u32,
}

/// The range of [`ReportBlock::lost`] (RFC 3550, appendix A.3).
const LOST_MAX: i32 = 0x7F_FFFF;
const LOST_MIN: i32 = -0x80_0000;

impl ReportBlock {
    fn read(bytes: &[u8; BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_be_bytes(*word));
        let mut word = || words.next().unwrap_or_default();
        let (ssrc, loss) = (word(), word());
        let [fraction_lost, l0, l1, l2] = loss.to_be_bytes();
        Self {
            ssrc,
            fraction_lost,
            // Shifted down again, the sign fills the upper bits.
            lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest: word(),
            jitter: word(),
            last_report: word(),
            since_last_report: word(),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [_, l0, l1, l2] = self.lost.clamp(LOST_MIN, LOST_MAX).to_be_bytes();
        let loss = u32::from_be_bytes([self.fraction_lost, l0, l1, l2]);
        append_words(
            out,
            &[self.ssrc, loss, self.highest, self.jitter, self.last_report, self.since_last_report],
        );
    }
}

/// The blocks of a report that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [[u8; BYTES]]);

impl<'a> ReportBlocks<'a> {
    /// As many as the report says; `None` if they are not there.
    pub(super) fn read(count: u8, body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (blocks, _) = body.as_chunks();
        Some(Self(allowance.take(blocks.get(..count.into())?)))
    }

    /// The blocks, in their order.
    pub fn iter(self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.0.iter().map(ReportBlock::read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, receiver_report, sender_report::SenderReport, tests::read};

    fn blocks(count: u32) -> Vec<ReportBlock> {
        let block = |n: u32| ReportBlock {
            ssrc: n,
            fraction_lost: u8::try_from(n * 7 % 256).unwrap(),
            lost: i32::try_from(n).unwrap() * 1000 - 9000,
            highest: n << 16 | 5,
            jitter: n * 3,
            last_report: n.wrapping_mul(0x9E37_79B9),
            since_last_report: n * 65_536,
        };
        (0..count).map(block).collect()
    }

    #[test]
    fn blocks_of_both_kinds_of_reports_read_as_they_were_written() {
        for count in [0, 1, 31] {
            let (blocks, mut out) = (blocks(count), Vec::new());
            let report = SenderReport { ssrc: 1, ntp: 2, rtp_time: 3, packets: 4, octets: 5 };
            receiver_report::write(&mut out, 1, &blocks);
            report.write(&mut out, &blocks);
            let [Packet::ReceiverReport(one), Packet::SenderReport(_, other)] = read(&out)[..] else {
                panic!("{:?}", read(&out));
            };
            assert_eq!(one.blocks.iter().collect::<Vec<_>>(), blocks);
            assert_eq!(other.iter().collect::<Vec<_>>(), blocks);
        }
    }

    #[test]
    fn a_report_has_no_more_blocks_than_it_can_count() {
        let mut out = Vec::new();
        receiver_report::write(&mut out, 1, &blocks(40));
        let [Packet::ReceiverReport(report)] = read(&out)[..] else { panic!() };
        assert_eq!(report.blocks.iter().count(), BLOCKS_MAX);
    }

    #[test]
    fn what_is_lost_keeps_to_24_bits_and_its_sign() {
        for (lost, said) in [(-5, -5), (i32::MIN, -0x80_0000), (i32::MAX, 0x7F_FFFF), (0x7F_FFFF, 0x7F_FFFF)]
        {
            let mut out = Vec::new();
            receiver_report::write(&mut out, 1, &[ReportBlock { lost, ..ReportBlock::default() }]);
            let [Packet::ReceiverReport(report)] = read(&out)[..] else { panic!() };
            assert_eq!(report.blocks.iter().map(|block| block.lost).collect::<Vec<_>>(), [said]);
        }
    }

    #[test]
    fn a_report_that_announces_more_blocks_than_it_has_is_not_read() {
        let mut out = Vec::new();
        receiver_report::write(&mut out, 1, &blocks(2));
        out[0] += 1;
        assert_eq!(read(&out), []);
    }
}
