//! Session keys, and how they come from a master key.

use super::{Profile, counter_mode::CounterMode, gcm::Gcm};
use crate::rtp::sequence::SeqNo;
use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM},
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// What of an RTCP packet is not encrypted, in bytes: its first header, with the sender's SSRC.
pub(super) const RTCP_HEAD_BYTES: usize = 8;

/// The word behind an encrypted RTCP packet: whether it is encrypted, and its index (RFC 3711, section 3.4).
pub(super) const RTCP_INDEX_BYTES: usize = 4;

/// The first bit of that word: the packet is encrypted.
pub(super) const RTCP_ENCRYPTED: u32 = 0x8000_0000;

/// One direction's session keys.
pub(crate) struct SessionKeys {
    pub(super) profile: Profile,
    pub(super) rtp: Protection,
    pub(super) rtcp: Protection,
}

/// The keys of one direction's RTP, or of its RTCP.
pub(super) enum Protection {
    Gcm(Gcm),
    /// Boxed: it is much larger, and rare.
    CounterMode(Box<CounterMode>),
}

/// Which packet it is among all that one key protects. No two packets may have the same: with either cipher the
/// difference of their contents would lie open, and with GCM the authentication key (RFC 3711, section 9.1;
/// RFC 7714, section 9.3).
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketIndex {
    ssrc: u32,
    /// 48 bits: SRTP's roll-over counter and the sequence number, or the index of an RTCP packet.
    index: u64,
}

impl PacketIndex {
    pub(super) fn rtp(ssrc: u32, cycles: u32, sequence: u16) -> Self {
        Self { ssrc, index: u64::from(cycles) << 16 | u64::from(sequence) }
    }

    pub(super) fn rtcp(ssrc: u32, index: u32) -> Self {
        Self { ssrc, index: index.into() }
    }

    /// The roll-over counter of an RTP packet.
    pub(super) const fn cycles(self) -> u32 {
        SeqNo::from_extended(self.index).cycles()
    }

    /// As it stands in the initialization vectors of both ciphers: the SSRC, then 48 bits of index
    /// (RFC 3711, section 4.1.1; RFC 7714, sections 8.1 and 9.1).
    pub(super) const fn to_bytes(self) -> [u8; 10] {
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let [_, _, i0, i1, i2, i3, i4, i5] = self.index.to_be_bytes();
        [s0, s1, s2, s3, i0, i1, i2, i3, i4, i5]
    }
}

impl SessionKeys {
    /// The keys that follow from a master key and a master salt; `None` if they have not the profile's lengths.
    pub(super) fn derive(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        if (key.len(), salt.len()) != (profile.key_bytes(), profile.salt_bytes()) {
            return None;
        }
        let master = Master { key, salt };
        // The labels of RFC 3711, section 4.3.2: encryption, authentication, salt.
        Some(Self {
            profile,
            rtp: Protection::derive(profile, &master, [0, 1, 2])?,
            rtcp: Protection::derive(profile, &master, [3, 4, 5])?,
        })
    }
}

impl Protection {
    fn derive(profile: Profile, master: &Master<'_>, labels: [u8; 3]) -> Option<Self> {
        let [encryption, authentication, salt] = labels;
        match profile {
            Profile::Aes128Gcm => {
                let key: [u8; 16] = master.expand(encryption)?;
                Gcm::new(&AES_128_GCM, &key, master.expand(salt)?).map(Self::Gcm)
            }
            Profile::Aes256Gcm => {
                let key: [u8; 32] = master.expand(encryption)?;
                Gcm::new(&AES_256_GCM, &key, master.expand(salt)?).map(Self::Gcm)
            }
            Profile::Aes128CmHmacSha1_80 => {
                let (key, authentication) = (master.expand(encryption)?, master.expand(authentication)?);
                let keys = CounterMode::new(&key, &authentication, master.expand(salt)?)?;
                Some(Self::CounterMode(Box::new(keys)))
            }
        }
    }

    /// Protects the RTP packet that `out` ends with: from `start` on, the first `header` bytes in clear.
    pub(super) fn seal_rtp(
        &self,
        index: PacketIndex,
        start: usize,
        header: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        match self {
            Self::Gcm(keys) => keys.seal_rtp(index, start, header, out),
            Self::CounterMode(keys) => keys.seal_rtp(index, start, header, out),
        }
    }

