//! What was sent and is not yet known to have arrived.

use super::{probe::ClusterId, round_trip::age};
use std::time::{Duration, Instant};

/// Packets that are remembered at most.
///
/// More lets feedback come later at high rates, and costs the transports that need it 8 bytes each; fewer forgets
/// packets before feedback names them, which then count neither as lost nor as arrived. These last for more than a
/// second at the highest estimate, in packets of 1,200 bytes.
pub const HISTORY_PACKETS: usize = 4096;

/// Packets that are remembered to begin with: a second of 10 Mbit/s, which is more than most ever get.
const PACKETS_MIN: usize = 1024;

/// How late feedback may be for more to be remembered on its account.
///
/// Longer remembers more for those who never tell what arrives; shorter forgets what slow networks still tell of.
const FEEDBACK_MAX: Duration = Duration::from_secs(2);

/// The bits of a number that choose its place where the fewest are remembered.
const PLACE_BITS: u32 = PACKETS_MIN.trailing_zeros();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    InFlight,
    /// Feedback said that it had not arrived; later feedback may say that it has.
    Lost,
    Arrived,
}

/// 8 bytes, so that a transport's history is 8 KiB, or 32 where it has grown.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Microseconds since the history began, modulo 2^32.
    sent_at: u32,
    bytes: u16,
    cluster: Option<ClusterId>,
    /// The upper bits of the number, which together with the place are all of them, and the state.
    cycle_and_state: u8,
}

impl Entry {
    const EMPTY: Self = Self { sent_at: 0, bytes: 0, cluster: None, cycle_and_state: 0 };

    const fn new(cycle: u8, sent_at: u32, bytes: u16, cluster: Option<ClusterId>) -> Self {
        Self { sent_at, bytes, cluster, cycle_and_state: cycle << 2 | 1 }
    }

    const fn cycle(self) -> u8 {
        self.cycle_and_state >> 2
    }

    /// The number of the packet whose entry stands at a place.
    fn number_at(self, place: usize) -> usize {
        usize::from(self.cycle()) << PLACE_BITS | place & PACKETS_MIN.wrapping_sub(1)
    }

    /// Whether feedback on it may still come, `now`.
    fn is_awaited(self, now: u32) -> bool {
        let age = Duration::from_micros(now.wrapping_sub(self.sent_at).into());
        self.state() == State::InFlight && age < FEEDBACK_MAX
    }

    const fn state(self) -> State {
        match self.cycle_and_state & 3 {
            0 => State::Empty,
            1 => State::InFlight,
            2 => State::Lost,
            _ => State::Arrived,
        }
    }

    fn set(&mut self, state: State) {
        self.cycle_and_state = self.cycle_and_state & !3 | state as u8;
    }
}

/// A packet that feedback told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reported {
    pub(crate) sent_at: Instant,
    pub(crate) bytes: u16,
    pub(crate) cluster: Option<ClusterId>,
    /// What was known of it before.
    pub(crate) before: State,
}

/// The packets that were sent last, by their transport-wide number.
#[derive(Debug)]
pub(crate) struct SendHistory {
    /// As many as a power of two.
    entries: Vec<Entry>,
    began_at: Instant,
}

impl SendHistory {
    pub(crate) fn new(now: Instant) -> Self {
        Self { entries: vec![Entry::EMPTY; PACKETS_MIN], began_at: now }
    }

