//! A client's connectivity check, byte for byte of the simulation's choice.

use is::{DefaultSha1HmacProvider, Sha1HmacProvider};

/// What every message begins its transaction with (RFC 8489, section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// What the checksum is mixed with (RFC 8489, section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// A binding request (RFC 8445, section 7.2) for the transport whose own name and password are
/// given first, from the client of the name given then.
///
/// `nominates` asks that media be sent to where the request comes from.
pub fn check(
    (ufrag, pwd): (&str, &str),
    remote_ufrag: &str,
    nominates: bool,
    transaction: [u8; 12],
) -> Vec<u8> {
    let mut attributes = Vec::new();
    attribute(&mut attributes, 0x0006, format!("{ufrag}:{remote_ufrag}").as_bytes());
    attribute(&mut attributes, 0x0024, &0x6E7F_00FF_u32.to_be_bytes());
    attribute(&mut attributes, 0x802A, &[7; 8]);
    if nominates {
        attribute(&mut attributes, 0x0025, &[]);
    }
    // The hash covers a length that includes itself, and so does the checksum.
    let mut message = message(&attributes, 24, transaction);
    let hash = DefaultSha1HmacProvider.sha1_hmac(pwd.as_bytes(), &[&message]);
    attribute(&mut attributes, 0x0008, &hash);
    message = self::message(&attributes, 8, transaction);
    let checksum = crc32(&message) ^ FINGERPRINT_XOR;
    attribute(&mut message, 0x8028, &checksum.to_be_bytes());
    message
}

fn message(attributes: &[u8], more: usize, transaction: [u8; 12]) -> Vec<u8> {
    let mut out = vec![0, 1];
    let length = u16::try_from(attributes.len().saturating_add(more)).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&COOKIE);
    out.extend_from_slice(&transaction);
    out.extend_from_slice(attributes);
    out
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
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
