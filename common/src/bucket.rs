//! Token buckets: so many at once, so many a second.
//!
//! A bucket may be in debt: what has been received cannot be given back, so it is paid for afterwards, by
//! waiting.

mod keyed;

pub use keyed::Buckets;

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: u32,
    /// How many come back in each `period`. At least 1.
    pub count: u32,
    /// How long `count` take to come back.
    pub period: Duration,
}

impl Rate {
    /// `burst` at once, then `count` a second, on and on.
    pub const fn per_second(burst: u32, count: u32) -> Self {
        Self { burst, count: if count == 0 { 1 } else { count }, period: Duration::from_secs(1) }
    }

    /// `burst` at once, then one every `period`.
    pub const fn every(burst: u32, period: Duration) -> Self {
        Self { burst, count: 1, period }
    }

    /// So many times as much: for several who are limited together.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        let (burst, count) = (self.burst.saturating_mul(factor), self.count.saturating_mul(factor));
        Self { burst, count, period: self.period }
    }

    /// How many come back within `time`.
    fn tokens(self, time: Duration) -> f64 {
        time.as_secs_f64() / self.period.as_secs_f64() * f64::from(self.count)
    }

    /// How long so many take to come back.
    fn time(self, tokens: f64) -> Duration {
        self.period.mul_f64(tokens.max(0.0) / f64::from(self.count))
    }
}

/// As the table of limits has it: `100 at once, then 10 a second`.
impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { burst, count, period } = self;
        if *period == Duration::from_secs(1) {
            write!(out, "{burst} at once, then {count} a second")
        } else if *count == 1 {
            write!(out, "{burst} at once, then one every {} s", period.as_secs_f64())
        } else {
            write!(out, "{burst} at once, then {count} every {} s", period.as_secs_f64())
        }
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

    fn fill(&mut self, now: Instant) {
        let came_back = self.rate.tokens(now.saturating_duration_since(self.filled_at));
        self.tokens = (self.tokens + came_back).min(f64::from(self.rate.burst));
        self.filled_at = self.filled_at.max(now);
    }

    /// How long until there is at least one token; zero if there is one.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        self.rate.time(1.0 - self.tokens)
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

    /// Leaves at most so many tokens: the rest was used elsewhere.
    pub fn leave_at_most(&mut self, tokens: f64, now: Instant) {
        self.fill(now);
        self.tokens = self.tokens.min(tokens);
    }

    /// How many tokens there are; less than nothing in debt.
    pub fn tokens(&mut self, now: Instant) -> f64 {
        self.fill(now);
        self.tokens
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

    /// Puts a token back that was taken for nothing.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(f64::from(self.rate.burst));
    }

    /// The time at which all that was taken has come back, if nothing more is taken.
    pub fn full_at(&self) -> Instant {
        self.filled_at + self.rate.time(f64::from(self.rate.burst) - self.tokens)
    }

    /// Whether nothing was taken that has not come back.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= f64::from(self.rate.burst)
    }
}

#[cfg(test)]
mod tests;
