//! SRTP and SRTCP with AES-GCM (RFC 3711, RFC 7714).

mod receive;

pub use receive::Opener;
pub(crate) use receive::STREAMS_MAX;

use crate::rtp::sequence::SeqNo;
use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// What encryption adds to a packet, in bytes.
pub const TAG_BYTES: usize = 16;

/// What encryption adds to an RTCP packet, in bytes: the tag and the index.
pub const RTCP_TRAILER_BYTES: usize = TAG_BYTES + 4;

/// The last index of an RTCP packet (RFC 3711, section 3.4).
const RTCP_INDEX_MAX: u32 = 0x7FFF_FFFF;

const SALT_BYTES: usize = 12;

/// A protection profile (RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM.
    Aes128Gcm,
    /// AEAD_AES_256_GCM.
    Aes256Gcm,
}

impl Profile {
    const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm => 32,
        }
    }
}

/// One direction's session keys.
pub(crate) struct SessionKeys {
    rtp: LessSafeKey,
    rtp_salt: [u8; SALT_BYTES],
    rtcp: LessSafeKey,
    rtcp_salt: [u8; SALT_BYTES],
}

/// The contexts of both directions, from the material that DTLS exports (RFC 5764, section 4.2).
///
/// `None` if the material has not the profile's length.
pub fn contexts(profile: Profile, material: &[u8], we_are_client: bool) -> Option<(Opener, Sealer)> {
    let (client_key, rest) = material.split_at_checked(profile.key_bytes())?;
    let (server_key, rest) = rest.split_at_checked(profile.key_bytes())?;
    let (client_salt, server_salt) = rest.split_at_checked(SALT_BYTES)?;
    let client = SessionKeys::derive(profile, client_key, client_salt)?;
    let server = SessionKeys::derive(profile, server_key, server_salt)?;
    let (theirs, ours) = if we_are_client { (server, client) } else { (client, server) };
    Some((Opener::new(theirs), Sealer { keys: ours, rtcp_index: 0 }))
}

impl SessionKeys {
    fn derive(profile: Profile, master: &[u8], salt: &[u8]) -> Option<Self> {
        let salt: [u8; SALT_BYTES] = salt.try_into().ok()?;
        let key = |label| {
            let mut bytes = vec![0; profile.key_bytes()];
            expand(profile, master, &salt, label, &mut bytes)?;
            let algorithm = match profile {
                Profile::Aes128Gcm => &AES_128_GCM,
                Profile::Aes256Gcm => &AES_256_GCM,
            };
            Some(LessSafeKey::new(UnboundKey::new(algorithm, &bytes).ok()?))
        };
        let session_salt = |label| {
            let mut bytes = [0; SALT_BYTES];
            expand(profile, master, &salt, label, &mut bytes)?;
            Some(bytes)
        };
        // The labels of RFC 3711, section 4.3.1.
        Some(Self { rtp: key(0)?, rtp_salt: session_salt(2)?, rtcp: key(3)?, rtcp_salt: session_salt(5)? })
    }

    fn rtp_nonce(&self, ssrc: u32, cycles: u32, sequence: u16) -> Nonce {
        let [s0, s1, s2, s3] = ssrc.to_be_bytes();
        let [c0, c1, c2, c3] = cycles.to_be_bytes();
        let [q0, q1] = sequence.to_be_bytes();
        nonce(self.rtp_salt, [0, 0, s0, s1, s2, s3, c0, c1, c2, c3, q0, q1])
    }

    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        let [s0, s1, s2, s3] = ssrc.to_be_bytes();
        let [i0, i1, i2, i3] = index.to_be_bytes();
        nonce(self.rtcp_salt, [0, 0, s0, s1, s2, s3, 0, 0, i0, i1, i2, i3])
    }
}

fn nonce(salt: [u8; SALT_BYTES], mut position: [u8; SALT_BYTES]) -> Nonce {
    for (byte, salt) in position.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(position)
}

/// The key derivation function (RFC 3711, section 4.3.3) with a derivation rate of zero.
fn expand(profile: Profile, master: &[u8], salt: &[u8; SALT_BYTES], label: u8, out: &mut [u8]) -> Option<()> {
    // The salt is shifted to the left of 128 bits; the label stands at its octet 7.
    let mut iv = [0; 16];
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte = *salt);
    if let Some(byte) = iv.get_mut(7) {
        *byte ^= label;
    }
    let algorithm = match profile {
        Profile::Aes128Gcm => &AES_128,
        Profile::Aes256Gcm => &AES_256,
    };
    let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, master).ok()?).ok()?;
    out.fill(0);
    key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    Some(())
}

/// Encrypts what we send on one transport. The only owner of its keys and
/// counters: a second one would repeat nonces.
pub struct Sealer {
    keys: SessionKeys,
    rtcp_index: u32,
}

impl Sealer {
    /// Appends an encrypted RTP packet to `out`; false if encryption fails.
    ///
    /// `cycles` must be as the receiver counts them: zero when the stream begins.
    pub fn rtp(
        &self,
        header: &[u8],
        payload: &[&[u8]],
        ssrc: u32,
        sequence: SeqNo,
        cycles: u32,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        out.extend_from_slice(header);
        for part in payload {
            out.extend_from_slice(part);
        }
        let Some((aad, body)) =
            out.get_mut(start..).and_then(|packet| packet.split_at_mut_checked(header.len()))
        else {
            return false;
        };
        let nonce = self.keys.rtp_nonce(ssrc, cycles, sequence.to_wire());
        match self.keys.rtp.seal_in_place_separate_tag(nonce, Aad::from(&*aad), body) {
            Ok(tag) => {
                out.extend_from_slice(tag.as_ref());
                true
            }
            Err(_) => false,
        }
    }

    /// Appends an encrypted compound RTCP packet to `out`; false if encryption fails.
    pub fn rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> bool {
        self.seal_rtcp(packet, out).is_some()
    }

    fn seal_rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (head, body) = packet.split_first_chunk::<8>()?;
        let [_, _, _, _, s0, s1, s2, s3] = *head;
        // Used up, nothing is sealed any more: a number used twice would give the key away
        // (RFC 7714, section 9.3).
        self.rtcp_index = self.rtcp_index.checked_add(1).filter(|index| *index <= RTCP_INDEX_MAX)?;
        let trailer = (0x8000_0000 | self.rtcp_index).to_be_bytes();
        let aad = [head.as_slice(), &trailer].concat();
        let start = out.len();
        out.extend_from_slice(head);
        out.extend_from_slice(body);
        let body = out.get_mut(start..)?.get_mut(head.len()..)?;
        let nonce = self.keys.rtcp_nonce(u32::from_be_bytes([s0, s1, s2, s3]), self.rtcp_index);
        let tag = self.keys.rtcp.seal_in_place_separate_tag(nonce, Aad::from(aad.as_slice()), body).ok()?;
        out.extend_from_slice(tag.as_ref());
        out.extend_from_slice(&trailer);
        Some(())
    }
}

#[cfg(test)]
mod tests;
