//! Which encodings publishers are asked for.

use crate::{id::PublicationId, layer::ENCODINGS_MAX, moment::after, schedule::Schedule};
use slotmap::SecondaryMap;
use std::time::{Duration, Instant};

/// How long nobody must want an encoding before its publisher is told.
///
/// Longer has publishers encode for nobody; shorter has those who come back to a larger picture wait for it again.
pub(crate) const UNWANTED_TIME: Duration = Duration::from_secs(2);

/// How often it is looked at which encodings are wanted.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a publisher may take to send an encoding again. After that it counts as one that it does not send.
const RETURN_TIME: Duration = Duration::from_secs(5);

/// What becomes of an encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// Somebody is to get it.
    pub(crate) is_wanted: bool,
    /// It comes.
    pub(crate) is_live: bool,
}

/// What a publisher was told of one encoding.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// That nobody wants it.
    is_off: bool,
    /// Nobody has wanted it since then.
    unwanted_since: Option<Instant>,
    /// That somebody wants it again, and when.
    asked_at: Option<Instant>,
}

/// What the publishers of tracks with several encodings were told.
#[derive(Default)]
pub(crate) struct Asked {
    schedule: Schedule<PublicationId>,
    of: SecondaryMap<PublicationId, [State; ENCODINGS_MAX]>,
}

impl Asked {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Takes a track that is to be [looked at](Self::look).
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PublicationId> {
        self.schedule.take_due(now)
    }

    /// Somebody wants other encodings of a track than before.
    pub(crate) fn note_change(&mut self, id: PublicationId, now: Instant) {
        self.schedule.set_if_earlier(id, now);
    }

    /// Whether the publisher was told that nobody wants an encoding.
    pub(crate) fn is_off(&self, id: PublicationId, encoding: usize) -> bool {
        self.state(id, encoding).is_some_and(|state| state.is_off)
    }

    /// Whether an encoding that does not come can be had: nobody wants it so far, or somebody has for a moment.
    pub(crate) fn is_on_request(&self, id: PublicationId, encoding: usize, now: Instant) -> bool {
        let is_coming = |at| now.saturating_duration_since(at) < RETURN_TIME;
        self.state(id, encoding).is_some_and(|state| state.is_off || state.asked_at.is_some_and(is_coming))
    }

    fn state(&self, id: PublicationId, encoding: usize) -> Option<&State> {
        self.of.get(id)?.get(encoding)
    }

    /// This becomes of the encodings of a track now; whether its publisher is to be told. Of one that does not come
    /// anyway nothing is told: it is not stopped because nobody wants it.
    pub(crate) fn look(&mut self, id: PublicationId, uses: [Use; ENCODINGS_MAX], now: Instant) -> bool {
        let Some(of) = self.of.entry(id) else { return false };
        let mut is_new = false;
        for (state, Use { is_wanted, is_live }) in of.or_default().iter_mut().zip(uses) {
            let since = *state.unwanted_since.get_or_insert(now);
            if is_wanted {
                is_new |= state.is_off;
                state.asked_at = if state.is_off { Some(now) } else { state.asked_at };
                (state.is_off, state.unwanted_since) = (false, None);
            } else if is_live && !state.is_off && now.saturating_duration_since(since) >= UNWANTED_TIME {
                (state.is_off, state.asked_at) = (true, None);
                is_new = true;
            }
        }
        self.schedule.set(id, after(now, INTERVAL));
        is_new
    }

    /// The track is gone.
    pub(crate) fn forget(&mut self, id: PublicationId) {
        self.schedule.remove(id);
        self.of.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use slotmap::SlotMap;

    /// What a publisher was told, which sends all that is wanted, or only the first so many encodings.
    struct Bench {
        clock: ManualClock,
        asked: Asked,
        id: PublicationId,
        sends: usize,
    }

    impl Bench {
        fn new() -> Self {
            let id = SlotMap::<PublicationId, ()>::with_key().insert(());
            Self { clock: ManualClock::default(), asked: Asked::default(), id, sends: 3 }
        }

        /// After so long the first so many encodings are wanted. Whether that is told, and which are off.
        fn look(&mut self, wanted: usize, milliseconds: u64) -> (bool, [bool; 3]) {
            self.clock.advance(Duration::from_millis(milliseconds));
            let off = |asked: &Asked| [0, 1, 2].map(|encoding| asked.is_off(self.id, encoding));
            let before = off(&self.asked);
            let places = std::array::from_fn(|place| Use {
                is_wanted: place < wanted,
                is_live: !before[place] && place < self.sends,
            });
            let is_told = self.asked.look(self.id, places, self.clock.now());
            (is_told, off(&self.asked))
        }
    }

    #[test]
    fn what_nobody_wants_is_told_after_a_while_and_what_somebody_wants_at_once() {
        let mut bench = Bench::new();
        assert_eq!(bench.look(3, 0), (false, [false; 3]));
        assert_eq!(bench.look(1, 10_000), (false, [false; 3]), "it was wanted a moment ago");
        assert_eq!(bench.look(3, 1_900), (false, [false; 3]));
        assert_eq!(bench.look(1, 1_900), (false, [false; 3]));
        assert_eq!(bench.look(1, 2_000), (true, [false, true, true]));
        assert_eq!(bench.look(1, 2_000), (false, [false, true, true]), "it was told");
        assert_eq!(bench.look(2, 1), (true, [false, false, true]));
        assert_eq!(bench.look(0, 1), (false, [false, false, true]));
        assert_eq!(bench.look(0, 2_000), (true, [true; 3]));
    }

    #[test]
    fn what_a_publisher_does_not_send_by_itself_is_not_asked_for_again_and_again() {
        let mut bench = Bench::new();
        bench.look(1, 0);
        bench.look(1, 2_000);
        assert!(bench.asked.is_on_request(bench.id, 2, bench.clock.now()));
        // It is wanted, and does not come back: the publisher has no room for it any more.
        bench.sends = 2;
        assert_eq!(bench.look(3, 1), (true, [false; 3]));
        assert!(bench.asked.is_on_request(bench.id, 2, bench.clock.now()), "it has some time");
        bench.clock.advance(RETURN_TIME);
        assert!(!bench.asked.is_on_request(bench.id, 2, bench.clock.now()));
        for _ in 0..10 {
            assert_eq!(bench.look(2, 1_000), (false, [false; 3]), "nobody can want what does not come");
        }
    }
}
