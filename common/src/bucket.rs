//! Token buckets: so many at once, so many a second.
//!
//! A bucket may be in debt: what has been received cannot be given back, so it is paid for afterwards, by
//! waiting.

use std::time::{Duration, Instant};

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: u32,
    /// A second, on and on. At least 1.
    pub per_second: u32,
}

impl Rate {
    /// So many times as much: for several who are limited together.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { burst: self.burst.saturating_mul(factor), per_second: self.per_second.saturating_mul(factor) }
    }
}

/// The state of one who is limited.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// Below zero: in debt.
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: f64::from(rate.burst), filled_at: now }
    }

    fn per_second(&self) -> f64 {
        f64::from(self.rate.per_second.max(1))
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second(), self.tokens).min(f64::from(self.rate.burst));
        self.filled_at = self.filled_at.max(now);
    }

    /// How long until there is at least one token; zero if there is one.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64((1.0 - self.tokens) / self.per_second())
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long until there is one, if there is none.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let wait = self.wait(now);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Takes so many tokens, whether they are there or not.
    pub fn spend(&mut self, cost: u32, now: Instant) {
        self.fill(now);
        self.tokens -= f64::from(cost);
    }

    /// Takes so many tokens if there is at least one; false if there is none.
    pub fn pay(&mut self, cost: u32, now: Instant) -> bool {
        self.fill(now);
        let is_allowed = self.tokens >= 1.0;
        if is_allowed {
            self.tokens -= f64::from(cost);
        }
        is_allowed
    }

    /// Whether nothing was taken that has not come back.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= f64::from(self.rate.burst)
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
            assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
            bucket.spend(1, clock.now());
        }
        let wait = bucket.wait(clock.now());
        assert_eq!(wait, Duration::from_millis(100));
        clock.advance(wait);
        assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
    }

    /// Passes for the wrong reason if a debt were forgotten: then a large frame would cost nothing.
    #[test]
    fn what_was_taken_beyond_the_burst_is_paid_for_by_waiting() {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(Rate { burst: 10, per_second: 10 }, clock.now());
        bucket.spend(29, clock.now());
        assert_eq!(bucket.wait(clock.now()), Duration::from_secs(2));
        clock.advance(Duration::from_secs(2));
        assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
        assert!(!bucket.is_full(clock.now()));
        clock.advance(Duration::from_secs(1));
        assert!(bucket.is_full(clock.now()));
    }

    #[test]
    fn the_last_token_pays_for_more_and_the_next_waits() {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(Rate { burst: 10, per_second: 10 }, clock.now());
        assert!(bucket.pay(9, clock.now()) && bucket.pay(9, clock.now()));
        assert!(!bucket.pay(1, clock.now()), "eight are owed");
        clock.advance(Duration::from_millis(900));
        assert!(bucket.pay(1, clock.now()));
    }

    #[test]
    fn who_takes_only_what_is_there_is_never_in_debt() {
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
