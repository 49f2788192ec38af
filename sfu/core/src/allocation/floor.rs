//! The least that was there for a while.

use crate::bandwidth::Bitrate;
use std::time::{Duration, Instant};

/// For how long something must be there before it counts.
///
/// Longer makes pictures better later; shorter makes them change with an estimate that swings.
pub const HOLD_TIME: Duration = Duration::from_secs(2);

/// The time is divided into so many parts, of each of which the least is known.
const PARTS: usize = 8;

/// How long one of them is.
const PART: Duration = Duration::from_millis(250);

/// The least of what was noted within [`HOLD_TIME`].
#[derive(Debug, Default)]
pub(super) struct Floor {
    parts: [Option<Bitrate>; PARTS],
    /// When the present part, the last one, began.
    began_at: Option<Instant>,
}

impl Floor {
    /// Notes what is there now; the least that was there.
    pub(super) fn note(&mut self, now_there: Bitrate, now: Instant) -> Bitrate {
        let began_at = *self.began_at.get_or_insert(now);
        let passed = now.saturating_duration_since(began_at);
        let over = passed.as_millis().checked_div(PART.as_millis()).unwrap_or(0);
        for _ in (0..over).take(PARTS) {
            self.parts.rotate_left(1);
            if let Some(last) = self.parts.last_mut() {
                *last = None;
            }
        }
        if over > 0 {
            self.began_at = Some(now);
        }
        if let Some(last) = self.parts.last_mut() {
            *last = Some(last.map_or(now_there, |least| least.min(now_there)));
        }
        self.parts.into_iter().flatten().min().unwrap_or(now_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    #[test]
    fn a_low_moment_counts_for_as_long_as_it_should_and_no_longer() {
        let (clock, mut floor) = (ManualClock::default(), Floor::default());
        let rate = Bitrate::from_bits_per_second;
        assert_eq!(floor.note(rate(900), clock.now()), rate(900), "nothing is known of the time before");
        let mut low_for = Duration::ZERO;
        floor.note(rate(100), clock.now());
        let step = Duration::from_millis(100);
        loop {
            clock.advance(step);
            low_for += step;
            if floor.note(rate(900), clock.now()) == rate(900) {
                break;
            }
        }
        assert!((HOLD_TIME - PART..=HOLD_TIME + PART * 2).contains(&low_for), "{low_for:?}");
        clock.advance(Duration::from_secs(3600));
        assert_eq!(
            floor.note(rate(500), clock.now()),
            rate(500),
            "a pause is no time in which anything was there"
        );
    }
}
