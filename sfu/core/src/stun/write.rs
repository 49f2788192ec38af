//! Writing a message at the end of a buffer.

use super::{
    COOKIE, FINGERPRINT_BYTES, HEADER_BYTES, INTEGRITY_BYTES, Key, Refusal, Transaction,
    attribute::{
        ERROR_CODE, FINGERPRINT, MESSAGE_INTEGRITY, UNKNOWN_ATTRIBUTES, USERNAME, XOR_MAPPED_ADDRESS,
    },
    fingerprint,
};
use std::net::{IpAddr, SocketAddr};

/// A message that is being written.
#[must_use = "without a signature it is none"]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    /// Begins a message of this [kind](super::kind).
    pub(crate) fn new(out: &'a mut Vec<u8>, kind: u16, transaction: Transaction) -> Self {
        let start = out.len();
        out.extend_from_slice(&kind.to_be_bytes());
        // The length, which is written at the end.
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&COOKIE);
        out.extend_from_slice(&transaction);
        Self { out, start }
    }

    /// Adds an attribute whose value is made of these parts.
    pub(crate) fn attribute(self, kind: u16, value: &[&[u8]]) -> Self {
        let length = value.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        for part in value {
            self.out.extend_from_slice(part);
        }
        let padding = length.next_multiple_of(4).saturating_sub(length);
        self.out.resize(self.out.len().saturating_add(padding), 0);
        self
    }

    /// Adds who is asked and who asks, by their names (RFC 8445, section 7.2.2).
    pub(crate) fn username(self, asked: &str, asking: &str) -> Self {
        self.attribute(USERNAME, &[asked.as_bytes(), b":", asking.as_bytes()])
    }

    /// Adds where a request came from (RFC 8489, section 14.2).
    pub(crate) fn mapped_address(self, address: SocketAddr, transaction: Transaction) -> Self {
        let [c0, c1, ..] = COOKIE;
        let mut port = address.port().to_be_bytes();
        port.iter_mut().zip([c0, c1]).for_each(|(byte, mask)| *byte ^= mask);
        let mask = COOKIE.into_iter().chain(transaction);
        match address.ip() {
            IpAddr::V4(ip) => {
                let mut ip = ip.octets();
                ip.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
                self.attribute(XOR_MAPPED_ADDRESS, &[&[0, 1], &port, &ip])
            }
            IpAddr::V6(ip) => {
                let mut ip = ip.octets();
                ip.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
                self.attribute(XOR_MAPPED_ADDRESS, &[&[0, 2], &port, &ip])
            }
        }
    }

    /// Adds why a request is refused, and the attributes that are the reason if some are.
    pub(crate) fn refusal(self, refusal: Refusal, unknown: &[u16]) -> Self {
        let (hundreds, rest, reason) = refusal.parts();
        let writer = self.attribute(ERROR_CODE, &[&[0, 0, hundreds, rest], reason.as_bytes()]);
        if unknown.is_empty() {
            return writer;
        }
        let before = writer.out.len();
        let mut writer = writer.attribute(UNKNOWN_ATTRIBUTES, &[]);
        for kind in unknown {
            writer.out.extend_from_slice(&kind.to_be_bytes());
        }
        let length = u16::try_from(unknown.len().saturating_mul(2)).unwrap_or(u16::MAX);
        writer.patch(before.saturating_add(2), length);
        let padding = unknown.len() % 2;
        writer.out.resize(writer.out.len().saturating_add(padding.saturating_mul(2)), 0);
        writer
    }

    /// Adds attributes that are written already.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn attributes(self, written: &[u8]) -> Self {
        let padding = written.len().next_multiple_of(4).saturating_sub(written.len());
        self.out.extend_from_slice(written);
        self.out.resize(self.out.len().saturating_add(padding), 0);
        self
    }

    /// Signs the message and ends it with its checksum.
    pub(crate) fn sign(mut self, key: &Key) {
        self.announce(INTEGRITY_BYTES);
        let code = key.sign(&[self.message()]);
        let mut signed = self.attribute(MESSAGE_INTEGRITY, &[code.as_ref()]);
        signed.announce(FINGERPRINT_BYTES);
        let checksum = fingerprint(signed.message());
        let _ended = signed.attribute(FINGERPRINT, &[&checksum.to_be_bytes()]);
    }

    fn message(&self) -> &[u8] {
        self.out.get(self.start..).unwrap_or_default()
    }

    /// Writes the length that the message will have with so many more bytes.
    fn announce(&mut self, more: usize) {
        let length = self.message().len().saturating_sub(HEADER_BYTES).saturating_add(more);
        self.patch(self.start.saturating_add(2), u16::try_from(length).unwrap_or(u16::MAX));
    }

    fn patch(&mut self, at: usize, number: u16) {
        if let Some(place) = self.out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = number.to_be_bytes();
        }
    }
}
