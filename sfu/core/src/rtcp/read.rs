//! Reading compound packets: what a participant tells about what it sends and receives.

use super::{format, kind};

/// One thing that a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Where the sender's stream stands (RFC 3550, section 6.4.1).
    SenderReport {
        /// The stream.
        ssrc: u32,
        /// Wall-clock time in NTP format.
        ntp: u64,
        /// The same moment in the stream's media time.
        rtp_time: u32,
    },
    /// Packets that the receiver misses: `first`, and those after it whose bit is set (RFC 4585, section 6.2.1).
    Nack {
        /// The stream.
        ssrc: u32,
        /// The first missing sequence number.
        first: u16,
        /// The sixteen after it.
        following: u16,
    },
    /// The receiver cannot decode without a key frame (RFC 4585, section 6.3.1; RFC 5104, section 4.3.1).
    KeyframeRequest {
        /// The stream.
        ssrc: u32,
    },
}

/// Calls `say` for everything in a compound packet that is understood, up to the first malformed part.
pub fn each(mut compound: &[u8], mut say: impl FnMut(Said)) {
    while let Some((&[first, kind, l0, l1], _)) = compound.split_first_chunk::<4>() {
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((packet, rest)) = compound.split_at_checked(length) else { return };
        if first >> 6 != 2 {
            return;
        }
        one(first & 0x1F, kind, packet, &mut say);
        compound = rest;
    }
}

fn one(format: u8, kind: u8, packet: &[u8], say: &mut impl FnMut(Said)) {
    match (kind, format) {
        (kind::SENDER_REPORT, _) => {
            if let (Some(ssrc), Some(high), Some(low), Some(rtp_time)) =
                (word(packet, 1), word(packet, 2), word(packet, 3), word(packet, 4))
            {
                say(Said::SenderReport { ssrc, ntp: u64::from(high) << 32 | u64::from(low), rtp_time });
            }
        }
        (kind::TRANSPORT_FEEDBACK, format::NACK) => {
            let Some(ssrc) = word(packet, 2) else { return };
            for item in packet.get(12..).unwrap_or_default().chunks_exact(4) {
                if let &[f0, f1, b0, b1] = item {
                    let (first, following) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([b0, b1]));
                    say(Said::Nack { ssrc, first, following });
                }
            }
        }
        (kind::PAYLOAD_FEEDBACK, format::PLI) => {
            if let Some(ssrc) = word(packet, 2) {
                say(Said::KeyframeRequest { ssrc });
            }
        }
        (kind::PAYLOAD_FEEDBACK, format::FIR) => {
            for item in packet.get(12..).unwrap_or_default().chunks_exact(8) {
                if let Some(ssrc) = word(item, 0) {
                    say(Said::KeyframeRequest { ssrc });
                }
            }
        }
        _ => {}
    }
}

/// The 32-bit word at this place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at * 4..)?.first_chunk::<4>().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::write;

    fn said(packet: &[u8]) -> Vec<Said> {
        let mut all = Vec::new();
        each(packet, |one| all.push(one));
        all
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let mut packet = Vec::new();
        write::sender_report(&mut packet, 1, 0x0102_0304_0506_0708, 9, 10, 11);
        write::nack(&mut packet, 1, 2, &[7, 8, 30]);
        write::pli(&mut packet, 1, 2);
        assert_eq!(
            said(&packet),
            [
                Said::SenderReport { ssrc: 1, ntp: 0x0102_0304_0506_0708, rtp_time: 9 },
                Said::Nack { ssrc: 2, first: 7, following: 1 },
                Said::Nack { ssrc: 2, first: 30, following: 0 },
                Said::KeyframeRequest { ssrc: 2 },
            ]
        );
        for end in 0..packet.len() {
            said(&packet[..end]);
        }
    }
}
