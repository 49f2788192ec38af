//! How much may be sent again on one transport, or besides.

pub(crate) mod incoming;

use crate::{bandwidth::Bitrate, moment::after};
use std::time::{Duration, Instant};

/// One in so many of the bytes forwarded within the last second may be sent again.
///
/// Half lets a receiver that loses 30 % of its packets recover all of them; more
/// would let one that only claims to lose them multiply what it receives.
pub(crate) const SHARE: u64 = 2;

/// Likewise of what the peer's network is thought to carry, where that is known: more is forwarded than that until
/// less is chosen, and must not be made worse.
pub(crate) const ESTIMATE_SHARE: u64 = 2;

/// Bytes that may be sent again within a second though little was forwarded: 64 kbit/s.
pub(crate) const FLOOR_BYTES: u64 = 8_000;

/// What the peer's network is thought to carry at least for earlier sound to go out once more with later packets, unless
/// half of it is free.
///
/// One that carries less loses packets most likely for being full, and its pictures need what a voice does not. Lower
/// costs a call of three on 250 kbit/s its picture; higher leaves sound with holes that could have been whole.
pub(crate) const REDUNDANCY_ESTIMATE_MIN: Bitrate = Bitrate::from_bits_per_second(400_000);

/// One in so many of the bytes that the peer's network is thought to carry may be such sound: of one voice at the least
/// estimate, of a few where there is more.
pub(crate) const REDUNDANCY_SHARE: u64 = 8;

/// Likewise where half of what it carries is free.
pub(crate) const REDUNDANCY_SHARE_FREE: u64 = 4;

const SECOND: Duration = Duration::from_secs(1);

/// How finely the last second is told from what was before.
const SLOT: Duration = Duration::from_millis(100);

/// Slots of a whole second, and the one that has begun.
const SLOTS: usize = 11;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    forwarded: u64,
    resent: u64,
    redundant: u64,
}

/// What went out on a transport within the last second.
///
/// What was sent again is summed over the second and the slot before it, what
/// was forwarded over no more than the second: whatever second one looks at, the
/// former is never above its share of the latter, or above the floor.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The newest first.
    slots: [Slot; SLOTS],
    began_at: Instant,
}

