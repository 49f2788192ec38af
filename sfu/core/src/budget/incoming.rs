//! How much a participant may send.
//!
//! What senders are told of by REMB is advice. Whatever comes is copied to
//! everybody in the room, so that one who takes no advice would fill all their
//! lines, and the server's.

use common::{
    bucket::{Bucket, Rate},
    protocol::media::TrackKind,
};
use std::time::Instant;

/// Bytes a second of one picture: 8 Mbit/s, and at once what was held up for a second.
///
/// More than three times what senders are advised to send. Higher lets one
/// participant cost everybody more; lower cuts cameras that are slow to adapt.
pub(crate) const VIDEO: Rate = Rate::per_second(1_000_000, 1_000_000);

/// Bytes a second of one voice: 1 Mbit/s, twice the most that Opus makes.
pub(crate) const AUDIO: Rate = Rate::per_second(250_000, 125_000);

/// Bytes a second of all that one transport sends, retransmissions and padding included: 20 Mbit/s.
pub(crate) const TRANSPORT: Rate = Rate::per_second(2_500_000, 2_500_000);

/// What a packet counts as at least, in bytes: each costs an encryption per receiver however short it is.
///
/// Opus in packets of 2.5 ms is 400 a second, and still fits.
pub(crate) const PACKET_BYTES_MIN: usize = 250;

/// What one track or transport may send.
#[derive(Debug)]
pub(crate) struct Incoming(Bucket);

impl Incoming {
    pub(crate) fn of_transport(now: Instant) -> Self {
        Self(Bucket::new(TRANSPORT, now))
    }

    pub(crate) fn of_track(kind: TrackKind, now: Instant) -> Self {
        let rate = match kind {
            TrackKind::Audio => AUDIO,
            TrackKind::Video => VIDEO,
        };
        Self(Bucket::new(rate, now))
    }

    /// Whether a packet of so many bytes may pass now; if so, it is counted.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        self.0.pay(u32::try_from(bytes.max(PACKET_BYTES_MIN)).unwrap_or(u32::MAX), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use std::time::Duration;

    /// The packets of this size that pass within so many seconds of a flood.
    fn passed(kind: TrackKind, bytes: usize, seconds: u32) -> u32 {
        let clock = ManualClock::default();
        let mut incoming = Incoming::of_track(kind, clock.now());
        let mut passed = 0;
        for _ in 0..seconds * 1000 {
            passed += (0..100).map(|_| u32::from(incoming.take(bytes, clock.now()))).sum::<u32>();
            clock.advance(Duration::from_millis(1));
        }
        passed
    }

    #[test]
    fn a_flood_gets_its_burst_and_then_its_rate() {
        let expected = 1000 + 10 * 1000;
        assert!(passed(TrackKind::Video, 1000, 10).abs_diff(expected) <= 2);
        let short = (1_000_000 + 10 * 1_000_000) / 250;
        assert!(passed(TrackKind::Video, 1, 10).abs_diff(short) <= 10, "short packets are counted too");
    }

    #[test]
    fn the_shortest_packets_of_a_voice_all_pass() {
        let clock = ManualClock::default();
        let mut incoming = Incoming::of_track(TrackKind::Audio, clock.now());
        for packet in 0..4_000 {
            assert!(incoming.take(60, clock.now()), "packet {packet}");
            clock.advance(Duration::from_micros(2_500));
        }
    }
}
