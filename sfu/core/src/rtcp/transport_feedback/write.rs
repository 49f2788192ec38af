//! Writing transport-wide feedback.

use super::{
    super::{append, append_words, compound::STATUSES_MAX, format, kind},
    ArrivalDelta, ReferenceTime, STEPS_PER_REFERENCE,
    chunk::{Chunk, Symbol},
};
use std::time::Duration;

/// Chunks and deltas of one feedback at most, in bytes: with what surrounds them, they fit into a datagram.
const BYTES_MAX: usize = 1000;

/// When a packet arrived, in steps of 250 µs since a moment that does not change while the transport lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArrivalTime(u64);

impl ArrivalTime {
    /// So long after that moment.
    pub fn after(time: Duration) -> Self {
        Self(u64::try_from(time.as_micros() / 250).unwrap_or(u64::MAX))
    }

    /// The last step of the reference time up to it.
    fn reference(self) -> u64 {
        self.0 / STEPS_PER_REFERENCE
    }
}

/// What a feedback says beside when packets arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Who says it.
    pub ssrc: u32,
    /// SSRC of one of the media streams.
    pub media: u32,
    /// The transport-wide sequence number of the first packet.
    pub base: u16,
    /// The count of feedback before this.
    pub number: u8,
}

/// Appends feedback about packets with rising transport-wide sequence numbers, which arrived or not, as far as one
/// feedback reaches. Of how many packets it speaks: the next one is to begin there.
///
/// Zero, and nothing is written, if none of the first [`STATUSES_MAX`] has arrived.
pub fn write(
    out: &mut Vec<u8>,
    report: Report,
    arrivals: impl Iterator<Item = Option<ArrivalTime>> + Clone,
) -> u16 {
    let arrivals = arrivals.take(STATUSES_MAX);
    let Some(reference) = arrivals.clone().flatten().next().map(ArrivalTime::reference) else { return 0 };
    let deltas = Deltas { arrivals, last: reference.saturating_mul(STEPS_PER_REFERENCE) };
    let mut count = 0_u16;
    append(out, kind::TRANSPORT_FEEDBACK, format::TRANSPORT_WIDE, |out| {
        append_words(out, &[report.ssrc, report.media]);
        let place = out.len();
        // The count is known behind the chunks.
        append_words(out, &[0, 0]);
        count = append_chunks(out, deltas.clone().map(symbol));
        let reference = u32::try_from(reference & 0x00FF_FFFF).unwrap_or(0);
        let [_, r0, r1, r2] = ReferenceTime::new(reference).0.to_be_bytes();
        let ([b0, b1], [c0, c1]) = (report.base.to_be_bytes(), count.to_be_bytes());
        if let Some(fixed) = out.get_mut(place..).and_then(|fixed| fixed.first_chunk_mut()) {
            *fixed = [b0, b1, c0, c1, r0, r1, r2, report.number];
        }
        for delta in deltas.take(count.into()).flatten() {
            append_delta(out, delta);
        }
    });
    count
}

/// Appends as many chunks as fit; the packets that they speak of.
fn append_chunks(out: &mut Vec<u8>, mut symbols: impl Iterator<Item = Symbol> + Clone) -> u16 {
    let (mut count, mut left) = (0_u16, BYTES_MAX);
    while let Some((chunk, covered)) = Chunk::of(symbols.clone()) {
        let (chunk, covered) = match chunk {
            // Of a run, what there is room for.
            Chunk::Run(symbol, length) => {
                let room = left.saturating_sub(2).checked_div(symbol.delta_bytes());
                let length = room.map_or(length, |room| length.min(u16::try_from(room).unwrap_or(length)));
                (Chunk::Run(symbol, length), length)
            }
            Chunk::OneBit(_) | Chunk::TwoBit(_) => (chunk, covered),
        };
        let bytes = chunk.delta_bytes(covered).saturating_add(2);
        if covered == 0 || bytes > left {
            break;
        }
        left = left.saturating_sub(bytes);
        count = count.saturating_add(covered);
        out.extend_from_slice(&chunk.to_bytes());
        symbols.by_ref().take(covered.into()).for_each(drop);
    }
    count
}

fn append_delta(out: &mut Vec<u8>, delta: ArrivalDelta) {
    match u8::try_from(delta.steps()) {
        Ok(small) => out.push(small),
        Err(_) => out.extend_from_slice(&delta.steps().to_be_bytes()),
    }
}

fn symbol(delta: Option<ArrivalDelta>) -> Symbol {
    match delta.map(|delta| u8::try_from(delta.steps())) {
        None => Symbol::NotReceived,
        Some(Ok(_)) => Symbol::SmallDelta,
        Some(Err(_)) => Symbol::LargeDelta,
    }
}

/// The time of each arrival after the one before it; ends before one that is too far away to be told.
#[derive(Clone)]
struct Deltas<I> {
    arrivals: I,
    last: u64,
}

impl<I: Iterator<Item = Option<ArrivalTime>>> Iterator for Deltas<I> {
    type Item = Option<ArrivalDelta>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(ArrivalTime(at)) = self.arrivals.next()? else { return Some(None) };
        let steps = i16::try_from(at.checked_signed_diff(self.last)?).ok()?;
        self.last = at;
        Some(Some(ArrivalDelta(steps)))
    }
}
