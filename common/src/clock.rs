//! What time it is, asked through a trait so that tests own the answer.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use time::OffsetDateTime;

/// The two clocks: one that never goes back, one that people agree on.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for deadlines and durations.
    fn now(&self) -> Instant;
    /// Wall-clock time in UTC, for what is stored and shown.
    fn utc(&self) -> OffsetDateTime;
}

/// The machine's clocks. The only place in Switchboard where they are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the world's time comes in")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the world's time comes in")]
    fn utc(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    start: Instant,
    passed: Mutex<Duration>,
}

impl Default for ManualClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had by reading one; it is an arbitrary origin here"
    )]
    fn default() -> Self {
        Self { start: Instant::now(), passed: Mutex::new(Duration::ZERO) }
    }
}

impl ManualClock {
    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    /// Counts from 2026-01-01T00:00:00Z.
    fn utc(&self) -> OffsetDateTime {
        const EPOCH_UNIX_SECONDS: i64 = 1_767_225_600;
        OffsetDateTime::from_unix_timestamp(EPOCH_UNIX_SECONDS).unwrap_or(OffsetDateTime::UNIX_EPOCH)
            + self.passed()
    }
}
