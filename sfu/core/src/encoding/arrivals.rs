//! Which packets of a track came, which are missing, and when those are asked for.

use crate::{moment::after, rtp::sequence::SeqNo};
use common::protocol::media::TrackKind;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How long a missing packet may be on its way before it is asked for again.
///
/// Shorter recovers sooner; longer asks less for what was only reordered.
const NACK_INTERVAL: Duration = Duration::from_millis(60);

/// How soon missing packets of a track are asked for after others of it, so that one request names many.
const NACK_PAUSE: Duration = Duration::from_millis(5);

/// How late a packet may be before it is asked for the first time, where none was seen to be later.
const PATIENCE_MIN: Duration = Duration::from_millis(10);

/// Likewise, however late others were: what comes later than that is of no more use than what is lost.
const PATIENCE_MAX: Duration = Duration::from_millis(120);

/// How often a packet is asked for.
const NACKS_MAX: u8 = 8;

/// Likewise one of a voice: what comes later than that nobody waits for.
const VOICE_NACKS_MAX: u8 = 3;

/// Packets of a voice that are asked for in vain before nothing of it is asked for any more.
///
/// Not every sender of sound keeps what it has sent, and few say whether they do.
const VAIN_MAX: u8 = 50;

/// Packets that may be missing at once; beyond that only a key frame helps.
const MISSING_MAX: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: SeqNo,
    noticed_at: Instant,
    asked: u8,
    ask_at: Instant,
}

/// What an arriving packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of its track.
    First(SeqNo),
    /// The newest so far. If it shows that others are missing, they may be asked for from this moment on.
    Newest(SeqNo, Option<Instant>),
    /// One that was missing.
    Late(SeqNo),
    /// Seen before, or given up.
    Repeated,
}

/// The numbers of a track's packets.
pub(crate) struct Arrivals {
    kind: TrackKind,
    /// Packets in a row that were asked for in vain.
    vain: u8,
    /// What is sent again comes in a stream of its own.
    has_rtx: bool,
    first: Option<SeqNo>,
    highest: Option<SeqNo>,
    received: u64,
    /// In rising order: what is newly missing is above all else.
    missing: VecDeque<Missing>,
    /// Some are given up, so that only a key frame helps.
    is_hopeless: bool,
    patience: Duration,
}

impl Arrivals {
    /// `has_rtx` says that what is sent again comes in a stream of its own.
    pub(crate) const fn new(kind: TrackKind, has_rtx: bool) -> Self {
        Self {
            kind,
            vain: 0,
            has_rtx,
            first: None,
            highest: None,
            received: 0,
            missing: VecDeque::new(),
            is_hopeless: false,
            patience: PATIENCE_MIN,
        }
    }

    /// Whether missing packets are asked for.
    const fn asks(&self) -> bool {
        match self.kind {
            TrackKind::Video => true,
            TrackKind::Audio => self.vain < VAIN_MAX,
        }
    }

    const fn asked_max(&self) -> u8 {
        match self.kind {
            TrackKind::Video => NACKS_MAX,
            TrackKind::Audio => VOICE_NACKS_MAX,
        }
    }

    /// The first number, and the highest.
    pub(crate) fn range(&self) -> Option<(SeqNo, SeqNo)> {
        Some((self.first?, self.highest?))
    }

    /// Packets that came, each counted once.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Packets that did not come, or not yet.
    pub(crate) fn lost(&self) -> u64 {
        let expected =
            |(first, highest): (SeqNo, SeqNo)| highest.next().extended().saturating_sub(first.extended());
        self.range().map_or(0, expected).saturating_sub(self.received)
    }

    /// The number of the packet of these wire bits, if it is missing.
    pub(crate) fn missing(&self, wire: u16) -> Option<SeqNo> {
        let sequence = self.highest?.extend(wire);
        self.missing.binary_search_by_key(&sequence, |missing| missing.sequence).ok().map(|_| sequence)
    }

