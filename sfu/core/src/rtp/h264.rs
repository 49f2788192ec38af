//! Where key frames of H.264 begin (RFC 6184, section 5), in packets of the modes 0 and 1.
//!
//! The headers of NAL units stay in clear where frames are encrypted.

use super::descriptor::Descriptor;

/// A slice of a picture that needs no other (ITU-T H.264, table 7-1).
const IDR_SLICE: u8 = 5;

/// What all pictures of a sequence have in common. It stands before a key frame, and nothing can be decoded without.
const SEQUENCE_PARAMETERS: u8 = 7;

/// Several units in one packet, without numbers (STAP-A; section 5.7.1).
const AGGREGATE: u8 = 24;

/// A part of one unit, without a number (FU-A; section 5.8).
const FRAGMENT: u8 = 28;

/// Looks for the beginning of a key frame; `None` for what is no packet of these modes.
///
/// Its parameters may come in a packet of their own before its first slice: each of them says that it begins.
pub(super) fn parse(payload: &[u8]) -> Option<Descriptor> {
    let (&first, rest) = payload.split_first()?;
    let starts_key_frame = match first & 0x1F {
        1..=23 => begins(first, rest),
        AGGREGATE => {
            units(rest).any(|unit| unit.split_first().is_some_and(|(&first, rest)| begins(first, rest)))
        }
        FRAGMENT => {
            let (&fragment, rest) = rest.split_first()?;
            fragment & 0x80 != 0 && begins(fragment, rest)
        }
        _ => return None,
    };
    Some(Descriptor { starts_key_frame, ..Descriptor::default() })
}

/// Whether a unit with this header begins a key frame. The number of its first macroblock is the first that a slice
/// says, and a single set bit stands for zero (ITU-T H.264, sections 7.3.3 and 9.1).
fn begins(header: u8, rest: &[u8]) -> bool {
    match header & 0x1F {
        SEQUENCE_PARAMETERS => true,
        IDR_SLICE => rest.first().is_some_and(|slice| slice & 0x80 != 0),
        _ => false,
    }
}

/// The units of an aggregate, each behind its length.
fn units(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk()?;
        let (unit, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = tail;
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(payload: &[u8]) -> Option<bool> {
        parse(payload).map(|descriptor| descriptor.starts_key_frame)
    }

    #[test]
    fn a_key_frame_begins_with_its_parameters_or_its_first_slice() {
        assert_eq!(starts(&[0x67, 0x42, 0xE0, 0x1F]), Some(true), "parameters alone");
        assert_eq!(starts(&[0x65, 0x88, 0x84]), Some(true), "the first slice");
        assert_eq!(starts(&[0x65, 0x08]), Some(false), "a later slice");
        assert_eq!(starts(&[0x41, 0x9A]), Some(false), "another picture");
        assert_eq!(starts(&[0x68, 0xCE]), Some(false), "parameters of pictures alone");
        assert_eq!(starts(&[0x06, 0x05]), Some(false), "something beside pictures");
    }

    #[test]
    fn it_is_found_among_several_units() {
        let both = [0x78, 0, 4, 0x67, 0x42, 0xE0, 0x1F, 0, 2, 0x68, 0xCE];
        assert_eq!(starts(&both), Some(true));
        let behind = [0x78, 0, 2, 0x06, 0x05, 0, 2, 0x65, 0x88];
        assert_eq!(starts(&behind), Some(true));
        assert_eq!(starts(&behind[..7]), Some(false), "cut before it");
        assert_eq!(starts(&[0x78, 0, 0, 0, 2, 0x65, 0x88]), Some(true), "behind one that is empty");
        assert_eq!(starts(&[0x78, 0xFF, 0xFF, 0x65, 0x88]), Some(false), "longer than the packet");
    }

    #[test]
    fn of_a_unit_in_parts_the_first_says_it() {
        assert_eq!(starts(&[0x7C, 0x85, 0x88]), Some(true));
        assert_eq!(starts(&[0x7C, 0x87, 0x42]), Some(true), "parameters");
        assert_eq!(starts(&[0x7C, 0x05, 0x88]), Some(false), "a middle part");
        assert_eq!(starts(&[0x7C, 0x45, 0x88]), Some(false), "the last part");
        assert_eq!(starts(&[0x7C, 0x81, 0x88]), Some(false), "another picture");
    }

    #[test]
    fn what_is_no_packet_of_these_modes_says_nothing() {
        for payload in [&[][..], &[0x60], &[0x79, 0, 1], &[0x7A], &[0x7D, 0x85], &[0x7E], &[0x7F], &[0x7C]] {
            assert_eq!(starts(payload), None, "{payload:?}");
        }
    }
}
