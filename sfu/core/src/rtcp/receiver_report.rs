//! Receiver reports (RFC 3550, section 6.4.2).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    kind,
    report_block::{BLOCKS_MAX, ReportBlock, ReportBlocks},
};

/// How a participant that sends nothing receives others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who says it.
    pub ssrc: u32,
    /// The streams that it receives.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(count: u8, body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (ssrc, body) = word(body)?;
        Some(Self { ssrc, blocks: ReportBlocks::read(count, body, allowance)? })
    }
}

/// Appends a receiver report with as many of the blocks as fit into one.
pub fn write(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
    append(out, kind::RECEIVER_REPORT, u8::try_from(blocks.len()).unwrap_or(0), |out| {
        append_words(out, &[ssrc]);
        blocks.iter().for_each(|block| block.write(out));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    #[test]
    fn lengths_say_what_follows() {
        let mut out = Vec::new();
        let block = ReportBlock { ssrc: 2, fraction_lost: 3, lost: 4, ..ReportBlock::default() };
        write(&mut out, 1, &[block]);
        assert_eq!(out.len(), 32);
        assert_eq!(out[..4], [0x81, 201, 0, 7]);
        assert_eq!(out[12..16], [3, 0, 0, 4]);
        let [Packet::ReceiverReport(report)] = read(&out)[..] else { panic!() };
        assert_eq!((report.ssrc, report.blocks.iter().collect()), (1, vec![block]));
    }
}
