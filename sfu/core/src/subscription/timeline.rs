//! Under which numbers a subscriber gets a track's packets.
//!
//! They are the subscriber's own, and each is used once. What is missing has its number kept for it; what a
//! track's publisher leaves out for good leaves no more than one hole, and what is left out for the subscriber none.
//! They go on where another encoding of the track takes the place of the one before.

use super::shift::Shift;
use crate::{id::EncodingId, moment::after, rtp::sequence::SeqNo};
use std::{
    collections::VecDeque,
    num::NonZeroU32,
    time::{Duration, Instant},
};

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

/// Encodings whose packets are still told from those of the one that took their place.
///
/// More would answer requests for packets from before more switches than one follows another within what is kept.
const FORMER_MAX: usize = 8;

/// A number that has been given out, in 16 bytes: there are 512 of them to a picture.
#[derive(Debug, Clone, Copy)]
struct Given {
    /// To the encoding's packet of this number.
    to: SeqNo,
    /// What is added to its picture's number.
    picture_id: u16,
    /// When it was sent again last, in [milliseconds](Timeline::milliseconds).
    resent_at: Option<NonZeroU32>,
    /// The packet was sent; else it is missing so far.
    is_sent: bool,
}

/// An encoding that is forwarded.
#[derive(Debug, Clone, Copy)]
struct Source {
    encoding: EncodingId,
    /// The first number that was given to it.
    first: SeqNo,
    /// What is added to what its packets say, as of the next.
    shift: Shift,
}

/// A number that a packet goes out under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: SeqNo,
    /// What is added to what the packet says.
    pub(super) shift: Shift,
    /// Nothing that follows it has gone out.
    pub(super) is_newest: bool,
}

/// A packet that has gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) number: SeqNo,
    pub(super) shift: Shift,
    /// Where it came from.
    pub(super) encoding: EncodingId,
    /// What its number was there.
    pub(super) sequence: SeqNo,
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
    source: Option<Source>,
    /// The newest last.
    former: VecDeque<Source>,
    /// The highest of the source's own numbers that was seen.
    highest: Option<SeqNo>,
}

impl Timeline {
    /// Nothing is given out yet; so many numbers will be remembered.
    pub(super) fn new(length: usize, now: Instant) -> Self {
        Self {
            began_at: now,
            given: vec![None; length],
            oldest: FIRST,
            next: FIRST,
            source: None,
            former: VecDeque::new(),
            highest: None,
        }
    }

    /// The number that is given out next.
    pub(super) const fn next(&self) -> SeqNo {
        self.next
    }

    /// The encoding whose packets go out, or went out last, and what is added to what they say.
    pub(super) fn source(&self) -> Option<(EncodingId, Shift)> {
        self.source.map(|source| (source.encoding, source.shift))
    }

    /// From now on packets of this encoding go out, and what they say is changed so.
    pub(super) fn switch(&mut self, encoding: EncodingId, shift: Shift) {
        let first = self.next;
        if let Some(former) = self.source.replace(Source { encoding, first, shift }) {
            if self.former.len() >= FORMER_MAX {
                self.former.pop_front();
            }
            self.former.push_back(former);
        }
        self.highest = None;
    }

    /// The encoding that a number was given to.
    fn source_of(&self, number: SeqNo) -> Option<Source> {
        let mut sources = self.source.iter().chain(self.former.iter().rev());
        sources.find(|source| source.first <= number).copied()
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
        let picture_id = self.source.map_or(0, |source| source.shift.picture_id);
        if let Some(slot) = self.given.get_mut(place) {
            *slot = Some(Given { to, picture_id, resent_at: None, is_sent });
        }
        self.next = number.next();
        number
    }

    /// Whether nothing of the source that follows this packet of its was seen.
    pub(super) fn is_newest(&self, sequence: SeqNo) -> bool {
        self.highest.is_none_or(|highest| highest < sequence)
    }

    /// The number that a packet of the source goes out under now. `None` if it came too late for that, or has gone
    /// out.
    pub(super) fn send(&mut self, sequence: SeqNo) -> Option<Place> {
        let source = self.source?;
        if self.is_newest(sequence) {
            self.note_newest(sequence);
            let number = self.give(sequence, true);
            return Some(Place { number, shift: source.shift, is_newest: true });
        }
        let number = self.number_of(sequence)?;
        let given = self.get_mut(number).filter(|given| !given.is_sent)?;
        given.is_sent = true;
        let shift = Shift { picture_id: given.picture_id, ..source.shift };
        Some(Place { number, shift, is_newest: false })
    }

    /// The newest packet of the source is not for this subscriber. What is missing before it may be: nobody knows.
    /// `is_picture` says that it is the first that is left out of its picture.
    pub(super) fn leave_out(&mut self, sequence: SeqNo, is_picture: bool) {
        self.note_newest(sequence);
        if let Some(source) = self.source.as_mut().filter(|_| is_picture) {
            source.shift.picture_id = source.shift.picture_id.wrapping_sub(1);
        }
    }

    fn note_newest(&mut self, sequence: SeqNo) {
        if let Some(highest) = self.highest {
            self.keep_for_missing(highest.next(), sequence);
        }
        self.highest = Some(sequence);
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

    /// The number that was given out for a packet of the source. Both grow together.
    fn number_of(&self, sequence: SeqNo) -> Option<SeqNo> {
        let end = self.next.extended();
        let first = self.source?.first.max(self.oldest);
        let mut low = end.saturating_sub(self.length()).max(first.extended());
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

    /// What went out under the number of these wire bits.
    pub(super) fn sent(&self, wire: u16) -> Option<Sent> {
        let number = self.next.extend(wire);
        let given = self.get(number).filter(|given| given.is_sent)?;
        let Source { encoding, shift, .. } = self.source_of(number)?;
        let shift = Shift { picture_id: given.picture_id, ..shift };
        Some(Sent { number, shift, encoding, sequence: given.to })
    }

    /// Whether what went out under this number was sent again less than `interval` ago.
    pub(super) fn is_resent(&self, number: SeqNo, interval: Duration, now: Instant) -> bool {
        let Some(resent_at) = self.get(number).and_then(|given| given.resent_at) else { return false };
        // Before zero within the millisecond that was rounded up to.
        let passed = i64::from(self.milliseconds(now).wrapping_sub(resent_at.get()).cast_signed());
        let interval = interval.saturating_add(ROUNDING).as_millis();
        passed < i64::try_from(interval).unwrap_or(i64::MAX)
    }

    /// Notes that what went out under this number is sent again.
    pub(super) fn note_resent(&mut self, number: SeqNo, now: Instant) {
        // Rounded up: never taken for longer ago than it is.
        let resent_at = self.milliseconds(after(now, ROUNDING));
        if let Some(given) = self.get_mut(number) {
            given.resent_at = Some(NonZeroU32::new(resent_at).unwrap_or(NonZeroU32::MIN));
        }
    }

    /// Milliseconds since the timeline began, rounded down, and one: modulo 2^32, so hardly ever none.
    fn milliseconds(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.began_at).as_millis().saturating_add(1);
        u32::try_from(passed & u128::from(u32::MAX)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
