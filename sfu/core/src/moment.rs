//! Moments in time.

use std::time::{Duration, Instant};

/// So much later; the same moment if that is past what can be counted, which never comes.
pub(crate) fn after(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or(moment)
}

/// The first moment after this one.
pub(crate) fn just_after(moment: Instant) -> Instant {
    after(moment, Duration::from_nanos(1))
}
