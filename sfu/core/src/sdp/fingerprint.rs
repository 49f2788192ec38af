//! Whose certificate it is (RFC 8122).

use super::{SdpError, bounds::FINGERPRINTS_MAX};
use aws_lc_rs::digest::{self, Algorithm};
use std::fmt::Write;

/// A hash function that fingerprints are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// The hash functions that we know, the preferred first: the first is what every WebRTC client has
/// (RFC 8122, section 5).
const PREFERRED: [(Hash, &str); 3] =
    [(Hash::Sha256, "sha-256"), (Hash::Sha384, "sha-384"), (Hash::Sha512, "sha-512")];

impl Hash {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// What a certificate must hash to: one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    /// In hexadecimal with colons.
    digests: Vec<String>,
}

impl Fingerprint {
    /// Reads all of a description's fingerprints, and keeps those of the hash function that we prefer
    /// (RFC 8122, section 5). Bundled sections repeat them.
    ///
    /// # Errors
    /// [`SdpError::Missing`] without any, [`SdpError::Unusable`] if none is of a hash function that we
    /// know, [`SdpError::TooMany`].
    pub(crate) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Result<Self, SdpError> {
        let mut best: Option<(usize, Self)> = None;
        let mut is_any = false;
        for value in values {
            is_any = true;
            let Some((name, digest)) = value.split_once(' ') else { continue };
            let is_named = |(_, known): &(Hash, &str)| known.eq_ignore_ascii_case(name);
            let Some(rank) = PREFERRED.iter().position(is_named) else { continue };
            let Some((hash, _)) = PREFERRED.get(rank) else { continue };
            let (digest, worst) = (digest.trim().to_ascii_uppercase(), usize::MAX);
            match &mut best {
                Some((known, kept)) if *known == rank => kept.add(digest)?,
                known if rank < known.as_ref().map_or(worst, |(rank, _)| *rank) => {
                    *known = Some((rank, Self { hash: *hash, digests: vec![digest] }));
                }
                _ => {}
            }
        }
        let missing =
            if is_any { SdpError::Unusable("fingerprint") } else { SdpError::Missing("fingerprint") };
        best.map(|(_, kept)| kept).ok_or(missing)
    }

    fn add(&mut self, digest: String) -> Result<(), SdpError> {
        if !self.digests.contains(&digest) {
            if self.digests.len() >= FINGERPRINTS_MAX {
                return Err(SdpError::TooMany("fingerprints"));
            }
            self.digests.push(digest);
        }
        Ok(())
    }

    /// Whether a certificate (DER) is the one that the description speaks of.
    pub(crate) fn is_of(&self, certificate: &[u8]) -> bool {
        let digest = digest::digest(self.hash.algorithm(), certificate);
        let mut text = String::new();
        for byte in digest.as_ref() {
            let colon = if text.is_empty() { "" } else { ":" };
            // Writing into a string cannot fail.
            let _written = write!(text, "{colon}{byte:02X}");
        }
        self.digests.contains(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 and SHA-384 of "abc" (FIPS 180-4, examples).
    const SHA256: &str = "sha-256 ba:78:16:bf:8f:01:cf:ea:41:41:40:de:5d:ae:22:23:b0:03:61:a3:96:17:7a:9c:b4:10:ff:61:f2:00:15:ad";
    const SHA384: &str = "SHA-384 CB:00:75:3F:45:A3:5E:8B:B5:A0:3D:69:9A:C6:50:07:27:2C:32:AB:0E:DE:D1:63:1A:8B:60:5A:43:FF:5B:ED:80:86:07:2B:A1:E7:CC:23:58:BA:EC:A1:34:C8:25:A7";

    fn read(values: &[&str]) -> Result<Fingerprint, SdpError> {
        Fingerprint::read(values.iter().copied())
    }

    #[test]
    fn the_preferred_hash_counts_wherever_it_stands() {
        for values in [[SHA384, SHA256], [SHA256, SHA384]] {
            let fingerprint = read(&values).unwrap();
            assert_eq!(fingerprint.hash, Hash::Sha256);
            assert!(fingerprint.is_of(b"abc") && !fingerprint.is_of(b"abd"));
        }
        assert!(read(&["sha-1 AA:BB", SHA384]).unwrap().is_of(b"abc"), "one that we know is enough");
        let forged = SHA256.replace("ba:", "bb:");
        assert!(!read(&[&forged, SHA384]).unwrap().is_of(b"abc"), "a weaker choice heals no wrong one");
    }

    #[test]
    fn one_of_several_of_the_same_hash_is_enough() {
        let other = SHA256.replace("ba:", "bb:");
        assert!(read(&[&other, SHA256, &other]).unwrap().is_of(b"abc"));
        let many: Vec<String> = (0..=FINGERPRINTS_MAX).map(|n| format!("sha-256 {n:02}")).collect();
        assert_eq!(
            Fingerprint::read(many.iter().map(String::as_str)),
            Err(SdpError::TooMany("fingerprints"))
        );
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        assert_eq!(read(&[]), Err(SdpError::Missing("fingerprint")));
        assert_eq!(read(&["sha-1 AA:BB", "md5 CC", "sha-256"]), Err(SdpError::Unusable("fingerprint")));
    }
}
