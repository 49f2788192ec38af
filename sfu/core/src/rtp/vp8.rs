//! The VP8 payload descriptor (RFC 7741, section 4.2).
//!
//! The key frame's mark is the first bit of the frame itself (section 4.3), which clients that encrypt frames leave
//! in clear.

use super::descriptor::{Descriptor, Reader};

/// The uncompressed part of a key frame up to its size: a tag of three bytes, the start code, and two bytes for each
/// dimension (RFC 6386, section 9.1).
const KEY_FRAME_HEADER_BYTES: usize = 10;

/// What a packet carries of a frame.
pub(crate) struct FramePart<'a> {
    pub(crate) descriptor: Descriptor,
    /// The frame begins with it.
    pub(crate) starts_frame: bool,
    /// What stands behind the descriptor.
    pub(crate) bytes: &'a [u8],
}

/// Reads the descriptor of a packet's payload; `None` if the payload ends before it does.
pub(super) fn parse(payload: &[u8]) -> Option<Descriptor> {
    frame_part(payload).map(|part| part.descriptor)
}

/// Takes a packet's payload apart; `None` if it ends before the descriptor does.
pub(crate) fn frame_part(payload: &[u8]) -> Option<FramePart<'_>> {
    let mut reader = Reader::new(payload);
    let mut descriptor = Descriptor::default();
    let first = reader.byte()?;
    if first & 0x80 != 0 {
        parse_extension(&mut reader, &mut descriptor)?;
    }
    let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
    let bytes = reader.rest();
    // The inverse key frame flag is the lowest bit of the frame (RFC 6386, section 9.1).
    descriptor.starts_key_frame = starts_frame && bytes.first()? & 0x01 == 0;
    descriptor.size = size(bytes).filter(|_| descriptor.starts_key_frame);
    Some(FramePart { descriptor, starts_frame, bytes })
}

fn parse_extension(reader: &mut Reader<'_>, descriptor: &mut Descriptor) -> Option<()> {
    let flags = reader.byte()?;
    if flags & 0x80 != 0 {
        reader.picture_id(descriptor)?;
    }
    if flags & 0x40 != 0 {
        reader.tl0_picture_index(descriptor)?;
    }
    if flags & 0x30 != 0 {
        let layer = reader.byte()?;
        if flags & 0x20 != 0 {
            descriptor.temporal_layer = Some(layer >> 6);
            descriptor.is_layer_sync = layer & 0x20 != 0;
        }
    }
    Some(())
}

/// The width and height that a key frame's header says.
fn size(frame: &[u8]) -> Option<(u16, u16)> {
    let &[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = frame.first_chunk::<KEY_FRAME_HEADER_BYTES>()? else {
        return None;
    };
    // The upper two bits say how it is to be scaled.
    Some((u16::from_le_bytes([w0, w1]) & 0x3FFF, u16::from_le_bytes([h0, h1]) & 0x3FFF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rtp::descriptor::tests::renumber, sdp::codec::Codec};

    /// As browsers write it: all there is, a long picture id.
    const FULL: [u8; 7] = [0x90, 0xF0, 0x92, 0x34, 0x77, 0x60, 0x9D];

    #[test]
    fn what_browsers_write_is_read() {
        let expected = Descriptor {
            picture_id: Some(0x1234),
            has_long_picture_id: true,
            tl0_picture_index: Some(0x77),
            temporal_layer: Some(1),
            is_layer_sync: true,
            picture_id_at: 2,
            tl0_picture_index_at: 4,
            ..Descriptor::default()
        };
        assert_eq!(parse(&FULL), Some(expected));
    }

    #[test]
    fn a_key_frame_is_known_by_its_first_packet_alone() {
        let starts = |bytes: &[u8]| parse(bytes).unwrap().starts_key_frame;
        assert!(starts(&[0x10, 0x9C]), "without an extension");
        assert!(starts(&[0x90, 0x80, 0x05, 0x9C]), "with a short picture id");
        assert!(!starts(&[0x00, 0x9C]), "a later packet");
        assert!(!starts(&[0x11, 0x9C]), "a later partition");
        assert!(!starts(&[0x10, 0x9D]), "another frame");
    }

    #[test]
    fn a_key_frame_says_how_large_its_pictures_are() {
        let frame = [0x10, 0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x01, 0xFF];
        let size = |payload: &[u8]| parse(payload).unwrap().size;
        assert_eq!(size(&frame), Some((640, 360)), "without the scale");
        assert_eq!(size(&frame[..10]), None, "it is cut");
        assert_eq!(size(&[0x10, 0x51, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 2, 0x68, 1]), None, "no key frame");
        assert_eq!(size(&[0x10, 0x50, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), None, "encrypted");
    }

    #[test]
    fn numbers_are_replaced_where_they_stand_and_nothing_else() {
        renumber(
            Codec::Vp8,
            &[
                &FULL,
                &[0x90, 0xC0, 0x05, 0x77, 0x9D],
                &[0x90, 0x40, 0x77, 0x9D],
                &[0x90, 0x80, 0x05, 0x9C],
                &[0x90, 0x20, 0x40, 0x9C],
                &[0x10, 0x9C],
            ],
        );
    }

    #[test]
    fn a_payload_that_ends_too_soon_is_none() {
        for end in 0..FULL.len() {
            assert_eq!(parse(&FULL[..end]), None, "{end} bytes");
        }
    }
}
