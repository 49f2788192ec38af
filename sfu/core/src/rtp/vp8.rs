//! The VP8 payload descriptor (RFC 7741, section 4.2).
//!
//! It stands before each packet's part of a frame and stays in clear where frames are encrypted end to end. The
//! key frame's mark is the first bit of the frame itself (section 4.3), which clients that encrypt frames leave
//! in clear.

/// The longest descriptor, in bytes.
pub const DESCRIPTOR_BYTES_MAX: usize = 6;

/// Temporal layers that a descriptor can count.
pub const TEMPORAL_LAYERS_MAX: usize = 4;

/// The uncompressed part of a key frame up to its size: a tag of three bytes, the start code, and two bytes for each
/// dimension (RFC 6386, section 9.1).
const KEY_FRAME_HEADER_BYTES: usize = 10;

/// A descriptor, as far as forwarding needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The packet is the first of its frame.
    pub starts_frame: bool,
    /// The packet is the first of a key frame.
    pub starts_key_frame: bool,
    /// The frame's number, modulo 2^7 or 2^15 as [`has_long_picture_id`](Self::has_long_picture_id) says.
    pub picture_id: Option<u16>,
    /// Whether the number has 15 bits instead of 7.
    pub has_long_picture_id: bool,
    /// The number of the frame of the lowest temporal layer that this one builds upon, modulo 2^8.
    pub tl0_picture_index: Option<u8>,
    /// The temporal layer; 0 is the lowest.
    pub temporal_layer: Option<u8>,
    /// The frame builds upon the lowest temporal layer alone, so that its layer may be begun with it.
    pub is_layer_sync: bool,
    /// Its length in bytes.
    pub length: usize,
}