    /// Notes a packet, and whether it came in the stream of those that are sent again.
    pub(crate) fn arrive(&mut self, wire: u16, is_rtx: bool, now: Instant) -> Arrival {
        let Some(highest) = self.highest else {
            let first = SeqNo::first(wire);
            self.first = Some(first);
            self.highest = Some(first);
            self.received = 1;
            return Arrival::First(first);
        };
        let sequence = highest.extend(wire);
        if sequence > highest {
            self.received = self.received.saturating_add(1);
            self.highest = Some(sequence);
            return Arrival::Newest(sequence, self.note_gap(highest, sequence, now));
        }
        let place = self.missing.binary_search_by_key(&sequence, |missing| missing.sequence).ok();
        let Some(missing) = place.and_then(|place| self.missing.remove(place)) else {
            return Arrival::Repeated;
        };
        self.received = self.received.saturating_add(1);
        if missing.asked > 0 {
            self.vain = 0;
        }
        // What was asked for, and comes in the track's own stream, may have been sent twice: its
        // coming says nothing about how much the network reorders.
        if !is_rtx && (self.has_rtx || missing.asked == 0) {
            self.note_late(now.saturating_duration_since(missing.noticed_at));
        }
        Arrival::Late(sequence)
    }

    /// When those between two numbers may be asked for first.
    fn note_gap(&mut self, highest: SeqNo, sequence: SeqNo, now: Instant) -> Option<Instant> {
        let gap = sequence.extended().saturating_sub(highest.next().extended());
        if gap == 0 {
            return None;
        }
        if !self.asks() {
            // Nobody else forgets them.
            let longest =
                |missing: &Missing| now.saturating_duration_since(missing.noticed_at) > PATIENCE_MAX;
            while self.missing.pop_front_if(|missing| longest(missing)).is_some() {}
        }
        let missing = usize::try_from(gap).unwrap_or(usize::MAX).saturating_add(self.missing.len());
        if missing > MISSING_MAX {
            self.missing.clear();
            self.is_hopeless = true;
            return self.asks().then_some(now);
        }
        let ask_at = after(now, self.patience);
        let mut lost = highest.next();
        while lost < sequence {
            self.missing.push_back(Missing { sequence: lost, noticed_at: now, asked: 0, ask_at });
            lost = lost.next();
        }
        self.asks().then_some(ask_at)
    }

    /// A packet came so long after one that was sent after it. Half way towards it, and a little more
    /// than it: one straggler does not keep the others waiting.
    fn note_late(&mut self, late: Duration) {
        let enough = late.saturating_add(part(late, 4)).min(PATIENCE_MAX);
        if let Some(more) = enough.checked_sub(self.patience) {
            self.patience = self.patience.saturating_add(part(more, 2));
        }
    }

    /// Time has passed, about a second: what was late then says less about what is late now.
    pub(crate) fn relax(&mut self) {
        let above = self.patience.saturating_sub(PATIENCE_MIN);
        self.patience = self.patience.saturating_sub(part(above, 16));
    }

    /// The missing packets to ask for now, in rising order, and when to look again.
    pub(crate) fn ask(&mut self, now: Instant, due: &mut Vec<u16>) -> Option<Instant> {
        due.clear();
        if !self.asks() {
            return None;
        }
        let (before, asked_max) = (self.missing.len(), self.asked_max());
        self.missing.retain_mut(|missing| {
            if missing.ask_at <= now {
                if missing.asked >= asked_max {
                    return false;
                }
                missing.asked = missing.asked.saturating_add(1);
                missing.ask_at = after(now, NACK_INTERVAL);
                due.push(missing.sequence.to_wire());
            }
            true
        });
        let given_up = before.saturating_sub(self.missing.len());
        self.is_hopeless |= given_up > 0;
        self.vain = self.vain.saturating_add(u8::try_from(given_up).unwrap_or(u8::MAX));
        let next = self.missing.iter().map(|missing| missing.ask_at).min()?;
        Some(next.max(after(now, NACK_PAUSE)))
    }

    /// Whether packets were given up, so that only a key frame helps.
    pub(crate) const fn take_hopeless(&mut self) -> bool {
        std::mem::replace(&mut self.is_hopeless, false)
    }
}

