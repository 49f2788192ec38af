//! What a message carries, so that whoever receives it can tell its age.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
pub(crate) fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// How old a time written by [`nanoseconds`] is.
pub(crate) fn age(written: &str) -> Option<Duration> {
    let age = nanoseconds().checked_sub(written.split(' ').next()?.parse().ok()?)?;
    Some(Duration::from_nanos(u64::try_from(age).ok()?))
}
