//! What the sender of a track is told about how it is received.

use super::arrivals::Arrivals;
use crate::rtcp::{report_block::ReportBlock, sender_report::middle};
use common::protocol::media::TrackKind;
use std::time::Instant;

/// How a track is received (RFC 3550, section 6.4.1).
pub(crate) struct ReceiveStatistics {
    clock_rate: u32,
    jitter: f64,
    /// Bytes of payload that came.
    bytes: u64,
    last_transit: Option<f64>,
    origin: Option<Instant>,
    expected_before: u64,
    received_before: u64,
    last_report: Option<(u32, Instant)>,
}

impl ReceiveStatistics {
    pub(crate) const fn new(kind: TrackKind) -> Self {
        let clock_rate = match kind {
            TrackKind::Audio => 48_000,
            TrackKind::Video => 90_000,
        };
        Self {
            clock_rate,
            jitter: 0.0,
            bytes: 0,
            last_transit: None,
            origin: None,
            expected_before: 0,
            received_before: 0,
            last_report: None,
        }
    }

    /// So many bytes of payload came, and never before.
    pub(crate) fn note_payload(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Bytes of payload that came.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The variation of transit times, in seconds.
    pub(crate) fn jitter_seconds(&self) -> f64 {
        self.jitter / f64::from(self.clock_rate)
    }

    /// The variation of transit times (RFC 3550, appendix A.8).
    pub(crate) fn note_jitter(&mut self, timestamp: u32, now: Instant) {
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

    /// The sender said where its stream stands.
    pub(crate) fn note_report(&mut self, ntp: u64, now: Instant) {
        self.last_report = Some((middle(ntp), now));
    }

    /// What the sender is told (RFC 3550, appendix A.3). `None` before the first packet.
    pub(crate) fn report(&mut self, ssrc: u32, arrivals: &Arrivals, now: Instant) -> Option<ReportBlock> {
        let (_, highest) = arrivals.range()?;
        let (received, lost) = (arrivals.received(), arrivals.lost());
        let expected = received.saturating_add(lost);
        let expected_since = expected.saturating_sub(self.expected_before);
        let lost_since = expected_since.saturating_sub(received.saturating_sub(self.received_before));
        self.expected_before = expected;
        self.received_before = received;
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
            lost: i32::try_from(lost).unwrap_or(i32::MAX),
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

    #[test]
    fn reports_count_what_was_lost_since_the_last() {
        let clock = ManualClock::default();
        let mut arrivals = Arrivals::new(TrackKind::Video, true);
        let mut statistics = ReceiveStatistics::new(TrackKind::Video);
        for wire in [10, 11, 13, 14] {
            arrivals.arrive(wire, false, clock.now());
        }
        let report = statistics.report(7, &arrivals, clock.now()).unwrap();
        assert_eq!((report.ssrc, report.lost, report.highest), (7, 1, 14));
        assert_eq!(report.fraction_lost, 51, "one in five");
        assert_eq!(statistics.report(7, &arrivals, clock.now()).unwrap().fraction_lost, 0);
    }
}
