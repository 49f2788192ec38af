//! How long a packet and the feedback on it take.

use std::time::{Duration, Instant};

/// What is believed until the first feedback comes.
const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(200);

/// The longest that is believed: longer ones are of feedback that was held up.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(3);

/// How much a new measurement weighs (RFC 6298, section 2).
const WEIGHT: f64 = 1.0 / 8.0;

/// From the sending of a packet to the coming of the feedback that names it, smoothed.
///
/// It has in it the time that the receiver waits before it reports, 50 to 250 ms: of each feedback, the packet
/// that was sent last counts, which waited least.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip(Option<Duration>);

impl RoundTrip {
    pub(crate) fn measure(&mut self, last_sent_at: Instant, now: Instant) {
        let measured = age(last_sent_at, now).min(ROUND_TRIP_MAX);
        let smoothed = self
            .0
            .map_or(measured, |before| before.mul_f64(1.0 - WEIGHT).saturating_add(measured.mul_f64(WEIGHT)));
        self.0 = Some(smoothed);
    }

    pub(crate) fn measured(&self) -> Option<Duration> {
        self.0
    }

    pub(crate) fn assumed(&self) -> Duration {
        self.0.unwrap_or(ROUND_TRIP_INITIAL)
    }
}

/// How long ago a moment was; no time at all if it is yet to come.
pub(crate) fn age(moment: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(moment)
}
