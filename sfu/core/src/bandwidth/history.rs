//! What was sent and is not yet known to have arrived.

use super::{probe::ClusterId, round_trip::age};
use std::time::{Duration, Instant};

/// Packets that are remembered.
///
/// More lets feedback come later at high rates, and costs every transport 8 bytes each; fewer forgets packets
/// before feedback names them, which then count neither as lost nor as arrived. These last for more than a
/// second at the highest estimate, in packets of 1,200 bytes.
pub const HISTORY_PACKETS: usize = 4096;

/// The bits of a number that choose its place.
const PLACE_BITS: u32 = HISTORY_PACKETS.trailing_zeros();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    InFlight,
    /// Feedback said that it had not arrived; later feedback may say that it has.
    Lost,
    Arrived,
}

/// 8 bytes, so that a transport's history is 32 KiB.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Microseconds since the history began, modulo 2^32.
    sent_at: u32,
    bytes: u16,
    cluster: Option<ClusterId>,
    /// The bits of the number that did not choose the place, and the state.
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
    entries: Box<[Entry]>,
    began_at: Instant,
}

impl SendHistory {
    pub(crate) fn new(now: Instant) -> Self {
        Self { entries: vec![Entry::EMPTY; HISTORY_PACKETS].into_boxed_slice(), began_at: now }
    }

    /// Notes a packet. It takes the place of the one that was sent [`HISTORY_PACKETS`] before it.
    pub(crate) fn insert(&mut self, number: u16, bytes: u16, cluster: Option<ClusterId>, now: Instant) {
        let sent_at = self.micros(now);
        if let Some(entry) = self.entries.get_mut(place(number)) {
            *entry = Entry::new(cycle(number), sent_at, bytes, cluster);
        }
    }

    /// Notes what feedback says of a packet. `None` where that tells nothing new: no such packet was sent, it
    /// was too long ago, or it is known to have arrived.
    pub(crate) fn report(&mut self, number: u16, arrived: bool, now: Instant) -> Option<Reported> {
        let now_micros = self.micros(now);
        let entry = self.entries.get_mut(place(number)).filter(|entry| entry.cycle() == cycle(number))?;
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

fn place(number: u16) -> usize {
    usize::from(number) & (HISTORY_PACKETS.wrapping_sub(1))
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
