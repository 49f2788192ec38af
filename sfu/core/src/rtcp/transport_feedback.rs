//! Transport-wide feedback: when the packets of a transport arrived, so that its sender can tell how much the way
//! there takes (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

mod chunk;
mod read;
mod write;

pub use read::{Statuses, TransportFeedback};
pub use write::{ArrivalTime, Report, write};

/// What precedes the chunks of a feedback, without the packet's first word, in bytes.
const FIXED_BYTES: usize = 16;

/// Steps of an arrival's time in one of the reference time.
const STEPS_PER_REFERENCE: u64 = 256;

/// The moment that the first arrival of a feedback is told from, in steps of 64 ms. The receiver chooses
/// what it counts from; after 2²⁴ steps, twelve days, it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceTime(u32);

impl ReferenceTime {
    const BITS: u32 = 24;

    /// From its upper bits on, those that go over the wire.
    const fn new(steps: u32) -> Self {
        Self(steps & 0x00FF_FFFF)
    }

    /// In steps of 64 ms.
    pub const fn steps(self) -> u32 {
        self.0
    }

    /// How much later than another it is, in steps of 64 ms: negative if it is earlier. Half of the range either
    /// way; more cannot be told from a new beginning.
    pub const fn since(self, other: Self) -> i32 {
        let unused = 32_u32.saturating_sub(Self::BITS);
        (self.0.wrapping_sub(other.0).unbounded_shl(unused)).cast_signed() >> unused
    }
}

/// How much later than the arrival before it a packet arrived, in steps of 250 µs: negative if it was earlier.
///
/// The first of a feedback is told from the [`ReferenceTime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArrivalDelta(i16);

impl ArrivalDelta {
    /// In steps of 250 µs.
    pub const fn steps(self) -> i16 {
        self.0
    }

    /// In microseconds.
    pub fn microseconds(self) -> i32 {
        i32::from(self.0).saturating_mul(250)
    }
}

#[cfg(test)]
mod tests;
