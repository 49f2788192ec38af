//! Which algorithms protect the packets of a transport.

/// A protection profile, chosen by the handshake (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM.
    Aes128Gcm,
    /// AEAD_AES_256_GCM.
    Aes256Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80: counter mode, and a tag of 80 bits.
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::Aes128CmHmacSha1_80];

    /// The length of a master key, in bytes.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128CmHmacSha1_80 => 16,
            Self::Aes256Gcm => 32,
        }
    }

    /// The length of a master salt, in bytes.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::Aes128CmHmacSha1_80 => 14,
        }
    }

    /// The length of what the handshake exports: the keys and salts of both directions, in bytes.
    pub const fn material_bytes(self) -> usize {
        self.key_bytes().saturating_add(self.salt_bytes()).saturating_mul(2)
    }

    /// What protection adds to an RTP packet, in bytes.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 16,
            Self::Aes128CmHmacSha1_80 => 10,
        }
    }
}
