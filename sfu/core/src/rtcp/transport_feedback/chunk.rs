//! Packet status chunks: two bytes that say of several packets whether they arrived
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01, sections 3.1.1 to 3.1.4).

/// What is said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    NotReceived,
    /// With a delta of one byte.
    SmallDelta,
    /// With a delta of two bytes, which has a sign.
    LargeDelta,
}

impl Symbol {
    const fn from_bits(bits: u16) -> Option<Self> {
        match bits & 3 {
            0 => Some(Self::NotReceived),
            1 => Some(Self::SmallDelta),
            2 => Some(Self::LargeDelta),
            // Reserved.
            _ => None,
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Self::NotReceived => 0,
            Self::SmallDelta => 1,
            Self::LargeDelta => 2,
        }
    }

    /// The length of its delta.
    pub(super) const fn delta_bytes(self) -> usize {
        match self {
            Self::NotReceived => 0,
            Self::SmallDelta => 1,
            Self::LargeDelta => 2,
        }
    }
}

/// Packets in a run at most: 13 bits.
pub(super) const RUN_MAX: u16 = 0x1FFF;

/// Packets in a vector of one bit each, and of two.
const ONE_BIT: u16 = 14;
const TWO_BIT: u16 = 7;

/// The bits that tell the chunks apart.
const VECTOR: u16 = 0x8000;
const TWO_BITS_EACH: u16 = 0x4000;

/// Some packets' symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// As many times the same.
    Run(Symbol, u16),
    /// One bit each, the first in the highest of fourteen.
    OneBit(u16),
    /// Two bits each, likewise.
    TwoBit(u16),
}

impl Chunk {
    /// `None` if it says something that has no meaning.
    pub(super) fn read(bytes: [u8; 2]) -> Option<Self> {
        let word = u16::from_be_bytes(bytes);
        let symbols = word & 0x3FFF;
        match (word & VECTOR != 0, word & TWO_BITS_EACH != 0) {
            (false, _) => Some(Self::Run(Symbol::from_bits(word >> 13)?, word & RUN_MAX)),
            (true, false) => Some(Self::OneBit(symbols)),
            // Both bits of one symbol are set: reserved.
            (true, true) if symbols & symbols >> 1 & 0x1555 != 0 => None,
            (true, true) => Some(Self::TwoBit(symbols)),
        }
    }

    pub(super) const fn to_bytes(self) -> [u8; 2] {
        let word = match self {
            Self::Run(symbol, length) => symbol.bits() << 13 | length & RUN_MAX,
            Self::OneBit(symbols) => VECTOR | symbols,
            Self::TwoBit(symbols) => VECTOR | TWO_BITS_EACH | symbols,
        };
        word.to_be_bytes()
    }

    /// Packets that it speaks of, or could.
    pub(super) const fn capacity(self) -> u16 {
        match self {
            Self::Run(_, length) => length,
            Self::OneBit(_) => ONE_BIT,
            Self::TwoBit(_) => TWO_BIT,
        }
    }

    /// What it says of one of them.
    pub(super) fn symbol(self, at: u16) -> Symbol {
        let from_end = |capacity: u16| u32::from(capacity.saturating_sub(1).saturating_sub(at));
        match self {
            Self::Run(symbol, _) => symbol,
            Self::OneBit(symbols) if symbols.unbounded_shr(from_end(ONE_BIT)) & 1 != 0 => Symbol::SmallDelta,
            Self::OneBit(_) => Symbol::NotReceived,
            Self::TwoBit(symbols) => {
                let bits = symbols.unbounded_shr(from_end(TWO_BIT).saturating_mul(2));
                Symbol::from_bits(bits).unwrap_or(Symbol::NotReceived)
            }
        }
    }

    /// The length of the deltas of the first so many packets.
    pub(super) fn delta_bytes(self, packets: u16) -> usize {
        match self {
            Self::Run(symbol, _) => symbol.delta_bytes().saturating_mul(packets.into()),
            Self::OneBit(_) | Self::TwoBit(_) => (0..packets).map(|at| self.symbol(at).delta_bytes()).sum(),
        }
    }

    /// The chunk that says most of what comes next, and of how many packets; `None` at the end.
    pub(super) fn of(symbols: impl Iterator<Item = Symbol> + Clone) -> Option<(Self, u16)> {
        let first = symbols.clone().next()?;
        let has_large = |symbol: Symbol| symbol == Symbol::LargeDelta;
        let is_one_bit = !symbols.clone().take(ONE_BIT.into()).any(has_large);
        let capacity = if is_one_bit { ONE_BIT } else { TWO_BIT };
        let count = |symbols: usize| u16::try_from(symbols).unwrap_or(RUN_MAX);
        let run = symbols.clone().take(RUN_MAX.into()).take_while(|symbol| *symbol == first).count();
        let vector = symbols.clone().take(capacity.into()).count();
        if run >= vector {
            return Some((Self::Run(first, count(run)), count(run)));
        }
        let width = if is_one_bit { 1 } else { 2 };
        let used = symbols.take(capacity.into()).fold(0, |bits: u16, symbol| bits << width | symbol.bits());
        let unused = usize::from(capacity).saturating_sub(vector).saturating_mul(width);
        let bits = used.unbounded_shl(u32::try_from(unused).unwrap_or(0));
        Some((if is_one_bit { Self::OneBit(bits) } else { Self::TwoBit(bits) }, count(vector)))
    }
}
