//! Which packets of a track came, which are missing, and what its sender is told about it.

use crate::{
    moment::after,
    rtcp::write::{ReportBlock, middle},
    rtp::sequence::SeqNo,
};
use common::protocol::media::TrackKind;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long a missing packet may be on its way before it is asked for again.
///
/// Shorter recovers sooner; longer asks less for what was only reordered.
const NACK_INTERVAL: Duration = Duration::from_millis(60);

/// How long a packet may be late before it is asked for the first time: a little patience for what is
/// only out of order.
const REORDER_TIME: Duration = Duration::from_millis(10);

/// How often a packet is asked for.
const NACKS_MAX: u8 = 8;

/// Packets that may be missing at once; beyond that only a key frame helps.
const MISSING_MAX: usize = 256;

#[derive(Debug)]
struct Missing {
    asked: u8,
    ask_at: Instant,
}

/// What an arriving packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Not seen before.
    New(SeqNo),
    /// Seen before.
    Duplicate,
}

pub(crate) struct ReceiveStatistics {
    clock_rate: u32,
    first: Option<SeqNo>,
    highest: Option<SeqNo>,
    received: u64,
    missing: BTreeMap<SeqNo, Missing>,
    /// So many went missing that they are not asked for one by one.
    is_hopeless: bool,
    asks_again: bool,
    jitter: f64,
    last_transit: Option<f64>,
    origin: Option<Instant>,
    expected_before: u64,
    received_before: u64,
    last_report: Option<(u32, Instant)>,
}

impl ReceiveStatistics {
    pub(crate) const fn new(kind: TrackKind) -> Self {
        let (clock_rate, asks_again) = match kind {
            TrackKind::Audio => (48_000, false),
            TrackKind::Video => (90_000, true),
        };
        Self {
            clock_rate,
            first: None,
            highest: None,
            received: 0,
            missing: BTreeMap::new(),
            is_hopeless: false,
            asks_again,
            jitter: 0.0,
            last_transit: None,
            origin: None,
            expected_before: 0,
            received_before: 0,
            last_report: None,
        }
    }

    /// The number nearest to the latest that has these wire bits.
    pub(crate) fn extend(&self, wire: u16) -> Option<SeqNo> {
        self.highest.map(|highest| highest.extend(wire))
    }

    /// Notes a packet.
    pub(crate) fn arrive(&mut self, wire: u16, timestamp: u32, now: Instant) -> Arrival {
        let Some(highest) = self.highest else {
            let first = SeqNo::first(wire);
            self.first = Some(first);
            self.highest = Some(first);
            self.received = 1;
            return Arrival::New(first);
        };
        let sequence = highest.extend(wire);
        if sequence > highest {
            self.note_gap(highest, sequence, now);
            self.highest = Some(sequence);
            self.note_jitter(timestamp, now);
        } else if self.missing.remove(&sequence).is_none() {
            return Arrival::Duplicate;
        }
        self.received = self.received.saturating_add(1);
        Arrival::New(sequence)
    }

    fn note_gap(&mut self, highest: SeqNo, sequence: SeqNo, now: Instant) {
        let gap = sequence.extended().saturating_sub(highest.next().extended());
        let missing = usize::try_from(gap).unwrap_or(usize::MAX).saturating_add(self.missing.len());
        if missing > MISSING_MAX {
            self.missing.clear();
            self.is_hopeless = true;
            return;
        }
        let ask_at = after(now, REORDER_TIME);
        let mut lost = highest.next();
        while lost < sequence {
            self.missing.insert(lost, Missing { asked: 0, ask_at });
            lost = lost.next();
        }
    }

