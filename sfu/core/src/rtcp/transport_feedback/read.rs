//! Reading transport-wide feedback.

use super::{
    super::compound::{Allowance, Body, word},
    ArrivalDelta, FIXED_BYTES, ReferenceTime,
    chunk::{Chunk, Symbol},
};

/// When packets of a transport arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Who says it.
    pub ssrc: u32,
    /// SSRC of one of the media streams: the numbers are those of all of them.
    pub media: u32,
    /// The transport-wide sequence number of the first packet that it speaks of.
    pub base: u16,
    /// What the first arrival is told from.
    pub reference: ReferenceTime,
    /// Counts the feedback of this receiver, and wraps: one that is left out was lost.
    pub number: u8,
    /// Packets that it speaks of.
    pub count: u16,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// `None` if the chunks and deltas that it announces are not there, or it speaks of more than may be read.
    pub(in super::super) fn read(body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (&fixed, rest) = body.split_first_chunk::<FIXED_BYTES>()?;
        let [.., b0, b1, c0, c1, r0, r1, r2, number] = fixed;
        let (ssrc, fixed) = word(&fixed)?;
        let (media, _) = word(fixed)?;
        let count = u16::from_be_bytes([c0, c1]);
        allowance.take_one()?;
        allowance.take_statuses(count.into())?;
        let (mut left, mut chunks_bytes, mut deltas_bytes) = (count, 0_usize, 0_usize);
        for bytes in rest.as_chunks().0 {
            if left == 0 {
                break;
            }
            let chunk = Chunk::read(*bytes)?;
            let covered = chunk.capacity().min(left);
            left = left.saturating_sub(covered);
            chunks_bytes = chunks_bytes.saturating_add(bytes.len());
            deltas_bytes = deltas_bytes.saturating_add(chunk.delta_bytes(covered));
        }
        if left > 0 {
            return None;
        }
        let (chunks, deltas) = rest.split_at_checked(chunks_bytes)?;
        Some(Self {
            ssrc,
            media,
            base: u16::from_be_bytes([b0, b1]),
            reference: ReferenceTime::new(u32::from_be_bytes([0, r0, r1, r2])),
            number,
            count,
            chunks: chunks.as_chunks().0,
            deltas: deltas.get(..deltas_bytes)?,
        })
    }

    /// The packets that it speaks of, by their transport-wide sequence numbers; for each when it arrived, if it did.
    pub const fn statuses(self) -> Statuses<'a> {
        Statuses {
            next: self.base,
            left: self.count,
            chunk: Chunk::Run(Symbol::NotReceived, 0),
            at: 0,
            chunks: self.chunks,
            deltas: self.deltas,
        }
    }
}

/// See [`TransportFeedback::statuses`].
#[derive(Debug, Clone)]
pub struct Statuses<'a> {
    next: u16,
    left: u16,
    chunk: Chunk,
    /// The place in the chunk.
    at: u16,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl Iterator for Statuses<'_> {
    type Item = (u16, Option<ArrivalDelta>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        while self.at >= self.chunk.capacity() {
            let (bytes, chunks) = self.chunks.split_first()?;
            (self.chunk, self.chunks, self.at) = (Chunk::read(*bytes)?, chunks, 0);
        }
        let symbol = self.chunk.symbol(self.at);
        self.at = self.at.saturating_add(1);
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        let (delta, deltas) = self.deltas.split_at_checked(symbol.delta_bytes())?;
        self.deltas = deltas;
        let steps = match *delta {
            [small] => Some(i16::from(small)),
            [high, low] => Some(i16::from_be_bytes([high, low])),
            _ => None,
        };
        Some((sequence, steps.map(ArrivalDelta)))
    }
}
