//! Opening data channels in-band (RFC 8832), as stacks do that do not agree on them beforehand.

use super::envelope::Delivery;

/// The type of a message that opens a channel (RFC 8832, section 8.2.1).
const OPEN: u8 = 3;

/// The type of the answer to it.
const ACK: u8 = 2;

/// The answer to a message that opens a channel.
pub(super) const ACKNOWLEDGEMENT: [u8; 1] = [ACK];

/// A message about a channel, and not of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// The peer opens a channel that is one of ours, by its label.
    Open(Delivery),
    /// The peer has taken note of what we said.
    Ack,
    /// Anything else.
    Other,
}

impl Control {
    /// Reads a message. Of a channel that is opened only the label counts: both sides know how each is sent.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        match label(bytes) {
            Some(b"reliable") => Self::Open(Delivery::Reliable),
            Some(b"lossy") => Self::Open(Delivery::Lossy),
            Some(_) => Self::Other,
            None if bytes.first() == Some(&ACK) => Self::Ack,
            None => Self::Other,
        }
    }
}

/// The label of a channel that a message opens (RFC 8832, section 5.1).
fn label(bytes: &[u8]) -> Option<&[u8]> {
    let ([OPEN, _kind, _, _, _, _, _, _, high, low, _, _], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    rest.get(..usize::from(u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(label: &[u8], protocol: &[u8]) -> Vec<u8> {
        let length = u8::try_from(label.len()).unwrap();
        let header = [3, 0x81, 0, 0, 0, 0, 0, 0, 0, length, 0, u8::try_from(protocol.len()).unwrap()];
        [&header, label, protocol].concat()
    }

    #[test]
    fn channels_are_known_by_their_labels() {
        assert_eq!(Control::parse(&open(b"reliable", b"")), Control::Open(Delivery::Reliable));
        assert_eq!(Control::parse(&open(b"lossy", b"any")), Control::Open(Delivery::Lossy));
        assert_eq!(Control::parse(&open(b"chat", b"")), Control::Other);
        assert_eq!(Control::parse(&ACKNOWLEDGEMENT), Control::Ack);
    }

    #[test]
    fn what_is_cut_short_opens_nothing() {
        let whole = open(b"reliable", b"");
        for length in 0..whole.len() {
            assert_eq!(Control::parse(&whole[..length]), Control::Other, "{length} bytes");
        }
    }
}
