//! Whom a STUN message is for, told before it is read.
//!
//! Anybody can send one. What says nobody's name, or more than any client says,
//! is dropped here: its full reading takes longer and writes down what it finds.

/// Attributes of one message at most.
///
/// A browser's check has about ten; more than needed is only work.
pub(crate) const ATTRIBUTES_MAX: usize = 16;

const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The message types of RFC 8489 that concern us (section 18.2).
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee<'a> {
    /// A request: the transport of this name.
    Named(&'a str),
    /// A response, which carries no name: the transport that sent to where it comes from.
    Asker,
}

/// Whom a message is for; `None` if it is not well formed, or not for an ICE agent.
pub(crate) fn addressee(message: &[u8]) -> Option<Addressee<'_>> {
    let (header, mut rest) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [class, method, high, low, cookie @ .., _, _, _, _, _, _, _, _, _, _, _, _] = header;
    if usize::from(u16::from_be_bytes([*high, *low])) != rest.len() || *cookie != COOKIE {
        return None;
    }
    let mut name = None;
    let mut attributes = 0..ATTRIBUTES_MAX;
    while !rest.is_empty() {
        attributes.next()?;
        let (&[type_high, type_low, high, low], after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if u16::from_be_bytes([type_high, type_low]) == USERNAME {
            name = name.or_else(|| after.get(..length));
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    match u16::from_be_bytes([*class, *method]) {
        BINDING_REQUEST => {
            // Who is asked comes first, then who asks (RFC 8445, section 7.2.2).
            let (ours, _theirs) = std::str::from_utf8(name?).ok()?.split_once(':')?;
            Some(Addressee::Named(ours))
        }
        BINDING_SUCCESS | BINDING_ERROR => Some(Addressee::Asker),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap();
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &COOKIE, &[7; 12], attributes].concat()
    }

    /// "abcd:efg", and then as many attributes without a value.
    fn named(others: usize) -> Vec<u8> {
        [&[0, 6, 0, 8][..], b"abcd:efg", &[0, 1, 0, 0].repeat(others)].concat()
    }

    #[test]
    fn a_request_is_for_whom_it_names_and_a_response_for_who_asked() {
        assert_eq!(addressee(&message(BINDING_REQUEST, &named(0))), Some(Addressee::Named("abcd")));
        assert_eq!(addressee(&message(BINDING_REQUEST, &[])), None);
        assert_eq!(addressee(&message(BINDING_REQUEST, &[0, 6, 0, 4, b'a', b'b', b'c', b'd'])), None);
        assert_eq!(addressee(&message(BINDING_SUCCESS, &[])), Some(Addressee::Asker));
        assert_eq!(addressee(&message(0x0011, &named(0))), None, "an indication");
        assert_eq!(addressee(&message(0x0003, &named(0))), None, "a relay is asked for elsewhere");
    }

    #[test]
    fn a_value_may_be_padded_but_not_be_cut_off() {
        let padded = [&[0, 6, 0, 5][..], b"a:bcd\0\0\0", &[0, 0x25, 0, 0]].concat();
        assert_eq!(addressee(&message(BINDING_REQUEST, &padded)), Some(Addressee::Named("a")));
        for end in 0..padded.len() {
            let cut = message(BINDING_REQUEST, &padded[..end]);
            let whole = end == padded.len() - 4;
            assert_eq!(addressee(&cut).is_some(), whole, "after {end} bytes");
        }
        let mut lying = message(BINDING_REQUEST, &padded);
        lying.extend([0; 4]);
        assert_eq!(addressee(&lying), None);
    }

    #[test]
    fn more_attributes_than_a_client_has_are_refused() {
        assert!(addressee(&message(BINDING_REQUEST, &named(ATTRIBUTES_MAX - 1))).is_some());
        assert_eq!(addressee(&message(BINDING_REQUEST, &named(ATTRIBUTES_MAX))), None);
        assert_eq!(addressee(&message(BINDING_SUCCESS, &[0, 1, 0, 0].repeat(ATTRIBUTES_MAX + 1))), None);
    }
}
