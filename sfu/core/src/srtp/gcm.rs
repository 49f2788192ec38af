//! AES in Galois/counter mode: the profiles of RFC 7714.

use super::keys::{PacketIndex, RTCP_HEAD_BYTES, RTCP_INDEX_BYTES};
use aws_lc_rs::aead::{Aad, Algorithm, LessSafeKey, Nonce, Tag, UnboundKey};

const SALT_BYTES: usize = 12;

/// A key and the salt of its nonces.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; SALT_BYTES],
}

impl Gcm {
    pub(super) fn new(algorithm: &'static Algorithm, key: &[u8], salt: [u8; SALT_BYTES]) -> Option<Self> {
        Some(Self { key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?), salt })
    }

    /// The nonce of a packet (RFC 7714, sections 8.1 and 9.1).
    fn nonce(&self, index: PacketIndex) -> Nonce {
        let mut nonce = self.salt;
        for (byte, place) in nonce.iter_mut().skip(2).zip(index.to_bytes()) {
            *byte ^= place;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&self, index: PacketIndex, clear: &[u8], body: &mut [u8]) -> Option<Tag> {
        self.key.seal_in_place_separate_tag(self.nonce(index), Aad::from(clear), body).ok()
    }

    /// What stands before the tag, decrypted in place, if it and `clear` are genuine.
    pub(super) fn open<'p>(
        &self,
        index: PacketIndex,
        clear: &[u8],
        body: &'p mut [u8],
    ) -> Option<&'p mut [u8]> {
        self.key.open_in_place(self.nonce(index), Aad::from(clear), body).ok()
    }

    pub(super) fn seal_rtp(
        &self,
        index: PacketIndex,
        start: usize,
        header: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (header, body) = out.get_mut(start..)?.split_at_mut_checked(header)?;
        let tag = self.seal(index, header, body)?;
        out.extend_from_slice(tag.as_ref());
        Some(())
    }

    pub(super) fn seal_rtcp(
        &self,
        index: PacketIndex,
        trailer: [u8; RTCP_INDEX_BYTES],
        start: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (head, body) = out.get_mut(start..)?.split_first_chunk_mut()?;
        let tag = self.seal(index, &clear(*head, trailer), body)?;
        out.extend_from_slice(tag.as_ref());
        out.extend_from_slice(&trailer);
        Some(())
    }

    pub(super) fn open_rtcp<'p>(&self, index: PacketIndex, packet: &'p mut [u8]) -> Option<&'p mut [u8]> {
        let (rest, trailer) = packet.split_last_chunk_mut()?;
        let (head, body) = rest.split_first_chunk_mut()?;
        self.open(index, &clear(*head, *trailer), body)
    }
}

/// What of an RTCP packet is authenticated and not encrypted: its head and the index (RFC 7714, section 9.2).
fn clear(
    [h0, h1, h2, h3, h4, h5, h6, h7]: [u8; RTCP_HEAD_BYTES],
    [i0, i1, i2, i3]: [u8; RTCP_INDEX_BYTES],
) -> [u8; RTCP_HEAD_BYTES + RTCP_INDEX_BYTES] {
    [h0, h1, h2, h3, h4, h5, h6, h7, i0, i1, i2, i3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::bytes;
    use aws_lc_rs::aead::AES_128_GCM;

    /// RFC 7714, section 16.1.1: AEAD_AES_128_GCM. Session keys are given there, so derivation is covered by
    /// the browsers, not by this.
    #[test]
    fn the_vector_of_the_rfc_is_met() {
        let key: Vec<u8> = (0..16).collect();
        let keys = Gcm::new(&AES_128_GCM, &key, *b"Quid pro quo").unwrap();
        let mut out = bytes("8040f17b8041f8d35501a0b2");
        out.extend(b"Gallia est omnis divisa in partes tres");
        keys.seal_rtp(PacketIndex::rtp(0x5501_a0b2, 0, 0xf17b), 0, 12, &mut out).unwrap();
        let sealed = "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                      899d7f27beb16a9152cf765ee4390cce";
        assert_eq!(out[12..], bytes(sealed));
    }
}
