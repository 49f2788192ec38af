//! Under which numbers a subscriber gets a track's packets.
//!
//! They are the subscriber's own, and each is used once. What is missing has its number kept for it; what a
//! track's publisher leaves out for good leaves no more than one hole.

use crate::{moment::after, rtp::sequence::SeqNo};
use std::time::{Duration, Instant};

/// The number of a stream's first packet, and so the first cycle of its nonces.
pub(super) const FIRST: SeqNo = SeqNo::from_extended(1);

/// What makes a time that is cut to milliseconds the next millisecond.
const ROUNDING: Duration = Duration::from_nanos(999_999);

/// Numbers that are passed over at once at most.
///
/// More than receivers hope for (libwebrtc forgets a thousand that are missing, and wants a key frame). So few that
/// several leaps in a row may be lost on the way: by half a cycle a receiver takes the next packet for one of another
/// cycle, and opens nothing of the stream any more (RFC 3711, section 3.3.1).
const LEAP_MAX: u64 = 4096;

/// A number that has been given out.
#[derive(Debug, Clone, Copy)]
struct Given {
    /// To the track's packet of this number.
    to: SeqNo,
    /// When it was sent again last, in milliseconds since the timeline began, modulo 2^32.
    resent_at: Option<u32>,
    /// The packet was sent; else it is missing so far.
    is_sent: bool,
}

/// The numbers given out lately, and what comes next.
#[derive(Debug)]
pub(super) struct Timeline {
    began_at: Instant,
    /// By number, as far back as packets are kept.
    given: Vec<Option<Given>>,
    /// What was given out before is forgotten.
    oldest: SeqNo,
    next: SeqNo,
    /// The highest of the track's own numbers that was seen.
    highest: Option<SeqNo>,
}

impl Timeline {
    /// Nothing is given out yet; so many numbers will be remembered.
    pub(super) fn new(length: usize, now: Instant) -> Self {
        Self { began_at: now, given: vec![None; length], oldest: FIRST, next: FIRST, highest: None }
    }

    fn length(&self) -> u64 {
        u64::try_from(self.given.len()).unwrap_or(u64::MAX)
    }

    fn place(&self, number: SeqNo) -> usize {
        usize::try_from(number.extended().checked_rem(self.length()).unwrap_or(0)).unwrap_or(0)
    }

    fn get(&self, number: SeqNo) -> Option<&Given> {
        let is_kept = self.oldest <= number
            && number < self.next
            && self.next.extended().saturating_sub(number.extended()) <= self.length();
        self.given.get(self.place(number)).filter(|_| is_kept)?.as_ref()
    }

    fn get_mut(&mut self, number: SeqNo) -> Option<&mut Given> {
        self.get(number)?;
        let place = self.place(number);
        self.given.get_mut(place)?.as_mut()
    }

    fn give(&mut self, to: SeqNo, is_sent: bool) -> SeqNo {
        let number = self.next;
        let place = self.place(number);
        if let Some(slot) = self.given.get_mut(place) {
            *slot = Some(Given { to, resent_at: None, is_sent });
        }
        self.next = number.next();
        number
    }

    /// The number that a packet of the track goes out under now. `None` if it came too late for that, or has gone
    /// out.
    pub(super) fn send(&mut self, sequence: SeqNo) -> Option<SeqNo> {
        match self.highest {
            Some(highest) if sequence <= highest => {
                let number = self.number_of(sequence)?;
                let given = self.get_mut(number).filter(|given| !given.is_sent)?;
                given.is_sent = true;
                return Some(number);
            }
            Some(highest) => self.keep_for_missing(highest.next(), sequence),
            None => {}
        }
        self.highest = Some(sequence);
        Some(self.give(sequence, true))
    }

    /// Keeps the numbers of the packets from one to before another. Where too many are missing for
    /// anybody to hope for them, some numbers are only passed over.
    fn keep_for_missing(&mut self, first: SeqNo, end: SeqNo) {
        let missing = end.extended().saturating_sub(first.extended());
        if missing > self.length() / 2 {
            self.pass_over(missing.min(LEAP_MAX));
            return;
        }
        let mut lost = first;
        while lost < end {
            self.give(lost, false);
            lost = lost.next();
        }
    }

    /// Gives out none of so many numbers; what was given out before is forgotten.
    pub(super) fn pass_over(&mut self, numbers: u64) {
        self.next = SeqNo::from_extended(self.next.extended().saturating_add(numbers));
        self.oldest = self.next;
    }

