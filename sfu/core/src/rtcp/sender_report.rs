//! Sender reports (RFC 3550, section 6.4.1).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    kind,
    report_block::{BLOCKS_MAX, ReportBlock, ReportBlocks},
};

/// Where a sender's stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// SSRC of the media stream (RFC 3550, section 3).
    pub ssrc: u32,
    /// Wall-clock time in NTP format: seconds, and 32 bits of their fraction.
    pub ntp: u64,
    /// The same moment in the stream's media time.
    pub rtp_time: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Bytes of payload in them.
    pub octets: u32,
}

impl SenderReport {
    /// Appends the report, with as many of the blocks as fit into one.
    pub fn write(&self, out: &mut Vec<u8>, blocks: &[ReportBlock]) {
        let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
        append(out, kind::SENDER_REPORT, u8::try_from(blocks.len()).unwrap_or(0), |out| {
            append_words(out, &[self.ssrc]);
            out.extend_from_slice(&self.ntp.to_be_bytes());
            append_words(out, &[self.rtp_time, self.packets, self.octets]);
            blocks.iter().for_each(|block| block.write(out));
        });
    }
}

pub(super) fn read<'a>(
    count: u8,
    body: Body<'a>,
    allowance: &mut Allowance,
) -> Option<(SenderReport, ReportBlocks<'a>)> {
    allowance.take_one()?;
    let (ssrc, body) = word(body)?;
    let (ntp, body) = body.split_first_chunk::<8>()?;
    let (rtp_time, body) = word(body)?;
    let (packets, body) = word(body)?;
    let (octets, body) = word(body)?;
    let report = SenderReport { ssrc, ntp: u64::from_be_bytes(*ntp), rtp_time, packets, octets };
    Some((report, ReportBlocks::read(count, body, allowance)?))
}

/// What a reception report names a sender report by: the middle 32 bits of its NTP time.
pub fn middle(ntp: u64) -> u32 {
    u32::try_from(ntp >> 16 & 0xFFFF_FFFF).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    #[test]
    fn a_report_is_as_the_rfc_draws_it_and_reads_the_same() {
        let report = SenderReport {
            ssrc: 0x0102_0304,
            ntp: 0x1112_1314_1516_1718,
            rtp_time: 0x2122_2324,
            packets: 0x3132_3334,
            octets: 0x4142_4344,
        };
        let mut out = Vec::new();
        report.write(&mut out, &[]);
        let drawn = [
            0x80, 200, 0, 6, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23,
            0x24, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44,
        ];
        assert_eq!(out, drawn);
        let [Packet::SenderReport(said, blocks)] = read(&out)[..] else { panic!() };
        assert_eq!((said, blocks.iter().count()), (report, 0));
        assert_eq!(middle(said.ntp), 0x1314_1516);
    }

    #[test]
    fn what_a_profile_adds_behind_the_blocks_is_passed_over() {
        let mut out = vec![0x80, 200, 0, 7];
        out.extend([0; 24]);
        out.extend([9; 4]);
        assert!(matches!(read(&out)[..], [Packet::SenderReport(..)]));
    }
}
