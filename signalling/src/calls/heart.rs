//! Whether others may take this instance for dead, and have taken its calls over.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use store::system::NODE_SILENCE;

/// When this instance last said in the store that it is there.
#[derive(Default)]
pub(crate) struct Heart {
    beats: Mutex<Option<Beats>>,
    /// How often it was silent for so long that its calls may have been taken over.
    pauses: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Beats {
    /// The first of those between which there was no pause worth mentioning.
    first: Instant,
    last: Instant,
}

impl Heart {
    fn beats(&self) -> MutexGuard<'_, Option<Beats>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It said so at `at`, or later. Whether it has done so for a while without a pause: then others could have, too,
    /// and those that have not are gone.
    pub(crate) fn beat(&self, at: Instant) -> bool {
        let mut beats = self.beats();
        if beats.is_some_and(|before| is_silence(before.last, at)) {
            self.pauses.fetch_add(1, Ordering::Relaxed);
        }
        // Half of what others are granted: what kept them silent for longer kept this one for as long, about.
        let is_late = |before: &Beats| at.saturating_duration_since(before.last) > NODE_SILENCE / 2;
        let first = beats.filter(|before| !is_late(before)).map_or(at, |before| before.first);
        *beats = Some(Beats { first, last: at });
        at.saturating_duration_since(first) >= NODE_SILENCE
    }

    /// Whether others would notice if this instance died now.
    pub(crate) fn is_missed(&self, now: Instant) -> bool {
        self.beats().is_some_and(|beats| !is_silence(beats.last, now))
    }

    /// How often others may have taken its calls over so far; `None` if they may be doing so now.
    pub(crate) fn pauses(&self, now: Instant) -> Option<u64> {
        // Under the lock, so that a beat after a pause does not come in between.
        let beats = self.beats();
        let is_well = beats.is_none_or(|beats| !is_silence(beats.last, now));
        is_well.then(|| self.pauses.load(Ordering::Relaxed))
    }
}

/// The store's clock may run a little faster.
fn is_silence(before: Instant, now: Instant) -> bool {
    now.saturating_duration_since(before) >= NODE_SILENCE.mul_f64(0.9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use std::time::Duration;

    #[test]
    fn a_pause_is_known_before_and_after_the_next_beat() {
        let (clock, heart) = (ManualClock::default(), Heart::default());
        assert_eq!(heart.pauses(clock.now()), Some(0), "nobody knows of it yet");
        assert!(!heart.is_missed(clock.now()));
        heart.beat(clock.now());
        clock.advance(Duration::from_secs(1));
        heart.beat(clock.now());
        assert_eq!(heart.pauses(clock.now()), Some(0));
        clock.advance(NODE_SILENCE);
        assert_eq!(heart.pauses(clock.now()), None);
        heart.beat(clock.now());
        assert_eq!(heart.pauses(clock.now()), Some(1));
    }

    /// When the store was away for all, the first to be back would take all the others for dead.
    #[test]
    fn nobody_judges_others_who_was_silent_a_moment_ago() {
        let (clock, heart) = (ManualClock::default(), Heart::default());
        for _ in 0..2 {
            for second in 0..=5 {
                let is_steady = heart.beat(clock.now());
                assert_eq!(is_steady, second >= NODE_SILENCE.as_secs(), "after {second} s");
                clock.advance(Duration::from_secs(1));
            }
            clock.advance(NODE_SILENCE);
        }
    }
}