    /// Notes a packet. It takes the place of one that was sent [`PACKETS_MIN`] before it or earlier; where feedback
    /// may still come on that one, there is room for more from now on.
    pub(crate) fn insert(&mut self, number: u16, bytes: u16, cluster: Option<ClusterId>, now: Instant) {
        let sent_at = self.micros(now);
        if self.entries.len() < HISTORY_PACKETS
            && self.entries.get(self.place(number)).is_some_and(|entry| entry.is_awaited(sent_at))
        {
            self.grow();
        }
        let place = self.place(number);
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = Entry::new(cycle(number), sent_at, bytes, cluster);
        }
    }

    /// Makes room for twice as many.
    fn grow(&mut self) {
        let length = self.entries.len().saturating_mul(2);
        let former = std::mem::replace(&mut self.entries, vec![Entry::EMPTY; length]);
        for (place, entry) in former.into_iter().enumerate() {
            let place = entry.number_at(place) & length.wrapping_sub(1);
            if let Some(slot) = self.entries.get_mut(place) {
                *slot = entry;
            }
        }
    }

    fn place(&self, number: u16) -> usize {
        usize::from(number) & self.entries.len().wrapping_sub(1)
    }

    /// Notes what feedback says of a packet. `None` where that tells nothing new: no such packet was sent, it
    /// was too long ago, or it is known to have arrived.
    pub(crate) fn report(&mut self, number: u16, arrived: bool, now: Instant) -> Option<Reported> {
        let now_micros = self.micros(now);
        let place = self.place(number);
        let entry = self.entries.get_mut(place).filter(|entry| entry.cycle() == cycle(number))?;
        let before = entry.state();
        match (before, arrived) {
            (State::InFlight, true) | (State::Lost, true) => entry.set(State::Arrived),
            (State::InFlight, false) => entry.set(State::Lost),
            (State::Empty | State::Arrived, _) | (State::Lost, false) => return None,
        }
        let age = Duration::from_micros(now_micros.wrapping_sub(entry.sent_at).into());
        let sent_at = now.checked_sub(age).unwrap_or(now);
        Some(Reported { sent_at, bytes: entry.bytes, cluster: entry.cluster, before })
    }

    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32: an hour, and feedback takes seconds")]
    fn micros(&self, now: Instant) -> u32 {
        let age = age(self.began_at, now);
        (age.as_secs() as u32).wrapping_mul(1_000_000).wrapping_add(age.subsec_micros())
    }
}

const fn cycle(number: u16) -> u8 {
    (number >> PLACE_BITS) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    #[test]
    fn an_entry_is_eight_bytes() {
        assert_eq!(size_of::<Entry>(), 8);
    }

    #[test]
    fn a_packet_is_reported_with_what_was_sent_and_once() {
        let clock = ManualClock::default();
        let mut history = SendHistory::new(clock.now());
        clock.advance(Duration::from_secs(5000));
        let sent_at = clock.now();
        history.insert(65_535, 1200, None, sent_at);
        clock.advance(Duration::from_millis(80));
        assert!(history.report(65_535 - 4096, true, clock.now()).is_none(), "never sent");
        assert!(history.report(0, true, clock.now()).is_none(), "never sent");
        let lost = history.report(65_535, false, clock.now()).unwrap();
        assert_eq!((lost.before, lost.bytes, lost.sent_at), (State::InFlight, 1200, sent_at));
        assert!(history.report(65_535, false, clock.now()).is_none(), "known to be lost");
        assert_eq!(history.report(65_535, true, clock.now()).unwrap().before, State::Lost);
        assert!(history.report(65_535, true, clock.now()).is_none(), "known to have arrived");
        assert!(history.report(65_535, false, clock.now()).is_none(), "what arrived is not lost again");
    }

    #[test]
    fn few_are_remembered_where_feedback_comes_in_time_or_never() {
        let clock = ManualClock::default();
        let mut history = SendHistory::new(clock.now());
        for number in (0..=u16::MAX).chain(0..100) {
            history.insert(number, 100, None, clock.now());
            clock.advance(Duration::from_millis(1));
            assert!(history.report(number, true, clock.now()).is_some());
        }
        for number in 100..5000 {
            history.insert(number, 100, None, clock.now());
            clock.advance(FEEDBACK_MAX / 1000);
        }
        assert_eq!(history.entries.len(), PACKETS_MIN);
    }

    #[test]
    fn more_are_remembered_where_feedback_comes_late_and_none_is_lost_by_that() {
        let clock = ManualClock::default();
        let mut history = SendHistory::new(clock.now());
        let first = u16::MAX - 1500;
        for sent in 0..3000 {
            history.insert(first.wrapping_add(sent), 100 + sent, None, clock.now());
        }
        assert_eq!(history.entries.len(), HISTORY_PACKETS);
        clock.advance(Duration::from_secs(1));
        for sent in 0..3000 {
            let reported = history.report(first.wrapping_add(sent), true, clock.now());
            assert_eq!(reported.map(|reported| reported.bytes), Some(100 + sent));
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let clock = ManualClock::default();
        let mut history = SendHistory::new(clock.now());
        for number in 0..=4096 {
            history.insert(number, 100, None, clock.now());
        }
        assert!(history.report(0, true, clock.now()).is_none());
        assert!(
            history.report(1, true, clock.now()).is_some()
                && history.report(4096, true, clock.now()).is_some()
        );
    }
}
