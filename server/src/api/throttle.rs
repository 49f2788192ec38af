//! How often somebody may try to sign in: a token bucket per e-mail address and per network address.

use super::problem::Problem;
use axum::http::StatusCode;
use common::{clock::Clock, error::ErrorCode};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Tries in a row for one e-mail address, and how soon each comes back.
///
/// More forgives more typing mistakes; fewer slows down guessing.
const PER_EMAIL: Rate = Rate { burst: 10, every: Duration::from_secs(30) };

/// Tries in a row from one network address: an office shares one, or all of a proxy's clients do.
const PER_ADDRESS: Rate = Rate { burst: 100, every: Duration::from_secs(1) };

/// How many buckets are kept. When there are more and none has refilled, all are
/// forgotten: guessing gets a fresh start, which is better than no end of memory.
const BUCKETS_MAX: usize = 50_000;

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    every: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Email(String),
    Address(IpAddr),
}

/// The buckets of this process.
pub(super) struct Throttle {
    clock: Arc<dyn Clock>,
    /// By when each bucket is full again; absent: full. Taking a token moves that later.
    full_at: Mutex<HashMap<Key, Instant>>,
}

impl Throttle {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, full_at: Mutex::default() }
    }

    /// Counts a try to sign in.
    ///
    /// # Errors
    /// If there were too many lately, with the time to wait.
    pub(super) fn admit(&self, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        if let Some(address) = address {
            self.take(Key::Address(address), PER_ADDRESS)?;
        }
        self.take(Key::Email(email.to_owned()), PER_EMAIL)
    }

    /// Forgets the tries for an e-mail address, because the last one was right.
    pub(super) fn forgive(&self, email: &str) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&Key::Email(email.to_owned()));
    }

    fn take(&self, key: Key, rate: Rate) -> Result<(), Problem> {
        let now = self.clock.now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= BUCKETS_MAX {
            full_at.retain(|_, full_at| *full_at > now);
            if full_at.len() >= BUCKETS_MAX {
                full_at.clear();
            }
        }
        let after = full_at.get(&key).copied().unwrap_or(now).max(now) + rate.every;
        let wait = after.saturating_duration_since(now + rate.every * rate.burst);
        if wait > Duration::ZERO {
            let problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::RATE_LIMITED,
                "too many tries to sign in",
            );
            return Err(problem.retry_after(wait));
        }
        full_at.insert(key, after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    #[test]
    fn ten_tries_then_one_every_thirty_seconds_and_others_are_not_bothered() {
        let clock = Arc::new(ManualClock::default());
        let throttle = Throttle::new(clock.clone());
        for _ in 0..10 {
            throttle.admit("ada@example.com", None).unwrap();
        }
        assert!(throttle.admit("ada@example.com", None).is_err());
        assert!(throttle.admit("grace@example.com", None).is_ok());
        clock.advance(Duration::from_secs(30));
        assert!(throttle.admit("ada@example.com", None).is_ok());
        assert!(throttle.admit("ada@example.com", None).is_err());
        throttle.forgive("ada@example.com");
        assert!(throttle.admit("ada@example.com", None).is_ok());
    }

    #[test]
    fn an_address_that_tries_many_people_is_slowed() {
        let throttle = Throttle::new(Arc::new(ManualClock::default()));
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        for number in 0..100 {
            throttle.admit(&format!("{number}@example.com"), address).unwrap();
        }
        assert!(throttle.admit("last@example.com", address).is_err());
        assert!(throttle.admit("last@example.com", Some(IpAddr::from([192, 0, 2, 2]))).is_ok());
    }
}
