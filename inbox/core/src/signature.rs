//! Webhook signatures: HMAC-SHA256 over the bytes as they were sent.

use aws_lc_rs::hmac;
use common::secret::Secret;

/// The header that carries the signature.
///
/// Source: Meta, Graph API webhooks, "Validating payloads".
pub const HEADER: &str = "x-hub-signature-256";

/// Whether `header` is the signature of `body` under the app's secret.
///
/// `body` must be the bytes off the wire: parsed and written again they differ.
pub fn is_valid(app_secret: &Secret, header: &[u8], body: &[u8]) -> bool {
    let Some(tag) = header.strip_prefix(b"sha256=").and_then(decode_hex) else { return false };
    hmac::verify(&key(app_secret), body, &tag).is_ok()
}

/// The header's value for `body`, for those who play the sender.
pub fn sign(app_secret: &Secret, body: &[u8]) -> String {
    let tag = hmac::sign(&key(app_secret), body);
    let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    "sha256=".chars().chain(digits).collect()
}

fn key(app_secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, app_secret.expose().as_bytes())
}

/// Exactly 32 bytes in lower-case hexadecimal.
fn decode_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("app secret".to_owned())
    }

    #[test]
    fn a_signature_fits_its_body_only() {
        let header = sign(&secret(), b"{}");
        assert!(is_valid(&secret(), header.as_bytes(), b"{}"));
        assert!(!is_valid(&secret(), header.as_bytes(), b"{ }"));
        assert!(!is_valid(&Secret::new("other".to_owned()), header.as_bytes(), b"{}"));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let header = sign(&secret(), b"{}");
        for forged in [
            "",
            "sha256=",
            &header.to_uppercase(),
            header.trim_start_matches("sha256="),
            &format!("{header}00"),
            "sha1=abc",
        ] {
            assert!(!is_valid(&secret(), forged.as_bytes(), b"{}"), "{forged:?}");
        }
    }
}
