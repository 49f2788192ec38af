//! The rate of packets within the last half second.

use super::rate::Bitrate;
use std::time::Duration;

/// How finely the window moves.
const SLOT_MS: f64 = 50.0;

/// Whole slots and the one that has begun: half a second.
///
/// Longer is steadier, but speaks for longer of a capacity that is gone; shorter takes the pauses between
/// pictures for a slow network.
const SLOTS: usize = 11;

/// The latest of them, which are told apart.
const SLOTS_LATEST: usize = 5;

/// Before so much has been seen nothing is said.
const SPAN_MIN_MS: f64 = 150.0;

/// After so long without packets the window begins anew.
const PAUSE_MS: f64 = 550.0;

/// Bytes by the time that they have, over a window that moves with the latest of them.
#[derive(Debug, Default)]
pub(crate) struct RateMeter {
    /// The newest first.
    slots: [u32; SLOTS],
    /// When the newest slot begins, and the latest time that was noted.
    newest: Option<(f64, f64)>,
    /// Whole slots that the window covers.
    covered: f64,
}

impl RateMeter {
    /// Notes bytes and their time in milliseconds. What is older than the window does not count.
    pub(crate) fn note(&mut self, time: f64, bytes: u16) {
        let (mut start, latest) = match self.newest {
            Some((start, latest)) if (time - latest).abs() <= PAUSE_MS => (start, latest),
            Some(_) | None => {
                self.reset();
                (time, time)
            }
        };
        while time - start >= SLOT_MS {
            start += SLOT_MS;
            self.slots.rotate_right(1);
            let [newest, ..] = &mut self.slots;
            *newest = 0;
            self.covered = (self.covered + 1.0).min(PAUSE_MS / SLOT_MS - 1.0);
        }
        self.newest = Some((start, latest.max(time)));
        let mut slot_start = start;
        for slot in &mut self.slots {
            if time >= slot_start {
                *slot = slot.saturating_add(bytes.into());
                return;
            }
            slot_start -= SLOT_MS;
        }
    }

    /// The rate over the window; `None` until there is enough to tell.
    pub(crate) fn rate(&self) -> Option<Bitrate> {
        self.over(SLOTS)
    }

    /// The rate over the latest part of the window: that of a bottleneck whose queue is not empty, where what
    /// arrives comes without pauses, and soon after it has changed.
    pub(crate) fn latest(&self) -> Option<Bitrate> {
        self.over(SLOTS_LATEST)
    }

    fn over(&self, slots: usize) -> Option<Bitrate> {
        let (start, latest) = self.newest?;
        let whole = f64::from(u16::try_from(slots).unwrap_or(u16::MAX)) - 1.0;
        let span = self.covered.min(whole) * SLOT_MS + (latest - start);
        if span < SPAN_MIN_MS {
            return None;
        }
        let bytes = self.slots.iter().take(slots).fold(0_u64, |sum, slot| sum.saturating_add((*slot).into()));
        Bitrate::of(bytes, Duration::try_from_secs_f64(span / 1000.0).ok()?)
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate() {
        let mut meter = RateMeter::default();
        for packet in 0..1000 {
            meter.note(f64::from(packet) * 4.0, 1000);
            if let Some(rate) = meter.rate() {
                assert!((1.95e6..2.06e6).contains(&rate.real()), "{rate} at {packet}");
            }
        }
        assert!(meter.rate().is_some());
    }

    #[test]
    fn the_latest_part_follows_a_change_sooner() {
        let mut meter = RateMeter::default();
        (0..100).for_each(|packet| meter.note(f64::from(packet) * 10.0, 1000));
        (100..125).for_each(|packet| meter.note(f64::from(packet) * 10.0, 500));
        let (whole, latest) = (meter.rate().unwrap().real(), meter.latest().unwrap().real());
        assert!((0.55e6..0.65e6).contains(&whole) && (0.38e6..0.42e6).contains(&latest), "{whole} {latest}");
    }

    #[test]
    fn what_is_out_of_the_window_does_not_count_and_a_pause_begins_anew() {
        let mut meter = RateMeter::default();
        (0..100).for_each(|packet| meter.note(f64::from(packet) * 10.0, 1000));
        let before = meter.rate();
        meter.note(445.0, 1000);
        assert_eq!(meter.rate(), before);
        meter.note(1_600.0, 60_000);
        assert_eq!(meter.rate(), None);
        meter.note(0.0, 60_000);
        assert_eq!(meter.rate(), None);
    }
}
