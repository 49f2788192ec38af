//! How long to wait before trying again.

use std::time::Duration;

/// Waits that double from one failure to the next, up to a longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits of `first` after the first failure and of `longest` at most.
    ///
    /// A longer `longest` takes less from what is broken anyway; a shorter one notices sooner that it is not.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after so many failures in a row.
    ///
    /// `jitter`, from 0 to 1, spreads those who failed together over the upper half of it; see
    /// [`chance::fraction`](crate::chance::fraction).
    pub fn delay(self, failures: u32, jitter: f64) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.longest);
        full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(600));

    #[test]
    fn waits_double_up_to_the_longest() {
        let seconds = |failures| TEN_MINUTES.delay(failures, 1.0).as_secs();
        assert_eq!([0, 1, 2, 3, 10, 11, 33, 1000].map(seconds), [1, 1, 2, 4, 512, 600, 600, 600]);
    }

    #[test]
    fn those_who_failed_together_are_spread_over_the_upper_half() {
        assert_eq!(TEN_MINUTES.delay(2, 0.0), Duration::from_secs(1));
        assert_eq!(TEN_MINUTES.delay(2, 0.5), Duration::from_millis(1500));
        assert_eq!(TEN_MINUTES.delay(2, 7.0), Duration::from_secs(2), "never beyond");
        assert_eq!(TEN_MINUTES.delay(2, -1.0), Duration::from_secs(1));
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_nor_shorter_than_half_the_first() {
        let waits = [
            Backoff::new(Duration::from_millis(1), Duration::from_secs(1)),
            Backoff::new(Duration::from_secs(7), Duration::from_secs(3600)),
            // The longest is shorter than the first: nobody waits longer than was asked for.
            Backoff::new(Duration::from_secs(60), Duration::from_secs(10)),
            Backoff::new(Duration::from_secs(1 << 40), Duration::from_secs(1 << 50)),
        ];
        for backoff in waits {
            let mut before = Duration::ZERO;
            for failures in (0..70).chain([u32::MAX - 1, u32::MAX]) {
                let full = backoff.delay(failures, 1.0);
                assert!(full >= before && full <= backoff.longest, "{backoff:?} after {failures}");
                assert!(full >= backoff.first.min(backoff.longest), "{backoff:?} after {failures}");
                for jitter in [0.0, 0.001, 0.5, 0.999] {
                    let delay = backoff.delay(failures, jitter);
                    assert!(delay >= full / 2 && delay <= full, "{backoff:?} after {failures} with {jitter}");
                }
                before = full;
            }
            assert_eq!(before, backoff.longest, "it is reached");
        }
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).delay(9, 1.0), Duration::ZERO);
    }

    #[test]
    fn more_jitter_is_never_a_shorter_wait() {
        let waits: Vec<_> =
            (0..=100).map(|percent| TEN_MINUTES.delay(5, f64::from(percent) / 100.0)).collect();
        assert!(waits.is_sorted_by(|one, next| one < next), "{waits:?}");
    }
}