    /// The payload of an RTP packet, decrypted in place; `None` if it is not genuine.
    pub(super) fn open_rtp<'p>(
        &self,
        index: PacketIndex,
        header: &[u8],
        body: &'p mut [u8],
    ) -> Option<&'p mut [u8]> {
        match self {
            Self::Gcm(keys) => keys.open(index, header, body),
            Self::CounterMode(keys) => keys.open_rtp(index, header, body),
        }
    }

    /// Protects the compound RTCP packet that `out` ends with, from `start` on.
    pub(super) fn seal_rtcp(&self, ssrc: u32, index: u32, start: usize, out: &mut Vec<u8>) -> Option<()> {
        let place = PacketIndex::rtcp(ssrc, index);
        let trailer = (RTCP_ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm(keys) => keys.seal_rtcp(place, trailer, start, out),
            Self::CounterMode(keys) => keys.seal_rtcp(place, trailer, start, out),
        }
    }

    /// The sender and the index that an RTCP packet names; `None` if it is too short or not encrypted.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<(u32, u32)> {
        let (&[_, _, _, _, s0, s1, s2, s3], body) = packet.split_first_chunk::<RTCP_HEAD_BYTES>()?;
        let body = match self {
            Self::Gcm(_) => body,
            // Here the tag stands behind the index.
            Self::CounterMode(_) => body.split_last_chunk::<{ CounterMode::TAG_BYTES }>()?.0,
        };
        let (_, word) = body.split_last_chunk::<RTCP_INDEX_BYTES>()?;
        // Packets that are not encrypted are not accepted.
        let index = u32::from_be_bytes(*word).checked_sub(RTCP_ENCRYPTED)?;
        Some((u32::from_be_bytes([s0, s1, s2, s3]), index))
    }

    /// Decrypts a compound RTCP packet in place, whose sender and index [`rtcp_index`](Self::rtcp_index) told.
    /// Its length without what protection added; `None` if it is not genuine.
    pub(super) fn open_rtcp(&self, (ssrc, index): (u32, u32), packet: &mut [u8]) -> Option<usize> {
        let place = PacketIndex::rtcp(ssrc, index);
        let body = match self {
            Self::Gcm(keys) => keys.open_rtcp(place, packet)?,
            Self::CounterMode(keys) => keys.open_rtcp(place, packet)?,
        };
        body.len().checked_add(RTCP_HEAD_BYTES)
    }
}

/// A master key and its salt.
struct Master<'a> {
    key: &'a [u8],
    salt: &'a [u8],
}

impl Master<'_> {
    /// The key derivation function with a derivation rate of zero (RFC 3711, section 4.3.3; RFC 7714, section 11
    /// for salts of twelve bytes).
    fn expand<const BYTES: usize>(&self, label: u8) -> Option<[u8; BYTES]> {
        // The salt is shifted to the left of 128 bits; the label stands at its octet 7.
        let mut iv = [0; 16];
        iv.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte = *salt);
        let [_, _, _, _, _, _, _, byte, ..] = &mut iv;
        *byte ^= label;
        let algorithm = if self.key.len() == 32 { &AES_256 } else { &AES_128 };
        let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, self.key).ok()?).ok()?;
        let mut out = [0; BYTES];
        key.less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::bytes;

    /// RFC 3711, appendix B.3.
    #[test]
    fn the_keys_of_the_rfc_follow_from_its_master_key() {
        let (key, salt) = (bytes("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes("0EC675AD498AFEEBB6960B3AABE6"));
        let master = Master { key: &key, salt: &salt };
        assert_eq!(master.expand::<16>(0).unwrap()[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(master.expand::<14>(2).unwrap()[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                              E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                              6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2DC68";
        assert_eq!(master.expand::<94>(1).unwrap()[..], bytes(authentication)[..94]);
    }

    #[test]
    fn keys_of_another_length_are_none() {
        for profile in Profile::ALL {
            let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
            assert!(SessionKeys::derive(profile, &vec![1; key], &vec![2; salt]).is_some());
            for (key, salt) in [(key - 1, salt), (key + 1, salt), (key, salt - 1), (key, salt + 1), (0, 0)] {
                assert!(SessionKeys::derive(profile, &vec![1; key], &vec![2; salt]).is_none());
            }
        }
    }
}