impl Budget {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { slots: [Slot { forwarded: 0, resent: 0, redundant: 0 }; SLOTS], began_at: now }
    }

    /// Lets time pass.
    fn advance(&mut self, now: Instant) {
        let mut passed = now.saturating_duration_since(self.began_at);
        if passed > SLOT.saturating_mul(20) {
            *self = Self::new(now);
            return;
        }
        while let Some(rest) = passed.checked_sub(SLOT) {
            passed = rest;
            self.began_at = after(self.began_at, SLOT);
            self.slots.rotate_right(1);
            let [newest, ..] = &mut self.slots;
            *newest = Slot::default();
        }
    }

    /// Notes bytes that were sent for the first time.
    pub(crate) fn note_forwarded(&mut self, bytes: usize, now: Instant) {
        self.advance(now);
        let [newest, ..] = &mut self.slots;
        newest.forwarded = newest.forwarded.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// What was sent for the first time within the last second.
    pub(crate) fn forwarded(&mut self, now: Instant) -> Bitrate {
        self.advance(now);
        let [second @ .., _] = &self.slots;
        let bytes: u64 = second.iter().fold(0, |sum, slot| slot.forwarded.saturating_add(sum));
        Bitrate::from_bits_per_second(bytes.saturating_mul(8))
    }

    /// Whether so many bytes may be sent again now, over a network that carries so much if that is known; if so, they
    /// count as sent.
    pub(crate) fn take(&mut self, bytes: usize, estimate: Option<Bitrate>, now: Instant) -> bool {
        self.advance(now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let [second @ .., _] = &self.slots;
        let forwarded: u64 = second.iter().fold(0, |sum, slot| slot.forwarded.saturating_add(sum));
        let resent: u64 = self.slots.iter().fold(bytes, |sum, slot| slot.resent.saturating_add(sum));
        let carried = estimate.map_or(u64::MAX, |estimate| estimate.bytes_in(SECOND) / ESTIMATE_SHARE);
        if resent > (forwarded / SHARE).max(FLOOR_BYTES).min(carried) {
            return false;
        }
        let [newest, ..] = &mut self.slots;
        newest.resent = newest.resent.saturating_add(bytes);
        true
    }

    /// Whether so many bytes of earlier sound may go with a packet that is sent now, over a network that carries so much
    /// if that is known; if so, they count as sent.
    pub(crate) fn take_redundant(&mut self, bytes: usize, estimate: Option<Bitrate>, now: Instant) -> bool {
        let Some(estimate) = estimate else { return true };
        self.advance(now);
        let (bytes, carried) = (u64::try_from(bytes).unwrap_or(u64::MAX), estimate.bytes_in(SECOND));
        let [second @ .., _] = &self.slots;
        let forwarded: u64 = second.iter().fold(0, |sum, slot| slot.forwarded.saturating_add(sum));
        let before: u64 = self.slots.iter().fold(0, |sum, slot| slot.redundant.saturating_add(sum));
        // Where little is sent nobody finds out how much there is room for.
        let is_free = forwarded.saturating_sub(before) <= carried / 2;
        let most = if is_free { carried / REDUNDANCY_SHARE_FREE } else { carried / REDUNDANCY_SHARE };
        let is_taken =
            (is_free || REDUNDANCY_ESTIMATE_MIN <= estimate) && before.saturating_add(bytes) <= most;
        if is_taken {
            let [newest, ..] = &mut self.slots;
            newest.redundant = newest.redundant.saturating_add(bytes);
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn taken(budget: &mut Budget, now: Instant) -> usize {
        (0..1_000_000).take_while(|_| budget.take(1000, None, now)).count()
    }

    #[test]
    fn half_of_the_last_second_may_be_sent_again_and_not_twice() {
        let clock = ManualClock::default();
        let mut budget = Budget::new(clock.now());
        for _ in 0..10 {
            budget.note_forwarded(100_000, clock.now());
            clock.advance(SLOT);
        }
        // The newest slot has just begun, so nine of the ten lie within the second.
        assert_eq!(taken(&mut budget, clock.now()), 450);
        assert_eq!(taken(&mut budget, clock.now()), 0);
        clock.advance(SLOT * 5);
        assert_eq!(taken(&mut budget, clock.now()), 0, "what was sent again lies within the second too");
        clock.advance(Duration::from_secs(1));
        assert_eq!(taken(&mut budget, clock.now()), 8, "nothing was forwarded since");
    }

    #[test]
    fn no_more_is_sent_again_than_half_of_what_the_network_carries() {
        let clock = ManualClock::default();
        let mut budget = Budget::new(clock.now());
        budget.note_forwarded(1_000_000, clock.now());
        let estimate = Some(Bitrate::from_bits_per_second(320_000));
        let taken = (0..1_000).take_while(|_| budget.take(1000, estimate, clock.now())).count();
        assert_eq!(taken, 20);
        assert_eq!(budget.forwarded(clock.now()), Bitrate::from_bits_per_second(8_000_000));
    }

    #[test]
    fn earlier_sound_goes_along_where_there_is_room_and_never_takes_much_of_it() {
        let clock = ManualClock::default();
        let mut budget = Budget::new(clock.now());
        let mut taken = |forwarded: usize, estimate: Option<u64>| {
            let estimate = estimate.map(Bitrate::from_bits_per_second);
            clock.advance(SECOND * 2);
            budget.note_forwarded(forwarded, clock.now());
            let take = |_: &usize| {
                let is_taken = budget.take_redundant(125, estimate, clock.now());
                budget.note_forwarded(if is_taken { 125 } else { 0 }, clock.now());
                is_taken
            };
            (0..1_000).take_while(take).count()
        };
        assert_eq!(taken(25_000, Some(399_999)), 0, "it is full");
        assert_eq!(taken(25_001, Some(400_000)), 50, "50 kbit/s: one voice");
        assert_eq!(taken(6_500, Some(300_000)), 75, "a voice alone");
        assert_eq!(taken(6_500, Some(100_000)), 0, "on a line that just carries it");
        assert_eq!(taken(250_001, Some(4_000_000)), 500);
        assert_eq!(taken(25_000, Some(4_000_000)), 1_000);
        assert_eq!(taken(25_000, None), 1_000, "nobody knows");
    }

    #[test]
    fn the_floor_is_all_there_is_where_nothing_is_forwarded() {
        let clock = ManualClock::default();
        let mut budget = Budget::new(clock.now());
        let mut resent = 0;
        for _ in 0..10 {
            resent += taken(&mut budget, clock.now());
            clock.advance(SLOT);
        }
        assert_eq!(resent, 8);
    }
}
