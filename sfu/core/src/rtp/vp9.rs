//! The VP9 payload descriptor (RFC 9628, section 4.2).
//!
//! Spatial and temporal layers are forwarded all: in a stream of VP9 a layer is begun by other rules than VP8's, and
//! what is not said to be a temporal layer is never left out.

use super::descriptor::{Descriptor, Reader};

/// Frames that one builds upon at most (`P_DIFF`).
const REFERENCES_MAX: usize = 3;

/// Reads the descriptor of a packet's payload; `None` if the payload ends before it does.
pub(super) fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut reader = Reader::new(payload);
    let mut descriptor = Descriptor::default();
    let first = reader.byte()?;
    let has = |bit: u8| first & bit != 0;
    let (has_picture_id, is_predicted, has_layer, is_flexible) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let (starts_frame, has_structure) = (has(0x08), has(0x02));
    if has_picture_id {
        reader.picture_id(&mut descriptor)?;
    }
    let mut spatial_layer = 0;
    if has_layer {
        spatial_layer = reader.byte()? >> 1 & 0x07;
        if !is_flexible {
            reader.tl0_picture_index(&mut descriptor)?;
        }
    }
    if is_flexible && is_predicted {
        skip_references(&mut reader)?;
    }
    // The frames of a key picture's upper layers are not predicted from other pictures either.
    descriptor.starts_key_frame = starts_frame && !is_predicted && spatial_layer == 0;
    if has_structure {
        descriptor.size = size(&mut reader)?;
    }
    // A packet carries something of a frame.
    reader.byte()?;
    Some(descriptor)
}

fn skip_references(reader: &mut Reader<'_>) -> Option<()> {
    for _ in 0..REFERENCES_MAX {
        let has_more = reader.byte()? & 0x01 != 0;
        if !has_more {
            break;
        }
    }
    Some(())
}

/// The size of the uppermost layer, if the scalability structure says it (section 4.2.1).
fn size(reader: &mut Reader<'_>) -> Option<Option<(u16, u16)>> {
    let first = reader.byte()?;
    let (layers, has_sizes, has_pictures) = (first >> 5, first & 0x10 != 0, first & 0x08 != 0);
    let mut size = None;
    for _ in (0..=layers).filter(|_| has_sizes) {
        size = Some((reader.two()?, reader.two()?));
    }
    let pictures = if has_pictures { reader.byte()? } else { 0 };
    for _ in 0..pictures {
        let references = reader.byte()? >> 2 & 0x03;
        for _ in 0..references {
            reader.byte()?;
        }
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rtp::descriptor::tests::renumber, sdp::codec::Codec};

    /// A key frame as libwebrtc sends it without scalability: number, layer, structure of one layer and one picture.
    const KEY: [u8; 14] =
        [0xAE, 0x92, 0x34, 0x00, 0x77, 0x18, 0x02, 0x80, 0x01, 0x68, 0x01, 0x04, 0x01, 0x82];

    #[test]
    fn what_browsers_write_is_read() {
        let expected = Descriptor {
            starts_key_frame: true,
            picture_id: Some(0x1234),
            has_long_picture_id: true,
            tl0_picture_index: Some(0x77),
            size: Some((640, 360)),
            picture_id_at: 1,
            tl0_picture_index_at: 4,
            ..Descriptor::default()
        };
        assert_eq!(parse(&KEY), Some(expected));
        for end in 0..KEY.len() {
            assert_eq!(parse(&KEY[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn a_key_frame_is_known_by_the_first_packet_of_its_lowest_layer_alone() {
        let starts = |bytes: &[u8]| parse(bytes).unwrap().starts_key_frame;
        assert!(starts(&[0x08, 0x82]), "with nothing but the beginning");
        assert!(starts(&[0xA8, 0x05, 0x00, 0x07, 0x82]), "of the lowest layer");
        assert!(!starts(&[0xA8, 0x05, 0x02, 0x07, 0x82]), "of an upper one");
        assert!(!starts(&[0x00, 0x82]), "a later packet");
        assert!(!starts(&[0x48, 0x82]), "predicted from others");
    }

    #[test]
    fn of_several_layers_the_size_is_that_of_the_uppermost() {
        // In flexible mode (F), with two spatial layers and no picture group.
        let payload = [0x9A, 0x05, 0x30, 0x01, 0x40, 0x00, 0xB4, 0x02, 0x80, 0x01, 0x68, 0x82];
        assert_eq!(parse(&payload).unwrap().size, Some((640, 360)));
        assert_eq!(parse(&[0x0A, 0x00, 0x82]).unwrap().size, None, "it says none");
    }

    #[test]
    fn references_are_passed_over_and_end_by_themselves() {
        // Three at most, whatever the last says of another one.
        let payload = [0xD0, 0x05, 0x03, 0x05, 0x07, 0x82];
        assert_eq!(parse(&payload).unwrap().picture_id, Some(5));
        assert_eq!(parse(&payload[..5]), None, "nothing of the frame is left");
    }

    #[test]
    fn numbers_are_replaced_where_they_stand_and_nothing_else() {
        renumber(
            Codec::Vp9,
            &[
                &KEY,
                &[0xA0, 0x05, 0x20, 0x77, 0x82],
                &[0x80, 0x92, 0x34, 0x82],
                &[0xB0, 0x92, 0x34, 0x20, 0x82],
                &[0x20, 0x20, 0x77, 0x82],
                &[0x00, 0x82],
            ],
        );
    }
}