impl Descriptor {
    /// Reads the descriptor of a packet's payload; `None` if the payload ends before it does.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&first, mut rest) = payload.split_first()?;
        let starts_partition = first & 0x10 != 0 && first & 0x07 == 0;
        let mut descriptor = Self {
            starts_frame: starts_partition,
            starts_key_frame: false,
            picture_id: None,
            has_long_picture_id: false,
            tl0_picture_index: None,
            temporal_layer: None,
            is_layer_sync: false,
            length: 1,
        };
        if first & 0x80 != 0 {
            rest = descriptor.parse_extension(rest)?;
            descriptor.length = payload.len().checked_sub(rest.len())?;
        }
        // The inverse key frame flag is the lowest bit of the frame (RFC 6386, section 9.1).
        descriptor.starts_key_frame = starts_partition && rest.first()? & 0x01 == 0;
        Some(descriptor)
    }

    fn parse_extension<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (&flags, mut rest) = rest.split_first()?;
        if flags & 0x80 != 0 {
            let (&high, tail) = rest.split_first()?;
            rest = tail;
            self.has_long_picture_id = high & 0x80 != 0;
            self.picture_id = if self.has_long_picture_id {
                let (&low, tail) = rest.split_first()?;
                rest = tail;
                Some(u16::from_be_bytes([high & 0x7F, low]))
            } else {
                Some(u16::from(high))
            };
        }
        if flags & 0x40 != 0 {
            let (&index, tail) = rest.split_first()?;
            rest = tail;
            self.tl0_picture_index = Some(index);
        }
        if flags & 0x30 != 0 {
            let (&layer, tail) = rest.split_first()?;
            rest = tail;
            if flags & 0x20 != 0 {
                self.temporal_layer = Some(layer >> 6);
                self.is_layer_sync = layer & 0x20 != 0;
            }
        }
        Some(rest)
    }

    /// The width and height of a key frame's pictures, in pixels, where the packet begins one whose header can be read.
    ///
    /// `payload` is that which this was read from.
    pub fn size(&self, payload: &[u8]) -> Option<(u16, u16)> {
        let frame = payload.get(self.length..).filter(|_| self.starts_key_frame)?;
        let &[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = frame.first_chunk::<KEY_FRAME_HEADER_BYTES>()?
        else {
            return None;
        };
        // The upper two bits say how it is to be scaled.
        Some((u16::from_le_bytes([w0, w1]) & 0x3FFF, u16::from_le_bytes([h0, h1]) & 0x3FFF))
    }

    /// The descriptor of `payload` with other numbers where it has any, as the first so many bytes of what is returned.
    ///
    /// `payload` is that which this was read from.
    pub fn renumbered(
        &self,
        payload: &[u8],
        picture_id: u16,
        tl0_picture_index: u8,
    ) -> ([u8; DESCRIPTOR_BYTES_MAX], usize) {
        let mut bytes = [0; DESCRIPTOR_BYTES_MAX];
        let length = self.length.min(DESCRIPTOR_BYTES_MAX);
        for (byte, known) in bytes.iter_mut().zip(payload).take(length) {
            *byte = *known;
        }
        let [high, low] = picture_id.to_be_bytes();
        // The numbers stand behind the two bytes of flags.
        match (&mut bytes, self.picture_id, self.has_long_picture_id) {
            ([_, _, first, second, index, ..], Some(_), true) => {
                (*first, *second) = (0x80 | high & 0x7F, low);
                if self.tl0_picture_index.is_some() {
                    *index = tl0_picture_index;
                }
            }
            ([_, _, first, index, ..], Some(_), false) => {
                *first = low & 0x7F;
                if self.tl0_picture_index.is_some() {
                    *index = tl0_picture_index;
                }
            }
            ([_, _, index, ..], None, _) => {
                if self.tl0_picture_index.is_some() {
                    *index = tl0_picture_index;
                }
            }
        }
        (bytes, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As browsers write it: all there is, a long picture id.
    const FULL: [u8; 7] = [0x90, 0xF0, 0x92, 0x34, 0x77, 0x60, 0x9D];

    #[test]
    fn what_browsers_write_is_read() {
        let read = Descriptor::parse(&FULL).unwrap();
        let expected = Descriptor {
            starts_frame: true,
            starts_key_frame: false,
            picture_id: Some(0x1234),
            has_long_picture_id: true,
            tl0_picture_index: Some(0x77),
            temporal_layer: Some(1),
            is_layer_sync: true,
            length: 6,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_key_frame_is_known_by_its_first_packet_alone() {
        let starts = |bytes: &[u8]| Descriptor::parse(bytes).unwrap().starts_key_frame;
        assert!(starts(&[0x10, 0x9C]), "without an extension");
        assert!(starts(&[0x90, 0x80, 0x05, 0x9C]), "with a short picture id");
        assert!(!starts(&[0x00, 0x9C]), "a later packet");
        assert!(!starts(&[0x11, 0x9C]), "a later partition");
        assert!(!starts(&[0x10, 0x9D]), "another frame");
    }

    #[test]
    fn a_key_frame_says_how_large_its_pictures_are() {
        let frame = [0x10, 0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x01, 0xFF];
        let size = |payload: &[u8]| Descriptor::parse(payload).unwrap().size(payload);
        assert_eq!(size(&frame), Some((640, 360)), "without the scale");
        assert_eq!(size(&frame[..10]), None, "it is cut");
        assert_eq!(size(&[0x10, 0x51, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 2, 0x68, 1]), None, "no key frame");
        assert_eq!(size(&[0x10, 0x50, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), None, "encrypted");
    }

    #[test]
    fn numbers_are_replaced_where_they_stand_and_nothing_else() {
        for payload in [
            &FULL[..],
            &[0x90, 0xC0, 0x05, 0x77, 0x9C],
            &[0x90, 0x40, 0x77, 0x9C],
            &[0x90, 0x80, 0x05, 0x9C],
            &[0x90, 0x20, 0x40, 0x9C],
            &[0x10, 0x9C],
        ] {
            let before = Descriptor::parse(payload).unwrap();
            let (bytes, length) = before.renumbered(payload, 0x7ABC, 0x42);
            let mut renumbered = bytes[..length].to_vec();
            renumbered.extend(&payload[length..]);
            assert_eq!(renumbered.len(), payload.len());
            let id = if before.has_long_picture_id { 0x7ABC } else { 0x3C };
            let expected = Descriptor {
                picture_id: before.picture_id.map(|_| id),
                tl0_picture_index: before.tl0_picture_index.map(|_| 0x42),
                ..before
            };
            assert_eq!(Descriptor::parse(&renumbered), Some(expected), "{payload:?}");
            let (same, _) = before.renumbered(
                payload,
                before.picture_id.unwrap_or_default(),
                before.tl0_picture_index.unwrap_or_default(),
            );
            assert_eq!(same[..length], payload[..length]);
        }
    }

    #[test]
    fn a_payload_that_ends_too_soon_is_none() {
        for end in 0..FULL.len() {
            assert_eq!(Descriptor::parse(&FULL[..end]), None, "{end} bytes");
        }
    }
}
