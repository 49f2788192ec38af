//! The latest packets of a track, kept once for all who may ask for them again.

use crate::rtp::{descriptor::Descriptor, sequence::SeqNo};
use common::protocol::media::TrackKind;

/// Packets of a picture that are kept: about two seconds of 2 Mbit/s.
const PICTURE_PACKETS: usize = 512;

/// Likewise of a voice: what has not come again within a second is of no use.
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

/// A ring by sequence number. Slots keep their memory, so that a running track allocates nothing.
pub(crate) struct PacketBuffer {
    slots: Vec<Packet>,
}

impl PacketBuffer {
    /// How many packets of a track are kept.
    pub(crate) const fn length(kind: TrackKind) -> usize {
        match kind {
            TrackKind::Video => PICTURE_PACKETS,
            TrackKind::Audio => VOICE_PACKETS,
        }
    }

    pub(crate) fn new(kind: TrackKind) -> Self {
        let length = Self::length(kind);
        Self { slots: std::iter::repeat_with(Packet::default).take(length).collect() }
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
}
