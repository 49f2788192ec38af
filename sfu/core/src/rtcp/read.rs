//! Reading compound packets: what a participant tells about what it sends and receives.

use super::{format, kind};

/// One item of a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpItem {
    /// Where the sender's stream stands (RFC 3550, section 6.4.1).
    SenderReport {
        /// SSRC of the media stream (RFC 3550, section 3).
        ssrc: u32,
        /// Wall-clock time in NTP format.
        ntp: u64,
        /// The same moment in the stream's media time.
        rtp_time: u32,
    },
    /// How a stream of ours is received (RFC 3550, section 6.4.1).
    Reception {
        /// SSRC of the media stream (RFC 3550, section 3).
        ssrc: u32,
        /// The sender report that came last, by the middle of its NTP time.
        report: u32,
        /// How long ago it came, in 65,536ths of a second.
        since: u32,
    },
    /// Packets that the receiver misses: `first`, and those after it whose bit is set (RFC 4585, section 6.2.1).
    Nack {
        /// SSRC of the media stream (RFC 3550, section 3).
        ssrc: u32,
        /// The first missing sequence number.
        first: u16,
        /// The sixteen after it.
        following: u16,
    },
    /// The receiver cannot decode without a key frame (RFC 4585, section 6.3.1; RFC 5104, section 4.3.1).
    KeyframeRequest {
        /// SSRC of the media stream (RFC 3550, section 3).
        ssrc: u32,
    },
}

/// Items read from one datagram at most.
///
/// A receiver of fifty tracks that reports on all of them and misses packets of
/// some stays below. More would let one datagram keep the packet loop busy.
pub const ITEMS_MAX: usize = 128;

/// Calls `emit` for everything in a compound packet that is understood, up to the
/// first malformed part, and [`ITEMS_MAX`] times at most.
pub fn for_each_item(mut compound: &[u8], mut emit: impl FnMut(RtcpItem)) {
    let mut left = ITEMS_MAX;
    let mut emit = |item| {
        if let Some(fewer) = left.checked_sub(1) {
            left = fewer;
            emit(item);
        }
    };
    while let Some((&[first, kind, l0, l1], _)) = compound.split_first_chunk::<4>() {
        let words = usize::from(u16::from_be_bytes([l0, l1]));
        let length = words.saturating_add(1).saturating_mul(4);
        let Some((packet, rest)) = compound.split_at_checked(length) else { return };
        if first >> 6 != 2 {
            return;
        }
        read_packet(first & 0x1F, kind, packet, &mut emit);
        compound = rest;
    }
}

fn read_packet(format: u8, kind: u8, packet: &[u8], emit: &mut impl FnMut(RtcpItem)) {
    match (kind, format) {
        (kind::SENDER_REPORT, _) => {
            if let (Some(ssrc), Some(high), Some(low), Some(rtp_time)) =
                (word(packet, 1), word(packet, 2), word(packet, 3), word(packet, 4))
            {
                emit(RtcpItem::SenderReport { ssrc, ntp: u64::from(high) << 32 | u64::from(low), rtp_time });
            }
            receptions(packet.get(28..).unwrap_or_default(), format, emit);
        }
        (kind::RECEIVER_REPORT, _) => receptions(packet.get(8..).unwrap_or_default(), format, emit),
        (kind::TRANSPORT_FEEDBACK, format::NACK) => {
            let Some(ssrc) = word(packet, 2) else { return };
            for item in packet.get(12..).unwrap_or_default().chunks_exact(4) {
                if let &[f0, f1, b0, b1] = item {
                    let (first, following) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([b0, b1]));
                    emit(RtcpItem::Nack { ssrc, first, following });
                }
            }
        }
        (kind::PAYLOAD_FEEDBACK, format::PLI) => {
            if let Some(ssrc) = word(packet, 2) {
                emit(RtcpItem::KeyframeRequest { ssrc });
            }
        }
        (kind::PAYLOAD_FEEDBACK, format::FIR) => {
            for item in packet.get(12..).unwrap_or_default().chunks_exact(8) {
                if let Some(ssrc) = word(item, 0) {
                    emit(RtcpItem::KeyframeRequest { ssrc });
                }
            }
        }
        _ => {}
    }
}

/// The first `count` blocks of a report that answer a sender report.
fn receptions(blocks: &[u8], count: u8, emit: &mut impl FnMut(RtcpItem)) {
    for block in blocks.chunks_exact(24).take(count.into()) {
        if let (Some(ssrc), Some(report), Some(since)) = (word(block, 0), word(block, 4), word(block, 5))
            && report != 0
        {
            emit(RtcpItem::Reception { ssrc, report, since });
        }
    }
}

/// The 32-bit word at this place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at.saturating_mul(4)..)?.first_chunk::<4>().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::write;

    fn item(packet: &[u8]) -> Vec<RtcpItem> {
        let mut all = Vec::new();
        for_each_item(packet, |one| all.push(one));
        all
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let mut packet = Vec::new();
        write::sender_report(&mut packet, 1, 0x0102_0304_0506_0708, 9, 10, 11);
        write::nack(&mut packet, 1, 2, &[7, 8, 30]);
        write::pli(&mut packet, 1, 2);
        assert_eq!(
            item(&packet),
            [
                RtcpItem::SenderReport { ssrc: 1, ntp: 0x0102_0304_0506_0708, rtp_time: 9 },
                RtcpItem::Nack { ssrc: 2, first: 7, following: 1 },
                RtcpItem::Nack { ssrc: 2, first: 30, following: 0 },
                RtcpItem::KeyframeRequest { ssrc: 2 },
            ]
        );
        for end in 0..packet.len() {
            item(&packet[..end]);
        }
    }

    #[test]
    fn blocks_that_answer_a_sender_report_are_read_from_both_kinds_of_reports() {
        let block = |ssrc, last_report| write::ReportBlock {
            ssrc,
            last_report,
            since_last_report: 9,
            ..write::ReportBlock::default()
        };
        let mut packet = Vec::new();
        write::receiver_report(&mut packet, 1, &[block(5, 7), block(6, 0)]);
        assert_eq!(item(&packet), [RtcpItem::Reception { ssrc: 5, report: 7, since: 9 }]);
        let blocks = packet.split_off(8);
        let mut report = Vec::new();
        write::sender_report(&mut report, 1, 2, 3, 4, 5);
        report[0] |= 1;
        report[3] += 6;
        report.extend(&blocks[..24]);
        assert_eq!(item(&report)[1..], [RtcpItem::Reception { ssrc: 5, report: 7, since: 9 }]);
    }

    #[test]
    fn one_datagram_says_only_so_much() {
        let mut packet = Vec::new();
        let scattered: Vec<u16> = (0..300).map(|n| n * 20).collect();
        write::nack(&mut packet, 1, 2, &scattered);
        assert_eq!(item(&packet).len(), ITEMS_MAX);
    }
}