/// One part of so many.
fn part(time: Duration, parts: u32) -> Duration {
    time.checked_div(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn asked(arrivals: &mut Arrivals, clock: &ManualClock) -> Vec<u16> {
        let mut due = Vec::new();
        arrivals.ask(clock.now(), &mut due);
        due
    }

    #[test]
    fn a_missing_packet_is_asked_for_until_it_comes_or_hope_is_lost() {
        let clock = ManualClock::default();
        let mut arrivals = Arrivals::new(TrackKind::Video, true);
        for wire in [65_534, 65_535, 2] {
            assert_ne!(arrivals.arrive(wire, false, clock.now()), Arrival::Repeated);
        }
        assert_eq!(asked(&mut arrivals, &clock), [] as [u16; 0], "it may only be late");
        clock.advance(NACK_INTERVAL);
        assert_eq!(asked(&mut arrivals, &clock), [0, 1]);
        assert!(matches!(arrivals.arrive(0, true, clock.now()), Arrival::Late(_)));
        assert_eq!(arrivals.arrive(0, true, clock.now()), Arrival::Repeated);
        for _ in 0..NACKS_MAX {
            clock.advance(NACK_INTERVAL);
            asked(&mut arrivals, &clock);
        }
        assert!(arrivals.take_hopeless());
        assert_eq!(asked(&mut arrivals, &clock), [] as [u16; 0]);
    }

    /// Every second packet comes `late` after the one that was sent after it; how many are asked for needlessly
    /// among the last hundred.
    fn needless(late: Duration) -> usize {
        let clock = ManualClock::default();
        let mut arrivals = Arrivals::new(TrackKind::Video, true);
        let mut needless = 0;
        for pair in 0..200_u16 {
            arrivals.arrive(2 * pair, false, clock.now());
            let Arrival::Newest(_, Some(at)) = arrivals.arrive(2 * pair + 2, false, clock.now()) else {
                panic!("one is missing");
            };
            if at < clock.now() + late && pair >= 150 {
                needless += 1;
            }
            clock.advance(late);
            arrivals.arrive(2 * pair + 1, false, clock.now());
            arrivals.relax();
        }
        needless
    }

    #[test]
    fn what_the_network_reorders_is_soon_waited_for() {
        assert_eq!(needless(Duration::from_millis(5)), 0);
        assert_eq!(needless(Duration::from_millis(50)), 0);
        assert_eq!(needless(Duration::from_millis(500)), 50, "as late as that it is as good as lost");
    }

    #[test]
    fn patience_ends_when_nothing_is_late_any_more() {
        let mut arrivals = Arrivals::new(TrackKind::Video, true);
        (0..10).for_each(|_| arrivals.note_late(Duration::from_secs(1)));
        assert!(arrivals.patience > Duration::from_millis(100));
        (0..120).for_each(|_| arrivals.relax());
        assert!(arrivals.patience < PATIENCE_MIN * 2, "{:?}", arrivals.patience);
    }

    #[test]
    fn a_voice_is_asked_for_while_somebody_may_wait_for_it() {
        let clock = ManualClock::default();
        let mut arrivals = Arrivals::new(TrackKind::Audio, false);
        for wire in [1, 3] {
            arrivals.arrive(wire, false, clock.now());
        }
        for _ in 0..VOICE_NACKS_MAX {
            clock.advance(NACK_INTERVAL);
            assert_eq!(asked(&mut arrivals, &clock), [2]);
        }
        clock.advance(NACK_INTERVAL);
        assert_eq!(asked(&mut arrivals, &clock), [] as [u16; 0]);
        assert_eq!(arrivals.missing(2), None);
    }

    /// Every second packet is lost; whether each is asked for in its time is returned.
    fn with_losses(arrivals: &mut Arrivals, clock: &ManualClock, comes_again: bool) -> Vec<bool> {
        let mut asks = Vec::new();
        for wire in (3..2000).step_by(2) {
            arrivals.arrive(wire, false, clock.now());
            clock.advance(PATIENCE_MAX);
            asks.push(asked(arrivals, clock).contains(&(wire - 1)));
            if comes_again {
                assert!(matches!(arrivals.arrive(wire - 1, false, clock.now()), Arrival::Late(_)));
            }
            clock.advance(NACK_INTERVAL * 5);
        }
        asks
    }

    #[test]
    fn who_never_sends_sound_again_is_not_asked_for_ever() {
        let clock = ManualClock::default();
        for comes_again in [true, false] {
            let mut arrivals = Arrivals::new(TrackKind::Audio, false);
            arrivals.arrive(1, false, clock.now());
            let asks = with_losses(&mut arrivals, &clock, comes_again);
            assert!(asks[..10].iter().all(|asks| *asks));
            assert_eq!(asks[500..].iter().any(|asks| *asks), comes_again);
            assert!(arrivals.missing.len() < 10, "{}", arrivals.missing.len());
            // What comes late is taken, whether it was asked for or not.
            if !comes_again {
                assert!(matches!(arrivals.arrive(2001, false, clock.now()), Arrival::Newest(_, None)));
                assert!(matches!(arrivals.arrive(2000, false, clock.now()), Arrival::Late(_)));
            }
        }
    }
}
