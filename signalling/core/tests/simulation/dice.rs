//! Where a run's accidents come from: its seed, and nothing else.

/// Marsaglia's xorshift.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds begin alike, and zero stays zero.
        let mut dice = Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.roll(2);
        dice
    }

    /// One of so many.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides).expect("it fits")).expect("it fits")
    }

    /// Whether something happens that does so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.roll(100) < chance
    }

    /// Milliseconds from the first to the one before the last.
    pub(crate) fn ms(&mut self, from: usize, to: usize) -> u64 {
        u64::try_from(from + self.roll(to - from)).expect("it fits")
    }
}
