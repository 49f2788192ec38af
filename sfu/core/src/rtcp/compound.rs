//! Compound packets (RFC 3550, section 6.1; RFC 5506): what one datagram says.

use super::{
    COUNT, Packet, VERSION, fir::Fir, format, goodbye::Goodbye, kind, nack::Nack, pli::Pli,
    receiver_report::ReceiverReport, remb::Remb, sender_report, source_description::SourceDescription,
    transport_feedback::TransportFeedback,
};

/// Items read from one datagram at most: reports, report blocks, ranges of missing packets, requests, streams.
///
/// A receiver of fifty tracks that reports on all of them and misses packets of
/// some stays below. More would let one datagram keep the packet loop busy.
pub(crate) const ITEMS_MAX: usize = 128;

/// Packets that the transport feedback of one datagram may speak of.
///
/// Some seconds of the fastest publisher; feedback comes several times a second. More would let a few bytes, which
/// can speak of 65,535 packets, keep the packet loop busy.
pub(crate) const STATUSES_MAX: usize = 4096;

/// What follows the first word of a packet, without padding.
pub(super) type Body<'a> = &'a [u8];

/// What may still be read of a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    items: usize,
    statuses: usize,
}

impl Allowance {
    /// As many of the items as may be read.
    pub(super) fn take<'a, T>(&mut self, items: &'a [T]) -> &'a [T] {
        let taken = items.get(..self.items).unwrap_or(items);
        self.items = self.items.saturating_sub(taken.len());
        taken
    }

    /// One item.
    pub(super) fn take_one(&mut self) -> Option<()> {
        self.items = self.items.checked_sub(1)?;
        Some(())
    }

    /// All that a feedback speaks of, or nothing.
    pub(super) fn take_statuses(&mut self, count: usize) -> Option<()> {
        self.statuses = self.statuses.checked_sub(count)?;
        Some(())
    }
}

/// The packets of a compound one that are understood, as far as they lie one behind the other, and only so much of
/// them: [`ITEMS_MAX`], [`STATUSES_MAX`].
pub const fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound, allowance: Allowance { items: ITEMS_MAX, statuses: STATUSES_MAX } }
}

/// See [`packets`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
    allowance: Allowance,
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        while let Some((first, kind, body, rest)) = split(self.rest) {
            self.rest = rest;
            if let Some(packet) = read(kind, first & COUNT, body, &mut self.allowance) {
                return Some(packet);
            }
        }
        self.rest = &[];
        None
    }
}

/// Splits the first packet off: its first byte, its type, and what follows; then the rest.
fn split(compound: &[u8]) -> Option<(u8, u8, Body<'_>, &[u8])> {
    let (&[first, kind, l0, l1], rest) = compound.split_first_chunk::<4>()?;
    if first & 0xC0 != VERSION {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([l0, l1])).saturating_mul(4);
    let (mut body, rest) = rest.split_at_checked(length)?;
    // The last byte of padding says how much there is, itself included (RFC 3550, section 6.4.1).
    if first & 0x20 != 0 {
        let padding = usize::from(*body.last()?);
        body = body.get(..body.len().checked_sub(padding).filter(|_| padding > 0)?)?;
    }
    Some((first, kind, body, rest))
}

/// What a packet says; `None` if that is cut short, too much, or nothing that is understood here.
fn read<'a>(kind: u8, count: u8, body: Body<'a>, allowance: &mut Allowance) -> Option<Packet<'a>> {
    match (kind, count) {
        (kind::SENDER_REPORT, _) => sender_report::read(count, body, allowance)
            .map(|(report, blocks)| Packet::SenderReport(report, blocks)),
        (kind::RECEIVER_REPORT, _) => {
            ReceiverReport::read(count, body, allowance).map(Packet::ReceiverReport)
        }
        (kind::SOURCE_DESCRIPTION, _) => {
            SourceDescription::read(count, body, allowance).map(Packet::SourceDescription)
        }
        (kind::GOODBYE, _) => Goodbye::read(count, body, allowance).map(Packet::Goodbye),
        (kind::TRANSPORT_FEEDBACK, format::NACK) => Nack::read(body, allowance).map(Packet::Nack),
        (kind::TRANSPORT_FEEDBACK, format::TRANSPORT_WIDE) => {
            TransportFeedback::read(body, allowance).map(Packet::TransportFeedback)
        }
        (kind::PAYLOAD_FEEDBACK, format::PLI) => Pli::read(body, allowance).map(Packet::Pli),
        (kind::PAYLOAD_FEEDBACK, format::FIR) => Fir::read(body, allowance).map(Packet::Fir),
        (kind::PAYLOAD_FEEDBACK, format::APPLICATION) => Remb::read(body, allowance).map(Packet::Remb),
        _ => None,
    }
}

/// The first word of a body, and what follows.
pub(super) fn word(body: Body<'_>) -> Option<(u32, Body<'_>)> {
    let (word, rest) = body.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*word), rest))
}
