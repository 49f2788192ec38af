//! STUN messages that we write ourselves, byte for byte (RFC 8489).

use is::{DefaultSha1HmacProvider, Sha1HmacProvider};

/// What names a request, and the response to it. Who cannot foresee it and knows it has heard the request.
pub(crate) type Transaction = [u8; 12];

/// What every message has before its transaction (RFC 8489, section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Bytes before a message's transaction: its type, its length and the cookie.
const BEFORE_TRANSACTION: usize = 8;

/// What the checksum is mixed with (RFC 8489, section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Message types (RFC 8489, section 18.2).
pub(crate) const BINDING_REQUEST: u16 = 0x0001;
#[cfg(any(test, feature = "simulation"))]
pub(crate) const BINDING_SUCCESS: u16 = 0x0101;

/// Attributes (RFC 8489, section 18.3; RFC 8445, section 16.1).
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const PRIORITY: u16 = 0x0024;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// Bytes of the two attributes that end every message.
const INTEGRITY_BYTES: usize = 4 + 20;
const FINGERPRINT_BYTES: usize = 4 + 4;

/// The priority of a path that was learned from a check (RFC 8445, section 5.1.2.1).
pub(crate) const PRIORITY_LEARNED: u32 = 0x6E7F_00FF;

/// A check of ours: who is asked and who asks, by their names, under the password of who is asked.
///
/// The clients control: a lite agent never does (RFC 8445, section 6.1.1).
pub(crate) fn request((asked, asking): (&str, &str), pwd: &str, transaction: Transaction) -> Vec<u8> {
    let mut attributes = named(asked, asking);
    attribute(&mut attributes, ICE_CONTROLLED, &[0; 8]);
    signed(BINDING_REQUEST, attributes, pwd, transaction)
}

/// What every check has: for whom it is and from whom, and a priority.
pub(crate) fn named(asked: &str, asking: &str) -> Vec<u8> {
    let mut attributes = Vec::new();
    attribute(&mut attributes, USERNAME, format!("{asked}:{asking}").as_bytes());
    attribute(&mut attributes, PRIORITY, &PRIORITY_LEARNED.to_be_bytes());
    attributes
}

/// A message with these attributes, signed and with a checksum.
pub(crate) fn signed(kind: u16, mut attributes: Vec<u8>, pwd: &str, transaction: Transaction) -> Vec<u8> {
    // The hash covers a length that includes itself, and so does the checksum.
    let whole = message(kind, &attributes, INTEGRITY_BYTES, transaction);
    let hash = DefaultSha1HmacProvider.sha1_hmac(pwd.as_bytes(), &[&whole]);
    attribute(&mut attributes, MESSAGE_INTEGRITY, &hash);
    let mut whole = message(kind, &attributes, FINGERPRINT_BYTES, transaction);
    let checksum = crc32(&whole) ^ FINGERPRINT_XOR;
    attribute(&mut whole, FINGERPRINT, &checksum.to_be_bytes());
    whole
}

/// What a message names its request by.
pub(crate) fn transaction(message: &[u8]) -> Option<Transaction> {
    message.get(BEFORE_TRANSACTION..)?.first_chunk().copied()
}

fn message(kind: u16, attributes: &[u8], more: usize, transaction: Transaction) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    let length = u16::try_from(attributes.len().saturating_add(more)).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&COOKIE);
    out.extend_from_slice(&transaction);
    out.extend_from_slice(attributes);
    out
}

pub(crate) fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The checksum of ITU V.42, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use is::stun::StunMessage;

    /// Passes for the wrong reason if nothing were checked: under another password it is refused.
    #[test]
    fn an_agent_takes_what_we_write() {
        let written = request(("theirs", "ours"), "their password", [3; 12]);
        assert_eq!(transaction(&written), Some([3; 12]));
        let read = StunMessage::parse(&written).unwrap();
        assert!(read.is_binding_request() && read.ice_controlled().is_some() && !read.use_candidate());
        assert_eq!(read.split_username(), Some(("theirs", "ours")));
        let hash = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
        assert!(read.verify(b"their password", hash) && !read.verify(b"another password", hash));
        let (text, checksum) = written.split_last_chunk::<4>().unwrap();
        let covered = text.strip_suffix(&[0x80, 0x28, 0, 4]).unwrap();
        assert_eq!(u32::from_be_bytes(*checksum), crc32(covered) ^ FINGERPRINT_XOR);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926, "the checksum's own example");
    }
}
