//! How much in how long.

use std::{fmt, time::Duration};

/// A rate of data, in bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many bits a second.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// Bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// The rate of so many bytes in so long; `None` where that is no time at all.
    pub fn of(bytes: u64, time: Duration) -> Option<Self> {
        (!time.is_zero()).then(|| Self::from_real(real(bytes) * 8.0 / time.as_secs_f64()))
    }

    /// The bytes that this rate carries in so long.
    pub fn bytes_in(self, time: Duration) -> u64 {
        Self::from_real(self.real() * time.as_secs_f64() / 8.0).0
    }

    /// How long so many bytes take at this rate; `None` where they never pass.
    pub fn time_of(self, bytes: u64) -> Option<Duration> {
        (self.0 > 0).then(|| Duration::try_from_secs_f64(real(bytes) * 8.0 / self.real()).ok()).flatten()
    }

    /// So many times this rate. Less than nothing, and what is no number, are nothing.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::from_real(self.real() * factor)
    }

    /// Bits a second, for calculating with.
    pub(crate) fn real(self) -> f64 {
        real(self.0)
    }

    /// The nearest rate that there is: nothing for what is below it or no number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "such a cast saturates, and gives nothing for what is no number: that is what is meant"
    )]
    pub(crate) const fn from_real(bits_per_second: f64) -> Self {
        Self(bits_per_second as u64)
    }
}

/// A count as a number to calculate with. Exact below 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "said above")]
fn real(count: u64) -> f64 {
    count as f64
}

/// As people say it: `2.35 Mbit/s`, `150 kbit/s`.
impl fmt::Display for Bitrate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000_000 {
            write!(out, "{} kbit/s", self.0 / 1000)
        } else {
            write!(out, "{:.2} Mbit/s", self.real() / 1e6)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_make_rates_and_back() {
        let rate = Bitrate::of(1000, Duration::from_millis(8)).unwrap();
        assert_eq!(rate, Bitrate::from_bits_per_second(1_000_000));
        assert_eq!(rate.bytes_in(Duration::from_millis(8)), 1000);
        assert_eq!(rate.time_of(1000), Some(Duration::from_millis(8)));
        assert_eq!(
            (rate.to_string(), rate.times(0.15).to_string()),
            ("1.00 Mbit/s".into(), "150 kbit/s".into())
        );
    }

    #[test]
    fn nothing_that_is_no_rate_becomes_one() {
        assert_eq!(Bitrate::of(1000, Duration::ZERO), None);
        assert_eq!(Bitrate::ZERO.time_of(1), None);
        for factor in [f64::NAN, f64::NEG_INFINITY, -1.0] {
            assert_eq!(Bitrate::from_bits_per_second(1).times(factor), Bitrate::ZERO);
        }
        assert_eq!(Bitrate::from_bits_per_second(1).times(f64::INFINITY).bits_per_second(), u64::MAX);
    }
}
