//! STUN messages (RFC 8489), as far as ICE has a use for them (RFC 8445, section 7).

pub(crate) mod read;
pub(crate) mod write;

use aws_lc_rs::{constant_time, hmac};

/// Names a request, and the response to it. Who cannot foresee it and knows it has heard the request.
pub(crate) type Transaction = [u8; 12];

/// What every message has before its transaction (RFC 8489, section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The type, the length, the cookie and the transaction.
const HEADER_BYTES: usize = 20;

/// Bytes of the two attributes that end every message.
const INTEGRITY_BYTES: usize = 4 + CODE_BYTES;
const FINGERPRINT_BYTES: usize = 4 + 4;

/// Bytes of an HMAC-SHA1.
const CODE_BYTES: usize = 20;

/// What the checksum is mixed with (RFC 8489, section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Message types (RFC 8489, section 18.2).
pub(crate) mod kind {
    pub(crate) const BINDING_REQUEST: u16 = 0x0001;
    pub(crate) const BINDING_SUCCESS: u16 = 0x0101;
    pub(crate) const BINDING_ERROR: u16 = 0x0111;
}

/// Attributes (RFC 8489, section 18.3; RFC 8445, section 16.1).
pub(crate) mod attribute {
    pub(crate) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(crate) const REALM: u16 = 0x0014;
    pub(crate) const NONCE: u16 = 0x0015;
    pub(crate) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub(crate) const PASSWORD_ALGORITHM: u16 = 0x001D;
    pub(crate) const USERHASH: u16 = 0x001E;
    pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(crate) const PRIORITY: u16 = 0x0024;
    pub(crate) const USE_CANDIDATE: u16 = 0x0025;
    pub(crate) const FINGERPRINT: u16 = 0x8028;
    pub(crate) const ICE_CONTROLLED: u16 = 0x8029;
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) const ICE_CONTROLLING: u16 = 0x802A;

    /// From here on an attribute may be passed over by who does not know it (RFC 8489, section 14).
    pub(crate) const OPTIONAL: u16 = 0x8000;
}

/// Why a request is refused (RFC 8489, section 14.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has attributes that have to be understood and are not.
    UnknownAttribute,
    /// Both sides have the same role (RFC 8445, section 7.3.1.1).
    RoleConflict,
}

impl Refusal {
    /// The hundreds of the code, the rest of it, and what it is called.
    const fn parts(self) -> (u8, u8, &'static str) {
        match self {
            Self::UnknownAttribute => (4, 20, "Unknown Attribute"),
            Self::RoleConflict => (4, 87, "Role Conflict"),
        }
    }
}

/// A password, ready to sign messages and to verify them (RFC 8489, section 14.5).
pub(crate) struct Key(hmac::Key);

impl Key {
    pub(crate) fn new(pwd: &str) -> Self {
        // SHA-1 is what ICE has; its weakness is of no use against an HMAC.
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes()))
    }

    /// The code of a message in parts, whose length includes the code's attribute.
    fn sign(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }

    /// Whether a code is that of a message. Takes as long whatever the code is.
    fn verifies(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(self.sign(parts).as_ref(), code).is_ok()
    }
}

/// The checksum of a message up to its attribute, whose length includes that (RFC 8489, section 14.7).
fn fingerprint(message: &[u8]) -> u32 {
    crc32(message) ^ FINGERPRINT_XOR
}

/// The checksum of ITU V.42.
fn crc32(bytes: &[u8]) -> u32 {
    /// What each byte comes to.
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        let at = usize::from(low ^ byte);
        crc >> 8 ^ TABLE.get(at).copied().unwrap_or_default()
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[expect(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "done by the compiler")]
#[expect(clippy::cast_possible_truncation, reason = "there are 256 bytes")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests;
