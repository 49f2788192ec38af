//! The time, read through a trait so that tests own it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use time::OffsetDateTime;

/// The machine's time of day, as this process tells it.
static TIME_OF_DAY: Slewed = Slewed::new();

/// What a set clock may be put back by and still be slewed, in nanoseconds: who has been wrong for longer is
/// put right at once.
const SLEWED_MAX: i64 = 3_600 * 1_000_000_000;

/// Readings that differ by less, in nanoseconds, came from two threads at the same time.
const SAME_TIME: i64 = 1_000_000;

/// How long a thread may be stopped, in nanoseconds, between reading the clock and being told the time. A reading
/// that is earlier than the one before by less is such a thread's, and no further step back: taken for one, each
/// would have what is told run ahead by half of it.
const STOPPED_MAX: i64 = 1_000_000_000;

/// The two clocks: one that never goes back, one that people agree on.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for deadlines and durations.
    fn now(&self) -> Instant;
    /// Wall-clock time in UTC, for what is stored and shown. Of one process it never goes back by less than
    /// an hour: see [`SystemClock`].
    fn utc(&self) -> OffsetDateTime;
}

/// The machine's clocks. The only place in Switchboard where they are read.
///
/// When the machine's time of day is put back, by an hour at most, this one goes on at half its speed until
/// the machine's has caught up: what waits in a queue is due by times that were told before, and would wait
/// for as long again.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the world's time comes in")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the world's time comes in")]
    fn utc(&self) -> OffsetDateTime {
        let read = OffsetDateTime::now_utc();
        let Ok(nanoseconds) = i64::try_from(read.unix_timestamp_nanos()) else { return read };
        let told = TIME_OF_DAY.tell(nanoseconds);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(told)).unwrap_or(read)
    }
}

/// A time of day that does not follow a clock that is put back, but waits for it. Nanoseconds since 1970.
struct Slewed {
    /// The latest time that was told.
    told: AtomicI64,
    /// From where it goes at half speed.
    from: Mutex<Slew>,
}

#[derive(Clone, Copy)]
struct Slew {
    /// What was read where it began.
    begun_at: i64,
    /// What was told there.
    told: i64,
    /// What was read last; less is another step back.
    read: i64,
    /// What was told last; if more was told since, the clock had caught up or was put ahead.
    latest: i64,
}

impl Slewed {
    const fn new() -> Self {
        let from = Slew { begun_at: 0, told: 0, read: 0, latest: 0 };
        Self { told: AtomicI64::new(0), from: Mutex::new(from) }
    }

    /// What to tell when the clock reads so.
    fn tell(&self, read: i64) -> i64 {
        let told = self.told.fetch_max(read, Ordering::Relaxed);
        let ahead = told.saturating_sub(read);
        if ahead <= 0 {
            read
        } else if ahead < SAME_TIME {
            told
        } else {
            self.slew(read)
        }
    }

    #[cold]
    fn slew(&self, read: i64) -> i64 {
        let mut from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.told.load(Ordering::Relaxed);
        if told.saturating_sub(read) > SLEWED_MAX {
            self.told.store(read, Ordering::Relaxed);
            return read;
        }
        let now = from.told.saturating_add(read.saturating_sub(from.begun_at) / 2);
        if told == from.latest && (1..STOPPED_MAX).contains(&from.read.saturating_sub(read)) {
            return told;
        }
        if read < from.read || told != from.latest {
            *from = Slew { begun_at: read, told, read, latest: told };
            return told;
        }
        (from.read, from.latest) = (read, now);
        self.told.fetch_max(now, Ordering::Relaxed);
        now
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

#[cfg(test)]
mod tests;
