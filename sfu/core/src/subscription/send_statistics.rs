//! What went out of a track, and what its receiver says of it.

use crate::{
    rtcp::{report_block::ReportBlock, sender_report::middle},
    totals::{Carried, Direction, StreamReception},
};
use common::protocol::media::TrackKind;
use std::time::{Duration, Instant};

/// A round trip that is measured to be longer counts as this.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// Of one outgoing track.
#[derive(Debug, Default)]
pub(crate) struct SendStatistics {
    /// Packets, without those that were sent again.
    pub(crate) packets: u64,
    /// Bytes of their payloads.
    pub(crate) octets: u64,
    /// Packets that were sent again.
    pub(crate) resent: u64,
    /// How often the receiver has asked for missing packets.
    pub(crate) nacks: u64,
    /// How often it has asked for a key frame.
    pub(crate) picture_losses: u64,
    /// What it said last of how it receives it.
    pub(crate) reception: Option<Reception>,
    /// How long the way to it and back takes.
    pub(crate) round_trip: Option<Duration>,
    /// What the [totals](crate::totals) have of it.
    pub(crate) counted: Carried,
    /// The receiver has said something that they have not.
    has_said: bool,
    /// The last sender reports that were passed on, by what receivers name them by, and when.
    reports: [Option<(u32, Instant)>; 2],
}

/// How a receiver gets a stream (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reception {
    /// Lost since the report before, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Lost since the beginning, less what came twice.
    pub(crate) lost: i32,
    /// The variation of arrival times, in media time units.
    pub(crate) jitter: u32,
}

impl Reception {
    /// From 0 to 1.
    pub(crate) fn fraction_lost(&self) -> f64 {
        f64::from(self.fraction_lost) / 256.0
    }

    /// The variation of arrival times of such a stream, in seconds: all codecs that are forwarded have these clocks.
    pub(crate) fn jitter_seconds(&self, kind: TrackKind) -> f64 {
        let clock_rate = match kind {
            TrackKind::Audio => 48_000.0,
            TrackKind::Video => 90_000.0,
        };
        f64::from(self.jitter) / clock_rate
    }
}

impl SendStatistics {
    /// What has gone out so far.
    pub(crate) fn carried(&self) -> Carried {
        Carried {
            packets: self.packets,
            bytes: self.octets,
            lost: self.reception.map_or(0, |reception| u64::try_from(reception.lost).unwrap_or(0)),
            retransmitted: self.resent,
            nacks: self.nacks,
            plis: self.picture_losses,
            key_frames: 0,
        }
    }

    /// What the receiver of this kind of stream said last, if it has since this was asked.
    pub(crate) fn take_said(&mut self, kind: TrackKind) -> Option<StreamReception> {
        let reception = self.reception.filter(|_| std::mem::take(&mut self.has_said))?;
        Some(StreamReception {
            direction: Direction::Outbound,
            kind,
            fraction_lost: reception.fraction_lost(),
            jitter: reception.jitter_seconds(kind),
            round_trip: self.round_trip.map(|time| time.as_secs_f64()),
        })
    }

    /// A packet with so many bytes of payload went out for the first time.
    pub(crate) fn note_sent(&mut self, octets: usize) {
        self.packets = self.packets.saturating_add(1);
        self.octets = self.octets.saturating_add(u64::try_from(octets).unwrap_or(0));
    }

    /// Packets and bytes as sender reports have them: they begin anew after 32 bits (RFC 3550, section 6.4.1).
    pub(crate) fn reported(&self) -> (u32, u32) {
        let wire = |count: u64| u32::try_from(count & u64::from(u32::MAX)).unwrap_or(0);
        (wire(self.packets), wire(self.octets))
    }

    /// A sender report of this time went out.
    pub(crate) fn note_report(&mut self, ntp: u64, now: Instant) {
        let [last, _] = self.reports;
        self.reports = [Some((middle(ntp), now)), last];
    }

    /// Notes what the receiver says, and how long the way is by which sender report it got last and how long ago that
    /// was (RFC 3550, section 6.4.1).
    pub(crate) fn note_reception(&mut self, block: &ReportBlock, now: Instant) {
        let ReportBlock { fraction_lost, lost, jitter, .. } = *block;
        self.reception = Some(Reception { fraction_lost, lost, jitter });
        self.has_said = true;
        // The middle of no time stands for none (section 6.4.1).
        let is_named = |middle: u32| block.last_report != 0 && middle == block.last_report;
        let sent = self.reports.iter().flatten().find(|(middle, _)| is_named(*middle));
        let Some((_, sent_at)) = sent else { return };
        let held = Duration::from_secs_f64(f64::from(block.since_last_report) / 65_536.0);
        let passed = now.saturating_duration_since(*sent_at);
        self.round_trip = Some(passed.saturating_sub(held).min(ROUND_TRIP_MAX));
    }
}
