//! Where key frames of AV1 begin (AV1 RTP specification, section 4.4).

use super::descriptor::Descriptor;

/// The packet goes on with what the one before it began (Z).
const CONTINUES: u8 = 0x80;

/// The packet is the first of a coded video sequence (N), which begins with a key frame.
const STARTS_SEQUENCE: u8 = 0x08;

/// Reads a packet's aggregation header; `None` if there is nothing behind it.
pub(super) fn parse(payload: &[u8]) -> Option<Descriptor> {
    let [header, _, ..] = *payload else { return None };
    let starts_key_frame = header & (STARTS_SEQUENCE | CONTINUES) == STARTS_SEQUENCE;
    Some(Descriptor { starts_key_frame, ..Descriptor::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_is_known_by_the_first_packet_of_its_sequence_alone() {
        let starts = |payload: &[u8]| parse(payload).map(|descriptor| descriptor.starts_key_frame);
        assert_eq!(starts(&[0x28, 0x0A]), Some(true), "two elements, the second of whatever length");
        assert_eq!(starts(&[0x58, 0x0A]), Some(true), "and it goes on in the next packet");
        assert_eq!(starts(&[0x10, 0x32]), Some(false), "another frame");
        assert_eq!(starts(&[0x98, 0x00]), Some(false), "a later packet never begins one");
        assert_eq!((starts(&[]), starts(&[0x18])), (None, None));
    }
}