    /// The variation of transit times (RFC 3550, appendix A.8).
    fn note_jitter(&mut self, timestamp: u32, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        let arrival = now.saturating_duration_since(origin).as_secs_f64() * f64::from(self.clock_rate);
        let transit = arrival - f64::from(timestamp);
        if let Some(last) = self.last_transit {
            let difference = (transit - last).abs();
            // A wrap or a new time base is no jitter.
            if difference < f64::from(self.clock_rate) * 10.0 {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.last_transit = Some(transit);
    }

    /// The missing packets to ask for now, in rising order.
    pub(crate) fn due(&mut self, now: Instant, due: &mut Vec<u16>) {
        due.clear();
        if !self.asks_again {
            self.missing.retain(|_, missing| now < after(missing.ask_at, NACK_INTERVAL));
            return;
        }
        let before = self.missing.len();
        self.missing.retain(|sequence, missing| {
            if missing.ask_at <= now {
                if missing.asked >= NACKS_MAX {
                    return false;
                }
                missing.asked = missing.asked.saturating_add(1);
                missing.ask_at = after(now, NACK_INTERVAL);
                due.push(sequence.to_wire());
            }
            true
        });
        self.is_hopeless |= self.missing.len() < before;
    }

    /// Whether packets were given up, so that only a key frame helps.
    pub(crate) const fn take_hopeless(&mut self) -> bool {
        std::mem::replace(&mut self.is_hopeless, false)
    }

    /// The sender said where its stream stands.
    pub(crate) fn note_report(&mut self, ntp: u64, now: Instant) {
        self.last_report = Some((middle(ntp), now));
    }

    /// What the sender is told (RFC 3550, appendix A.3). `None` before the first packet.
    pub(crate) fn report(&mut self, ssrc: u32, now: Instant) -> Option<ReportBlock> {
        let (first, highest) = (self.first?, self.highest?);
        let expected = highest.next().extended().saturating_sub(first.extended());
        let lost = expected.saturating_sub(self.received);
        let expected_since = expected.saturating_sub(self.expected_before);
        let lost_since = expected_since.saturating_sub(self.received.saturating_sub(self.received_before));
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction = lost_since.saturating_mul(256).checked_div(expected_since).unwrap_or(0);
        let (last_report, since) = match self.last_report {
            Some((middle, at)) => {
                let since = now.saturating_duration_since(at).as_micros().saturating_mul(65_536) / 1_000_000;
                (middle, u32::try_from(since).unwrap_or(u32::MAX))
            }
            None => (0, 0),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "never negative, saturates"
        )]
        let jitter = self.jitter as u32;
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: u32::try_from(lost).unwrap_or(u32::MAX).min(0x007F_FFFF),
            // The first cycle is ours (see `SeqNo::first`).
            highest: u32::try_from(highest.extended().wrapping_sub(0x1_0000) & 0xFFFF_FFFF).unwrap_or(0),
            jitter,
            last_report,
            since_last_report: since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn due(log: &mut ReceiveStatistics, clock: &ManualClock) -> Vec<u16> {
        let mut missing = Vec::new();
        log.due(clock.now(), &mut missing);
        missing
    }

    #[test]
    fn a_missing_packet_is_asked_for_until_it_comes_or_hope_is_lost() {
        let clock = ManualClock::default();
        let mut log = ReceiveStatistics::new(TrackKind::Video);
        for wire in [65_534, 65_535, 2] {
            assert!(matches!(log.arrive(wire, 0, clock.now()), Arrival::New(_)));
        }
        assert_eq!(due(&mut log, &clock), [] as [u16; 0], "it may only be late");
        clock.advance(NACK_INTERVAL);
        assert_eq!(due(&mut log, &clock), [0, 1]);
        assert!(matches!(log.arrive(0, 0, clock.now()), Arrival::New(_)));
        assert_eq!(log.arrive(0, 0, clock.now()), Arrival::Duplicate);
        for _ in 0..NACKS_MAX {
            clock.advance(NACK_INTERVAL);
            due(&mut log, &clock);
        }
        assert!(log.take_hopeless());
        assert_eq!(due(&mut log, &clock), [] as [u16; 0]);
    }

    #[test]
    fn reports_count_what_was_lost_since_the_last() {
        let clock = ManualClock::default();
        let mut log = ReceiveStatistics::new(TrackKind::Video);
        for wire in [10, 11, 13, 14] {
            log.arrive(wire, 0, clock.now());
        }
        let report = log.report(7, clock.now()).unwrap();
        assert_eq!((report.ssrc, report.lost, report.highest), (7, 1, 14));
        assert_eq!(report.fraction_lost, 51, "one in five");
        assert_eq!(log.report(7, clock.now()).unwrap().fraction_lost, 0);
    }
}
