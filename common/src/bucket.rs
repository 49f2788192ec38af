//! A token bucket: so many at once, so many a second.

use std::time::{Duration, Instant};

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: u32,
    /// A second, on and on. At least 1.
    pub per_second: u32,
}

/// The state of one who is limited.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: f64::from(rate.burst), filled_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long until there is one, if there is none.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let per_second = f64::from(self.rate.per_second.max(1));
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = passed.mul_add(per_second, self.tokens).min(f64::from(self.rate.burst));
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(Rate { burst: 3, per_second: 10 }, clock.now());
        for _ in 0..3 {
            assert_eq!(bucket.take(clock.now()), Ok(()));
        }
        let wait = bucket.take(clock.now()).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        clock.advance(wait);
        assert_eq!(bucket.take(clock.now()), Ok(()));
    }
}
