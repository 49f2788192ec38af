//! The latest packets of a track, kept once for all who may ask for them again.

use crate::rtp::{descriptor::Descriptor, sequence::SeqNo};
use common::protocol::media::TrackKind;

/// Packets of a picture that are kept at most: about two seconds of 2 Mbit/s.
const PICTURE_PACKETS: usize = 512;

/// Packets of a picture that are kept at least: more than one batch of the socket brings, which must all be there when
/// it is forwarded.
const PICTURE_PACKETS_MIN: usize = 128;

/// For how long packets of a picture are kept, in its media time, unless there are [too many](PICTURE_PACKETS): a
/// second.
///
/// Longer answers requests of receivers who have given up by then; shorter leaves those without an answer who are far
/// away, or ask for the second time.
const PICTURE_TICKS: u32 = 90_000;

/// Packets of a voice that are kept: what has not come again within a second is of no use.
const VOICE_PACKETS: usize = 64;

/// A packet as it came, decrypted.
#[derive(Debug, Default)]
pub(crate) struct Packet {
    sequence: Option<SeqNo>,
    pub(crate) marker: bool,
    pub(crate) has_padding: bool,
    pub(crate) timestamp: u32,
    /// How the payload of a picture begins, if it can be read.
    pub(crate) descriptor: Option<Descriptor>,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    /// Whether a receiver that has nothing of its stream can begin with it.
    pub(crate) fn starts_key_frame(&self) -> bool {
        self.descriptor.is_some_and(|descriptor| descriptor.starts_key_frame)
    }
}

/// A ring by sequence number. Slots keep their memory, and it grows until it is long enough for the track's rate, so
/// that a running track allocates nothing.
pub(crate) struct PacketBuffer {
    slots: Vec<Packet>,
}

impl PacketBuffer {
    /// How many packets of a track are kept at most.
    pub(crate) const fn length(kind: TrackKind) -> usize {
        match kind {
            TrackKind::Video => PICTURE_PACKETS,
            TrackKind::Audio => VOICE_PACKETS,
        }
    }

    pub(crate) fn new(kind: TrackKind) -> Self {
        Self {
            slots: slots(match kind {
                TrackKind::Video => PICTURE_PACKETS_MIN,
                TrackKind::Audio => VOICE_PACKETS,
            }),
        }
    }

    fn place(&self, sequence: SeqNo) -> usize {
        let length = u64::try_from(self.slots.len()).unwrap_or(1);
        usize::try_from(sequence.extended().checked_rem(length).unwrap_or(0)).unwrap_or(0)
    }

    pub(crate) fn get(&self, sequence: SeqNo) -> Option<&Packet> {
        self.slots.get(self.place(sequence)).filter(|packet| packet.sequence == Some(sequence))
    }

    /// Keeps a packet; the one that had its place is forgotten, unless it is newer.
    pub(crate) fn insert(
        &mut self,
        sequence: SeqNo,
        marker: bool,
        has_padding: bool,
        timestamp: u32,
        descriptor: Option<Descriptor>,
        payload: &[u8],
    ) {
        while self.is_too_short(sequence, timestamp) {
            self.grow();
        }
        let place = self.place(sequence);
        let Some(slot) = self.slots.get_mut(place) else { return };
        if slot.sequence.is_some_and(|kept| kept > sequence) {
            return;
        }
        slot.sequence = Some(sequence);
        slot.marker = marker;
        slot.has_padding = has_padding;
        slot.timestamp = timestamp;
        slot.descriptor = descriptor;
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
    }

    /// Whether a packet would take the place of one that is still to be kept.
    fn is_too_short(&self, sequence: SeqNo, timestamp: u32) -> bool {
        let may_grow = (PICTURE_PACKETS_MIN..PICTURE_PACKETS).contains(&self.slots.len());
        let kept = self.slots.get(self.place(sequence)).filter(|_| may_grow);
        kept.is_some_and(|kept| {
            kept.sequence.is_some_and(|kept| kept < sequence)
                && timestamp.wrapping_sub(kept.timestamp) < PICTURE_TICKS
        })
    }

    /// Makes room for twice as many.
    fn grow(&mut self) {
        let longer = slots(self.slots.len().saturating_mul(2));
        for packet in std::mem::replace(&mut self.slots, longer) {
            let place = packet.sequence.map(|sequence| self.place(sequence));
            if let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) {
                *slot = packet;
            }
        }
    }
}

/// So many empty ones.
fn slots(count: usize) -> Vec<Packet> {
    std::iter::repeat_with(Packet::default).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of this many packets each, 30 of them a second.
    fn filled(kind: TrackKind, packets: u64, pictures: u32) -> (PacketBuffer, u64) {
        let (mut buffer, mut next) = (PacketBuffer::new(kind), 1);
        for picture in 0..pictures {
            for _ in 0..packets {
                buffer.insert(SeqNo::from_extended(next), false, false, picture * 3000, None, b"part");
                next += 1;
            }
        }
        (buffer, next)
    }

    fn kept(buffer: &PacketBuffer, next: u64) -> u64 {
        (1..next).rev().take_while(|it| buffer.get(SeqNo::from_extended(*it)).is_some()).count() as u64
    }

    #[test]
    fn what_came_within_a_second_is_kept_and_little_more() {
        for (packets, all) in [(1, 128), (3, 128), (5, 256), (10, 512)] {
            let (buffer, next) = filled(TrackKind::Video, packets, 300);
            assert_eq!(kept(&buffer, next), all, "{packets}");
        }
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let (buffer, next) = filled(TrackKind::Video, 1000, 30);
        assert_eq!(kept(&buffer, next), 512);
        let (buffer, next) = filled(TrackKind::Audio, 1000, 30);
        assert_eq!(kept(&buffer, next), 64);
    }

    /// A key frame as large as a second of what follows.
    #[test]
    fn what_is_kept_stays_where_a_burst_needs_more_room() {
        let (mut buffer, next) = filled(TrackKind::Video, 1, 100);
        for number in next..next + 200 {
            buffer.insert(SeqNo::from_extended(number), false, false, 100 * 3000, None, b"key frame");
        }
        assert!(kept(&buffer, next + 200) >= 29 + 200, "the last second is there");
    }
}