    /// The number that was given out for a packet of the track. Both grow together.
    fn number_of(&self, sequence: SeqNo) -> Option<SeqNo> {
        let end = self.next.extended();
        let mut low = end.saturating_sub(self.length()).max(self.oldest.extended());
        let mut high = end;
        while low < high {
            let middle = low.midpoint(high);
            let is_before = self.get(SeqNo::from_extended(middle)).is_some_and(|given| given.to < sequence);
            if is_before {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let number = SeqNo::from_extended(low);
        self.get(number).is_some_and(|given| given.to == sequence).then_some(number)
    }

    /// The number of these wire bits, and the packet of the track that went out under it.
    pub(super) fn sent(&self, wire: u16) -> Option<(SeqNo, SeqNo)> {
        let number = self.next.extend(wire);
        let given = self.get(number).filter(|given| given.is_sent)?;
        Some((number, given.to))
    }

    /// Whether what went out under this number was sent again less than `interval` ago.
    pub(super) fn is_resent(&self, number: SeqNo, interval: Duration, now: Instant) -> bool {
        let Some(resent_at) = self.get(number).and_then(|given| given.resent_at) else { return false };
        // Before zero within the millisecond that was rounded up to.
        let passed = i64::from(self.milliseconds(now).wrapping_sub(resent_at).cast_signed());
        let interval = interval.saturating_add(ROUNDING).as_millis();
        passed < i64::try_from(interval).unwrap_or(i64::MAX)
    }

    /// Notes that what went out under this number is sent again.
    pub(super) fn note_resent(&mut self, number: SeqNo, now: Instant) {
        // Rounded up: never taken for longer ago than it is.
        let resent_at = self.milliseconds(after(now, ROUNDING));
        if let Some(given) = self.get_mut(number) {
            given.resent_at = Some(resent_at);
        }
    }

    /// Milliseconds since the timeline began, rounded down, modulo 2^32.
    fn milliseconds(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.began_at).as_millis();
        u32::try_from(passed & u128::from(u32::MAX)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use std::collections::{BTreeMap, BTreeSet};

    fn timeline(length: usize) -> Timeline {
        Timeline::new(length, ManualClock::default().now())
    }

    /// Packets that are lost, late and in jumps, as the network brings them.
    fn arrivals(seed: u64) -> Vec<SeqNo> {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut sequence, mut order) = (random.random_range(1..70_000), Vec::new());
        for step in 0..3_000_u64 {
            sequence += match random.random_range(0..100) {
                0 => random.random_range(2..400),
                1..5 => 2,
                _ => 1,
            };
            let late = if random.random_range(0..10) == 0 { random.random_range(0..100) } else { 0 };
            order.push((step + late, SeqNo::from_extended(sequence)));
        }
        order.sort_by_key(|(at, _)| *at);
        order.into_iter().map(|(_, sequence)| sequence).collect()
    }

    #[test]
    fn every_number_is_used_once_and_in_the_order_of_the_track() {
        for seed in 0..20 {
            let mut timeline = timeline(512);
            let (mut sent, mut used) = (BTreeMap::new(), BTreeSet::new());
            for sequence in arrivals(seed) {
                let Some(number) = timeline.send(sequence) else { continue };
                assert!(used.insert(number), "seed {seed}: {number:?} twice");
                let before = sent.range(..sequence).next_back().map(|(_, number)| *number);
                let after = sent.range(sequence..).next().map(|(_, number)| *number);
                assert!(before.is_none_or(|before| before < number), "seed {seed}");
                assert!(after.is_none_or(|after| number < after), "seed {seed}");
                assert_eq!(timeline.sent(number.to_wire()), Some((number, sequence)), "seed {seed}");
                assert_eq!(timeline.send(sequence), None, "seed {seed}: it has gone out");
                sent.insert(sequence, number);
            }
            assert!(sent.len() > 2_900, "seed {seed}: {} went out", sent.len());
            assert!(timeline.given.len() == 512);
        }
    }

    #[test]
    fn what_is_not_missing_makes_no_hole_and_what_is_missing_may_come() {
        let mut timeline = timeline(64);
        let mut send = |sequence| timeline.send(SeqNo::from_extended(sequence)).map(SeqNo::extended);
        assert_eq!([700, 701, 704, 702].map(&mut send), [Some(1), Some(2), Some(5), Some(3)]);
        assert_eq!(send(699), None, "from before the first");
        assert_eq!(send(701), None, "again");
        assert_eq!(send(703), Some(4));
        assert_eq!(send(705), Some(6));
    }

    #[test]
    fn after_a_jump_nothing_from_before_it_is_known() {
        let mut timeline = timeline(64);
        let number = timeline.send(SeqNo::from_extended(10)).unwrap();
        let behind = timeline.send(SeqNo::from_extended(30_000)).unwrap();
        assert!(number < behind);
        assert_eq!(timeline.sent(number.to_wire()), None);
        assert_eq!(timeline.send(SeqNo::from_extended(29_999)), None);
        assert_eq!(timeline.sent(behind.to_wire()).map(|(_, to)| to.extended()), Some(30_000));
    }

    #[test]
    fn what_was_never_sent_is_not_sent_again() {
        let mut timeline = timeline(64);
        for sequence in [10, 12] {
            timeline.send(SeqNo::from_extended(sequence));
        }
        assert_eq!(timeline.sent(2), None, "it is missing");
        assert_eq!(timeline.sent(0), None, "from before the first");
        assert_eq!(timeline.sent(4), None, "not given out yet");
        assert_eq!(timeline.sent(40_000), None);
    }

    #[test]
    fn a_number_is_news_again_after_its_interval() {
        let clock = ManualClock::default();
        let mut timeline = Timeline::new(64, clock.now());
        let number = timeline.send(SeqNo::from_extended(10)).unwrap();
        let interval = Duration::from_millis(50);
        assert!(!timeline.is_resent(number, interval, clock.now()));
        timeline.note_resent(number, clock.now());
        for _ in 0..50 {
            assert!(timeline.is_resent(number, interval, clock.now()));
            clock.advance(Duration::from_millis(1));
        }
        assert!(!timeline.is_resent(number, interval, clock.now()));
    }
}
