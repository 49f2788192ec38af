//! What changes in packets of another encoding, so that a subscriber sees one stream.

use crate::{buffer::Packet, encoding::SenderClock, rtp::descriptor::NUMBERS_END_MAX};
use common::protocol::media::TrackKind;
use std::time::{Duration, Instant};

/// What is added to what packets say, modulo what each field has bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) timestamp: u32,
    pub(super) picture_id: u16,
    pub(super) tl0_picture_index: u8,
}

impl Shift {
    /// How a packet's payload begins with this added, as the first so many bytes of what is returned; none where nothing
    /// is.
    pub(super) fn beginning(self, packet: &Packet) -> ([u8; NUMBERS_END_MAX], usize) {
        match packet.descriptor {
            Some(descriptor) if (self.picture_id, self.tl0_picture_index) != (0, 0) => {
                let picture_id = descriptor.picture_id.unwrap_or_default().wrapping_add(self.picture_id);
                let index = descriptor.tl0_picture_index.unwrap_or_default();
                let index = index.wrapping_add(self.tl0_picture_index);
                descriptor.renumbered(&packet.payload, picture_id, index)
            }
            Some(_) | None => ([0; NUMBERS_END_MAX], 0),
        }
    }
}

/// The clock of pictures and that of sound, in ticks per second (RFC 7741, section 4.1; RFC 7587, section 4.1).
const fn clock_rate(kind: TrackKind) -> u32 {
    match kind {
        TrackKind::Video => 90_000,
        TrackKind::Audio => 48_000,
    }
}

/// What passes at least from one encoding's last packet to the next one's first where no clock says it, as a part of a
/// second: a picture, of 30 a second.
const STEP: u32 = 30;

/// The newest packet that went out, by what it said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    timestamp: u32,
    sent_at: Instant,
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
}

/// What goes out, as far as another encoding has to go on from it.
#[derive(Debug)]
pub(super) struct Continuity {
    /// Ticks per second. The senders' clocks are believed if what they say differs by no more than a second from the
    /// time that has passed: much more than what the encodings of one picture differ by on their way.
    clock_rate: u32,
    newest: Option<Newest>,
    /// By how many ticks the stream is later than its encoding's clock says, because something later had gone out
    /// before it.
    delay: u32,
}

impl Continuity {
    /// Nothing has gone out yet.
    pub(super) const fn new(kind: TrackKind) -> Self {
        Self { clock_rate: clock_rate(kind), newest: None, delay: 0 }
    }

    /// Notes the newest packet, which goes out with what it says changed so.
    pub(super) fn note(&mut self, packet: &Packet, shift: Shift, now: Instant) {
        let descriptor = packet.descriptor;
        let picture_id = descriptor.and_then(|it| it.picture_id);
        let tl0_picture_index = descriptor.and_then(|it| it.tl0_picture_index);
        self.newest = Some(Newest {
            timestamp: packet.timestamp.wrapping_add(shift.timestamp),
            sent_at: now,
            picture_id: picture_id.map(|id| id.wrapping_add(shift.picture_id)),
            tl0_picture_index: tl0_picture_index.map(|index| index.wrapping_add(shift.tl0_picture_index)),
        });
    }

    /// What is to be added to what the packets of an encoding say that begins with this one. The one before it had
    /// `former` added; `clocks` are that one's, and the new one's.
    pub(super) fn follow(
        &mut self,
        former: Shift,
        clocks: Option<(SenderClock, SenderClock)>,
        packet: &Packet,
        now: Instant,
    ) -> Shift {
        let Some(newest) = self.newest else { return Shift::default() };
        let passed = now.saturating_duration_since(newest.sent_at);
        let by_time =
            newest.timestamp.wrapping_add(ticks(passed, self.clock_rate).max(self.clock_rate / STEP));
        // Where the former encoding would be by now, if it had never had to wait.
        let by_clocks = clocks.map(|(before, after)| {
            before
                .at(after.ntp, self.clock_rate)
                .wrapping_add(packet.timestamp.wrapping_sub(after.rtp_time))
                .wrapping_add(former.timestamp)
                .wrapping_sub(self.delay)
        });
        let is_credible = |timestamp: &u32| distance(*timestamp, by_time) <= self.clock_rate;
        let meant = by_clocks.filter(is_credible).unwrap_or(by_time);
        let timestamp =
            if is_after(meant, newest.timestamp) { meant } else { newest.timestamp.wrapping_add(1) };
        self.delay = timestamp.wrapping_sub(meant);
        Shift {
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: self.picture_id(packet).unwrap_or_default(),
            tl0_picture_index: self.tl0_picture_index(packet).unwrap_or_default(),
        }
    }

    fn picture_id(&self, packet: &Packet) -> Option<u16> {
        let next = self.newest?.picture_id?.wrapping_add(1);
        Some(next.wrapping_sub(packet.descriptor?.picture_id?))
    }

    fn tl0_picture_index(&self, packet: &Packet) -> Option<u8> {
        let next = self.newest?.tl0_picture_index?.wrapping_add(1);
        Some(next.wrapping_sub(packet.descriptor?.tl0_picture_index?))
    }
}

/// A time in ticks, modulo 2^32.
fn ticks(time: Duration, clock_rate: u32) -> u32 {
    let ticks = time.as_micros().saturating_mul(u128::from(clock_rate)) / 1_000_000;
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0)
}

/// Whether one media time is later than another, of two that are less than half a cycle apart (RFC 3550, section 5.1).
const fn is_after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

/// How far two media times are apart.
const fn distance(one: u32, other: u32) -> u32 {
    one.wrapping_sub(other).cast_signed().unsigned_abs()
}

impl SenderClock {
    /// The media time at a moment of the sender's wall clock.
    fn at(self, ntp: u64, clock_rate: u32) -> u32 {
        // 32 bits of seconds and as many of their fraction, of which any difference may be negative.
        let passed = i128::from(ntp.wrapping_sub(self.ntp).cast_signed());
        let ticks = passed.saturating_mul(i128::from(clock_rate)) >> 32_u32;
        let ticks = u32::try_from(ticks & i128::from(u32::MAX)).unwrap_or(0);
        self.rtp_time.wrapping_add(ticks)
    }
}

#[cfg(test)]
mod tests;
