//! AES in counter mode with HMAC-SHA1: the profile that every implementation has (RFC 3711, sections 4.1.1 and 4.2.1).

use super::keys::{PacketIndex, RTCP_HEAD_BYTES, RTCP_INDEX_BYTES};
use aws_lc_rs::{
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    hmac,
    iv::FixedLength,
};

const KEY_BYTES: usize = 16;
const SALT_BYTES: usize = 14;
const AUTHENTICATION_BYTES: usize = 20;

/// The keys of encryption and authentication, and the salt of the counters.
pub(super) struct CounterMode {
    cipher: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; SALT_BYTES],
}

impl CounterMode {
    /// The first 80 bits of the code are the tag, for RTP and for RTCP (RFC 5764, section 4.1.2).
    pub(super) const TAG_BYTES: usize = 10;

    pub(super) fn new(
        key: &[u8; KEY_BYTES],
        authentication: &[u8; AUTHENTICATION_BYTES],
        salt: [u8; SALT_BYTES],
    ) -> Option<Self> {
        Some(Self {
            cipher: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?,
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authentication),
            salt,
        })
    }

    /// Encrypts, or decrypts, with the keystream of this packet (RFC 3711, section 4.1.1).
    fn apply_keystream(&self, index: PacketIndex, body: &mut [u8]) -> Option<()> {
        // 112 bits of salt; the counter of the packet's blocks has the last 16.
        let mut iv = [0; 16];
        iv.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte = salt);
        for (byte, place) in iv.iter_mut().skip(4).zip(index.to_bytes()) {
            *byte ^= place;
        }
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        self.cipher.less_safe_encrypt(body, context).ok().map(|_| ())
    }

    /// The authentication code of parts that lie one behind the other.
    fn code(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut code = hmac::Context::with_key(&self.authentication);
        parts.iter().for_each(|part| code.update(part));
        code.sign()
    }

    /// Compares in a time that says nothing about where the first difference is.
    fn verify(&self, parts: &[&[u8]], tag: &[u8; Self::TAG_BYTES]) -> Option<()> {
        verify_slices_are_equal(self.code(parts).as_ref().get(..Self::TAG_BYTES)?, tag).ok()
    }

    pub(super) fn seal_rtp(
        &self,
        index: PacketIndex,
        start: usize,
        header: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (_, body) = out.get_mut(start..)?.split_at_mut_checked(header)?;
        self.apply_keystream(index, body)?;
        let code = self.code(&[out.get(start..)?, &index.cycles().to_be_bytes()]);
        out.extend_from_slice(code.as_ref().get(..Self::TAG_BYTES)?);
        Some(())
    }

    /// The payload, decrypted in place once the packet has proved to be genuine.
    pub(super) fn open_rtp<'p>(
        &self,
        index: PacketIndex,
        header: &[u8],
        body: &'p mut [u8],
    ) -> Option<&'p mut [u8]> {
        let (body, tag) = body.split_last_chunk_mut()?;
        self.verify(&[header, body, &index.cycles().to_be_bytes()], tag)?;
        self.apply_keystream(index, body)?;
        Some(body)
    }

    pub(super) fn seal_rtcp(
        &self,
        index: PacketIndex,
        trailer: [u8; RTCP_INDEX_BYTES],
        start: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (_, body) = out.get_mut(start..)?.split_at_mut_checked(RTCP_HEAD_BYTES)?;
        self.apply_keystream(index, body)?;
        out.extend_from_slice(&trailer);
        let code = self.code(&[out.get(start..)?]);
        out.extend_from_slice(code.as_ref().get(..Self::TAG_BYTES)?);
        Some(())
    }

    pub(super) fn open_rtcp<'p>(&self, index: PacketIndex, packet: &'p mut [u8]) -> Option<&'p mut [u8]> {
        let (packet, tag) = packet.split_last_chunk_mut()?;
        self.verify(&[packet], tag)?;
        let (rest, _) = packet.split_last_chunk_mut::<RTCP_INDEX_BYTES>()?;
        let (_, body) = rest.split_at_mut_checked(RTCP_HEAD_BYTES)?;
        self.apply_keystream(index, body)?;
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::bytes;

    /// RFC 3711, appendix B.2: the first blocks of the keystream, and those over the counter's carry.
    #[test]
    fn the_keystream_of_the_rfc_is_met() {
        let key = bytes("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let salt = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let keys = CounterMode::new(&key, &[0; 20], salt).unwrap();
        let mut stream = vec![0; 0xFF02 * 16];
        keys.apply_keystream(PacketIndex::rtp(0, 0, 0), &mut stream).unwrap();
        let first = "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB\
                     41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream[..48], bytes(first));
        let last = "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE\
                    6A2CC3787889374FBEB4C81B17BA6C44";
        assert_eq!(stream[0xFEFF * 16..], bytes(last));
    }
}
