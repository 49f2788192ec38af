//! Sequence numbers, extended past their 16 wire bits.

/// A sequence number that never wraps within a session (RFC 3550, appendix A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqNo(u64);

impl SeqNo {
    /// The first of a stream. It begins one cycle up, so that packets from
    /// before the first one that arrived have a number too.
    pub fn first(wire: u16) -> Self {
        Self(0x1_0000 + u64::from(wire))
    }

    /// A number by its whole value.
    pub const fn from_extended(value: u64) -> Self {
        Self(value)
    }

    /// The number nearest to `self` with these wire bits.
    ///
    /// Resolves jumps of up to 32,767 either way; a larger one cannot be told from a wrap.
    #[must_use]
    pub const fn extend(self, wire: u16) -> Self {
        let step = wire.wrapping_sub(self.to_wire()).cast_signed();
        Self(self.0.wrapping_add_signed(step as i64))
    }

    /// The low 16 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the wire form")]
    pub const fn to_wire(self) -> u16 {
        self.0 as u16
    }

    /// The cycles: SRTP's roll-over counter (RFC 3711, section 3.3.1).
    #[expect(clippy::cast_possible_truncation, reason = "the counter has 32 bits")]
    pub const fn cycles(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The cycles since the cycle of `first`; `None` where they no longer fit into SRTP's counter.
    ///
    /// There a stream ends: its counter would begin anew under the same key, and a nonce used twice
    /// gives the key away (RFC 3711, section 9.2; RFC 7714, section 9.3).
    pub fn cycles_since(self, first: Self) -> Option<u32> {
        u32::try_from((self.0 >> 16).checked_sub(first.0 >> 16)?).ok()
    }

    /// The whole value.
    pub const fn extended(self) -> u64 {
        self.0
    }

    /// The number after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_over_the_wrap_and_back() {
        let last = SeqNo::first(65_535);
        let wrapped = last.extend(1);
        assert_eq!(wrapped.extended(), last.extended() + 2);
        assert_eq!(wrapped.cycles(), last.cycles() + 1);
        assert_eq!(wrapped.extend(65_535), last);
        assert_eq!(wrapped.to_wire(), 1);
    }

    #[test]
    fn the_cycles_of_a_stream_end_before_they_repeat() {
        let first = SeqNo::first(65_535);
        let last = SeqNo::from_extended((1 << 16) + (1 << 48) - 1);
        assert_eq!(first.cycles_since(first), Some(0));
        assert_eq!(first.next().cycles_since(first), Some(1));
        assert_eq!(last.cycles_since(first), Some(u32::MAX));
        assert_eq!(last.next().cycles_since(first), None, "it would be the first cycle again");
        assert_eq!(SeqNo::from_extended(0).cycles_since(first), None);
    }
}
