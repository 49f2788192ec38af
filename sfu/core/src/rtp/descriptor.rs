//! What the beginning of a packet's payload says of its picture, alike for all codecs.
//!
//! It stays in clear where frames are encrypted end to end, or is left so by who encrypts them.

use super::{av1, h264, vp8, vp9};
use crate::sdp::codec::Codec;

/// Where the last of a picture's numbers ends at most, in bytes from the beginning of the payload.
pub const NUMBERS_END_MAX: usize = 5;

/// Temporal layers that can be counted.
pub const TEMPORAL_LAYERS_MAX: usize = 4;

/// What a payload says, as far as forwarding needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// A receiver that has nothing of the stream can begin with this packet.
    pub starts_key_frame: bool,
    /// The frame's number, modulo 2^7 or 2^15 as [`has_long_picture_id`](Self::has_long_picture_id) says.
    pub picture_id: Option<u16>,
    /// Whether the number has 15 bits instead of 7.
    pub has_long_picture_id: bool,
    /// The number of the frame of the lowest temporal layer that this one builds upon, modulo 2^8.
    pub tl0_picture_index: Option<u8>,
    /// The temporal layer, where layers may be left out; 0 is the lowest.
    pub temporal_layer: Option<u8>,
    /// The frame builds upon the lowest temporal layer alone, so that its layer may be begun with it.
    pub is_layer_sync: bool,
    /// The width and height of a key frame's pictures, in pixels, where the packet says them.
    pub size: Option<(u16, u16)>,
    /// Where the frame's number begins.
    pub(crate) picture_id_at: u8,
    /// Where the other one stands.
    pub(crate) tl0_picture_index_at: u8,
}

impl Descriptor {
    /// Reads how a payload of this codec begins; `None` if it says nothing of a picture, or ends too soon.
    pub fn parse(codec: Codec, payload: &[u8]) -> Option<Self> {
        match codec {
            Codec::Vp8 => vp8::parse(payload),
            Codec::Vp9 => vp9::parse(payload),
            Codec::H264 => h264::parse(payload),
            Codec::Av1 => av1::parse(payload),
            Codec::Opus | Codec::Red => None,
        }
    }

    /// How `payload` begins with other numbers where it has any, as the first so many bytes of what is returned.
    ///
    /// `payload` is that which this was read from.
    pub fn renumbered(
        &self,
        payload: &[u8],
        picture_id: u16,
        tl0_picture_index: u8,
    ) -> ([u8; NUMBERS_END_MAX], usize) {
        let mut bytes = [0; NUMBERS_END_MAX];
        for (byte, known) in bytes.iter_mut().zip(payload) {
            *byte = *known;
        }
        let [high, low] = picture_id.to_be_bytes();
        let from = |at: u8| usize::from(at)..;
        match (self.picture_id, bytes.get_mut(from(self.picture_id_at))) {
            (Some(_), Some([first, second, ..])) if self.has_long_picture_id => {
                (*first, *second) = (0x80 | high & 0x7F, low);
            }
            (Some(_), Some([first, ..])) => *first = low & 0x7F,
            _ => {}
        }
        if let (Some(_), Some([index, ..])) =
            (self.tl0_picture_index, bytes.get_mut(from(self.tl0_picture_index_at)))
        {
            *index = tl0_picture_index;
        }
        (bytes, payload.len().min(NUMBERS_END_MAX))
    }
}

/// Takes bytes off a payload, and knows where it stands.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    at: u8,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, at: 0 }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    pub(super) fn two(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// Takes a picture's number, whose first bit says how long it is: the same for VP8 (RFC 7741, section 4.2) and VP9
    /// (RFC 9628, section 4.2).
    pub(super) fn picture_id(&mut self, descriptor: &mut Descriptor) -> Option<()> {
        descriptor.picture_id_at = self.at;
        let high = self.byte()?;
        descriptor.has_long_picture_id = high & 0x80 != 0;
        descriptor.picture_id = Some(if descriptor.has_long_picture_id {
            u16::from_be_bytes([high & 0x7F, self.byte()?])
        } else {
            u16::from(high)
        });
        Some(())
    }

    /// Takes the number of a frame of the lowest temporal layer.
    pub(super) fn tl0_picture_index(&mut self, descriptor: &mut Descriptor) -> Option<()> {
        descriptor.tl0_picture_index_at = self.at;
        descriptor.tl0_picture_index = Some(self.byte()?);
        Some(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Replaces the numbers of these payloads, and finds that nothing else has changed.
    pub(crate) fn renumber(codec: Codec, payloads: &[&[u8]]) {
        for payload in payloads {
            let before = Descriptor::parse(codec, payload).unwrap();
            let (bytes, length) = before.renumbered(payload, 0x7ABC, 0x42);
            let mut renumbered = bytes[..length].to_vec();
            renumbered.extend(&payload[length..]);
            let id = if before.has_long_picture_id { 0x7ABC } else { 0x3C };
            let expected = Descriptor {
                picture_id: before.picture_id.map(|_| id),
                tl0_picture_index: before.tl0_picture_index.map(|_| 0x42),
                ..before
            };
            assert_eq!(Descriptor::parse(codec, &renumbered), Some(expected), "{payload:?}");
            let (picture_id, index) = (before.picture_id, before.tl0_picture_index);
            let (same, length) =
                before.renumbered(payload, picture_id.unwrap_or_default(), index.unwrap_or_default());
            assert_eq!(same[..length], payload[..length]);
        }
    }

    #[test]
    fn what_is_no_picture_says_nothing() {
        assert_eq!(Descriptor::parse(Codec::Opus, &[0x90, 0xF0, 1, 2, 3, 4, 5]), None);
        assert_eq!(Descriptor::parse(Codec::Red, &[0x90, 0xF0, 1, 2, 3, 4, 5]), None);
    }
}
