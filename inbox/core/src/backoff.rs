//! How long to wait before trying again.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// The wait before attempt `failures + 1`: doubling from one second to ten minutes.
///
/// `jitter`, from 0 to 1, spreads those who failed together over the upper half of it.
pub fn delay(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let full = doubled.min(LONGEST);
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let waits: Vec<u64> = [1, 2, 3, 11, 1000].map(|failures| delay(failures, 1.0).as_secs()).to_vec();
        assert_eq!(waits, [1, 2, 4, 600, 600]);
        assert_eq!(delay(2, 0.0), Duration::from_secs(1));
    }
}
