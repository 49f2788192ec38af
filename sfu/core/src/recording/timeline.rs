//! When a track's packets are to be heard and seen, counted from its first.

use std::time::{Duration, Instant};

/// How far a track's media time may be from the time at which its packets came before it is taken for another one.
///
/// More lets a sender that counts wrongly make a file of silence longer than the call; less takes a network that stood
/// still, or a clock that runs a little wrong for hours, for a new beginning.
const DIVERGENCE_MAX: Duration = Duration::from_secs(5);

/// A track's time, in units of its clock rate.
#[derive(Debug)]
pub(super) struct Timeline {
    rate: u32,
    beginning: Option<Beginning>,
    last: Option<Last>,
}

/// What stands at zero in a track's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// When it came.
    pub at: Instant,
    /// Its RTP timestamp.
    pub timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// When the first packet came.
    began: Instant,
    timestamp: u32,
    position: u64,
}

impl Timeline {
    /// A track that has not begun, whose timestamps count so many to a second.
    pub(super) const fn new(rate: u32) -> Self {
        Self { rate, beginning: None, last: None }
    }

    /// What stands at zero, once something does.
    pub(super) const fn beginning(&self) -> Option<Beginning> {
        self.beginning
    }

    /// Where a packet with this timestamp stands that came at this moment; the first at 0.
    ///
    /// Where the sender counts on, that is what counts, and where it begins anew, the moment.
    pub(super) fn place(&mut self, timestamp: u32, at: Instant) -> u64 {
        let Some(last) = self.last else {
            self.beginning = Some(Beginning { at, timestamp });
            self.last = Some(Last { began: at, timestamp, position: 0 });
            return 0;
        };
        let step = i64::from(timestamp.wrapping_sub(last.timestamp).cast_signed());
        let came = self.units(at.saturating_duration_since(last.began));
        let said = last.position.checked_add_signed(step);
        let likely = said.filter(|said| said.abs_diff(came) <= self.units(DIVERGENCE_MAX));
        let position = likely.unwrap_or(came.max(last.position));
        self.last = Some(Last { timestamp, position, ..last });
        position
    }

    /// What comes next counts from another beginning: the moment at which it comes says where it stands.
    pub(super) fn rebase(&mut self, timestamp: u32, at: Instant) {
        if let Some(last) = self.last {
            let came = self.units(at.saturating_duration_since(last.began));
            self.last = Some(Last { timestamp, position: came.max(last.position), ..last });
        }
    }

    fn units(&self, time: Duration) -> u64 {
        let whole = time.as_secs().saturating_mul(u64::from(self.rate));
        let part = u64::from(time.subsec_micros()).saturating_mul(u64::from(self.rate));
        whole.saturating_add(part.checked_div(1_000_000).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    #[test]
    fn a_sender_that_counts_on_is_followed_over_the_wrap_and_back() {
        let clock = ManualClock::default();
        let mut timeline = Timeline::new(90_000);
        let start = u32::MAX - 1_000;
        assert_eq!(timeline.place(start, clock.now()), 0);
        assert_eq!(timeline.place(start.wrapping_add(3_000), clock.now()), 3_000);
        assert_eq!(timeline.place(start.wrapping_add(2_000), clock.now()), 2_000);
        clock.advance(Duration::from_secs(60));
        assert_eq!(timeline.place(start.wrapping_add(60 * 90_000), clock.now()), 60 * 90_000);
    }

    #[test]
    fn a_sender_that_jumps_is_laid_where_it_came() {
        let clock = ManualClock::default();
        let mut timeline = Timeline::new(48_000);
        timeline.place(0, clock.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(timeline.place(1 << 31, clock.now()), 96_000);
        assert_eq!(timeline.place((1 << 31) + 960, clock.now()), 96_960, "and counts on from there");
        assert_eq!(timeline.place(5, clock.now()), 96_960, "never back");
    }

    #[test]
    fn another_beginning_goes_on_after_what_was() {
        let clock = ManualClock::default();
        let mut timeline = Timeline::new(90_000);
        timeline.place(7, clock.now());
        clock.advance(Duration::from_secs(1));
        timeline.rebase(1_000_000, clock.now());
        assert_eq!(timeline.place(1_000_000, clock.now()), 90_000);
        assert_eq!(timeline.place(1_003_000, clock.now()), 93_000);
    }
}
