//! When the packets of one transport arrived, by the numbers that they have on it.

use crate::{
    moment::after,
    rtcp::transport_feedback::{self, ArrivalTime, Report},
    rtp::sequence::SeqNo,
};
use std::time::{Duration, Instant};

/// How soon after the packet that it tells of first feedback is sent, at least and at most (section 5 of the draft).
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(50);
pub(crate) const INTERVAL_MAX: Duration = Duration::from_millis(250);

/// How soon until it is known how many packets come.
const INTERVAL_INITIAL: Duration = Duration::from_millis(100);

/// Packets that one feedback is to tell of, as far as the bounds of its interval allow.
///
/// Fewer tell the sender of a queue sooner, and cost more: of packets of 1,000 bytes these cost half a percent.
const PACKETS_WANTED: u32 = 20;

/// Numbers that are kept, back from the highest.
///
/// More lets a packet come later and still be told of; each costs a publisher 16 bytes.
pub(crate) const NUMBERS_KEPT: usize = 512;

/// Numbers that wait to be told of before feedback is due as soon as it may be.
const WAITING_MAX: u64 = KEPT / 2;

const KEPT: u64 = NUMBERS_KEPT as u64;

/// When the packet of a number arrived.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    number: SeqNo,
    at: ArrivalTime,
}

/// The packets of one transport that arrived last.
///
/// The numbers come from the peer: whatever they are, each costs the same time, no memory, and no feedback sooner
/// than [`INTERVAL_MIN`] after the one before. A leap forward forgets what was before it, one of more than half a
/// cycle is one back, and what is further back than is kept, or has arrived before, changes nothing.
#[derive(Debug)]
pub(super) struct ArrivalLog {
    began_at: Instant,
    /// By number.
    arrivals: Box<[Option<Arrival>]>,
    highest: Option<SeqNo>,
    /// Of the numbers from this one on nothing was told.
    untold: SeqNo,
    /// SSRC of a stream of the transport.
    ssrc: u32,
    /// The count of feedback.
    count: u8,
    interval: Duration,
    /// Since the last feedback.
    interval_began_at: Instant,
    packets: u32,
    /// When the next one is due.
    due: Option<Instant>,
}

impl ArrivalLog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began_at: now,
            arrivals: vec![None; NUMBERS_KEPT].into_boxed_slice(),
            highest: None,
            untold: SeqNo::from_extended(0),
            ssrc: 0,
            count: 0,
            interval: INTERVAL_INITIAL,
            interval_began_at: now,
            packets: 0,
            due: None,
        }
    }

    /// SSRC of a stream of the transport; zero before one is known.
    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// A packet of this stream came. There are senders that take feedback only if it names a stream of theirs.
    pub(super) const fn note_stream(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
    }

    /// Notes a packet with this number. When feedback is due, if that is news.
    pub(super) fn note(&mut self, wire: u16, now: Instant) -> Option<Instant> {
        let number = self.highest.map_or_else(|| SeqNo::first(wire), |highest| highest.extend(wire));
        let highest = self.highest.map_or(number, |highest| highest.max(number));
        let oldest = highest.extended().saturating_sub(KEPT.saturating_sub(1));
        let slot = self.arrivals.get_mut(place(number)).filter(|_| number.extended() >= oldest)?;
        if slot.is_some_and(|known| known.number == number) {
            return None;
        }
        *slot =
            Some(Arrival { number, at: ArrivalTime::after(now.saturating_duration_since(self.began_at)) });
        // Of what comes late it was told that it had not come: it is told of once more, with all that follows it.
        let first = if self.highest.is_none() { number } else { self.untold.min(number) };
        self.untold = first.max(SeqNo::from_extended(oldest));
        self.highest = Some(highest);
        self.packets = self.packets.saturating_add(1);
        let due = if self.waiting() < WAITING_MAX {
            after(now, self.interval)
        } else {
            after(self.interval_began_at, INTERVAL_MIN)
        };
        let is_news = self.due.is_none_or(|known| due < known);
        is_news.then(|| *self.due.insert(due))
    }

    /// Numbers that wait to be told of.
    fn waiting(&self) -> u64 {
        let end = self.highest.map_or(0, |highest| highest.next().extended());
        end.saturating_sub(self.untold.extended())
    }

    /// Appends feedback about what has arrived, as far as one packet reaches; false, and nothing appended, if all is told.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let report =
            Report { ssrc: self.ssrc, media: self.ssrc, base: self.untold.to_wire(), number: self.count };
        let first = self.untold.extended();
        let numbers = first..first.saturating_add(self.waiting());
        let arrivals = numbers.map(|number| self.arrival(SeqNo::from_extended(number)));
        let told = transport_feedback::write(out, report, arrivals);
        self.untold = SeqNo::from_extended(first.saturating_add(told.into()));
        self.count = self.count.wrapping_add(u8::from(told > 0));
        told > 0
    }

    fn arrival(&self, number: SeqNo) -> Option<ArrivalTime> {
        let known = (*self.arrivals.get(place(number))?)?;
        (known.number == number).then_some(known.at)
    }

    /// All that can be told is told. The next interval follows from how many packets came in this one.
    pub(super) fn begin_interval(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.interval_began_at);
        let wanted = passed.saturating_mul(PACKETS_WANTED).checked_div(self.packets).unwrap_or(INTERVAL_MAX);
        self.interval = wanted.clamp(INTERVAL_MIN, INTERVAL_MAX);
        (self.interval_began_at, self.packets, self.due) = (now, 0, None);
        self.untold = self.highest.map_or(self.untold, SeqNo::next);
    }
}

fn place(number: SeqNo) -> usize {
    usize::from(number.to_wire()) % NUMBERS_KEPT
}

#[cfg(test)]
mod tests;
