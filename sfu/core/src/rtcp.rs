//! RTCP packets (RFC 3550, RFC 4585), each kind in a file: how it is read, and how it is written.
//!
//! [`packets`] reads a compound packet and allocates nothing: what it yields lies in the datagram. What is
//! written is appended to the caller's buffer; several packets make a compound one.

mod compound;
pub mod fir;
pub mod goodbye;
pub mod nack;
pub mod pli;
pub mod receiver_report;
pub mod remb;
pub mod report_block;
pub mod sender_report;
pub mod source_description;
pub mod transport_feedback;

pub(crate) use compound::{ITEMS_MAX, STATUSES_MAX};
pub use compound::{Packets, packets};

use fir::Fir;
use goodbye::Goodbye;
use nack::Nack;
use pli::Pli;
use receiver_report::ReceiverReport;
use remb::Remb;
use report_block::ReportBlocks;
use sender_report::SenderReport;
use source_description::SourceDescription;
use transport_feedback::TransportFeedback;

/// One packet of a compound one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Where the sender's stream stands, and how it receives others.
    SenderReport(SenderReport, ReportBlocks<'a>),
    /// How the sender receives others.
    ReceiverReport(ReceiverReport<'a>),
    /// Who the sender of a stream is.
    SourceDescription(SourceDescription<'a>),
    /// Streams have ended.
    Goodbye(Goodbye<'a>),
    /// The receiver of a stream misses packets.
    Nack(Nack<'a>),
    /// The receiver of a stream cannot decode without a key frame.
    Pli(Pli),
    /// The receivers of streams want key frames.
    Fir(Fir<'a>),
    /// The rate that the receiver takes.
    Remb(Remb<'a>),
    /// When packets of a transport arrived.
    TransportFeedback(TransportFeedback<'a>),
}

/// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
mod kind {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Feedback formats (RFC 4585, section 6; RFC 5104, section 4.3.1; the drafts of REMB and of transport-wide feedback).
mod format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_WIDE: u8 = 15;
    pub(super) const PLI: u8 = 1;
    pub(super) const FIR: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// Appends a packet: its first word, what `write` appends, and zeros up to a whole word.
fn append(out: &mut Vec<u8>, kind: u8, count: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[VERSION | count & COUNT, kind, 0, 0]);
    write(out);
    let end = out.len().next_multiple_of(4);
    out.resize(end, 0);
    let words_after = end.saturating_sub(start).saturating_sub(4) / 4;
    let length = u16::try_from(words_after).unwrap_or(u16::MAX).to_be_bytes();
    if let Some([_, _, high, low]) = out.get_mut(start..).and_then(|packet| packet.first_chunk_mut()) {
        [*high, *low] = length;
    }
}

/// Appends words.
fn append_words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// The version, in the first two bits (RFC 3550, section 6.4.1).
const VERSION: u8 = 0x80;

/// The bits of the first byte that count, or name a format.
const COUNT: u8 = 0x1F;

#[cfg(test)]
mod tests;
