//! What is sent of a voice besides its packets, so that a receiver plays on where some are lost: what earlier ones
//! carried, before what a packet carries itself (RFC 2198).

use crate::{moment::after, rtp::sequence::SeqNo};
use std::time::{Duration, Instant};

/// How long each packet carries what the one before it did after a receiver has missed something.
///
/// Longer costs twice a voice's rate for as long on networks that lost something once; shorter ends before the next
/// loss where that is rare.
const GUARDED_TIME: Duration = Duration::from_secs(20);

/// Packets that a receiver has asked for and gets with the next one, at most: what a packet has room for besides the one
/// before it.
const ASKED_MAX: usize = 3;

/// What is sent besides.
#[derive(Debug, Default)]
pub(super) struct Redundancy {
    /// The receiver takes it.
    is_agreed: bool,
    /// Something was lost on the way to it lately.
    until: Option<Instant>,
    /// What it asked for, in rising order.
    asked: Vec<SeqNo>,
}

impl Redundancy {
    pub(super) fn agree(&mut self, is_agreed: bool) {
        self.is_agreed = is_agreed;
        self.asked.clear();
    }

    pub(super) const fn is_agreed(&self) -> bool {
        self.is_agreed
    }

    /// Something was lost on the way to the receiver.
    pub(super) fn note_loss(&mut self, now: Instant) {
        self.until = Some(after(now, GUARDED_TIME));
    }

    /// The receiver misses the packet of this number.
    pub(super) fn ask(&mut self, number: SeqNo) {
        if let Err(place) = self.asked.binary_search(&number) {
            self.asked.insert(place, number);
            // Of more than fit the oldest are of no use any more.
            let surplus = self.asked.len().saturating_sub(ASKED_MAX);
            self.asked.drain(..surplus);
        }
    }

    fn is_guarded(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether the packet that goes out now is to carry what others did.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.is_agreed && (self.is_guarded(now) || !self.asked.is_empty())
    }

    /// The packets whose contents are to go with the one of this number, in rising order. They are asked for no more.
    pub(super) fn take(&mut self, number: SeqNo, now: Instant) -> impl Iterator<Item = SeqNo> + use<> {
        let before = number.extended().checked_sub(1).map(SeqNo::from_extended);
        let before = before.filter(|_| self.is_guarded(now));
        let asked = std::mem::take(&mut self.asked).into_iter();
        asked.filter(move |it| *it < number && Some(*it) != before).chain(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn taken(redundancy: &mut Redundancy, number: u64, now: Instant) -> Vec<u64> {
        redundancy.take(SeqNo::from_extended(number), now).map(SeqNo::extended).collect()
    }

    fn agreed() -> Redundancy {
        let mut redundancy = Redundancy::default();
        redundancy.agree(true);
        redundancy
    }

    #[test]
    fn after_a_loss_each_packet_carries_the_one_before_it_for_a_while() {
        let clock = ManualClock::default();
        let mut redundancy = agreed();
        assert!(!redundancy.is_on(clock.now()), "nothing was lost");
        redundancy.note_loss(clock.now());
        assert!(redundancy.is_on(clock.now()));
        assert_eq!(taken(&mut redundancy, 8, clock.now()), [7]);
        clock.advance(GUARDED_TIME);
        assert!(!redundancy.is_on(clock.now()));
    }

    #[test]
    fn what_is_asked_for_goes_with_the_next_packet_and_once() {
        let clock = ManualClock::default();
        let mut redundancy = agreed();
        for number in [6, 3, 5, 5, 9] {
            redundancy.ask(SeqNo::from_extended(number));
        }
        assert!(redundancy.is_on(clock.now()));
        assert_eq!(
            taken(&mut redundancy, 8, clock.now()),
            [5, 6],
            "the oldest has no room, and one is no earlier one"
        );
        assert!(!redundancy.is_on(clock.now()));
        redundancy.note_loss(clock.now());
        redundancy.ask(SeqNo::from_extended(7));
        assert_eq!(taken(&mut redundancy, 8, clock.now()), [7], "not twice");
    }

    #[test]
    fn who_does_not_take_it_gets_none() {
        let now = ManualClock::default().now();
        let mut redundancy = Redundancy::default();
        redundancy.note_loss(now);
        redundancy.ask(SeqNo::from_extended(3));
        assert!(!redundancy.is_on(now));
        redundancy.agree(true);
        assert!(redundancy.is_on(now), "what was lost was lost before, too");
        assert_eq!(taken(&mut redundancy, 8, now), [7], "what was asked for then is of no use");
    }
}
