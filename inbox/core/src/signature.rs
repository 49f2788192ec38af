//! Webhook signatures: HMAC-SHA256 over the bytes as they were sent. Meta's, and our own.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::secret::Secret;

/// The header that carries the signature.
///
/// Source: Meta, Graph API webhooks, "Validating payloads".
pub const HEADER: &str = "x-hub-signature-256";

/// Checks the signature of a body while it comes in.
///
/// It must be given the bytes off the wire: parsed and written again they differ.
pub struct Verifier {
    expected: [u8; 32],
    context: hmac::Context,
}

impl Verifier {
    /// A check of a body against `header`.
    pub fn new(app_secret: &Secret, header: Header) -> Self {
        Self { expected: header.0, context: hmac::Context::with_key(&key(app_secret)) }
    }

    /// The next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Whether what came was signed under the app's secret.
    pub fn is_valid(self) -> bool {
        verify_slices_are_equal(self.context.sign().as_ref(), &self.expected).is_ok()
    }
}

/// A signature that has the right shape, whatever it is worth.
#[derive(Debug, Clone, Copy)]
pub struct Header([u8; 32]);

impl Header {
    /// Reads the value of the header [`HEADER`]; `None` if it is no signature at all.
    pub fn parse(value: &[u8]) -> Option<Self> {
        value.strip_prefix(b"sha256=").and_then(decode_hex).map(Self)
    }
}

/// The header's value for `body`, for those who play the sender.
pub fn sign(app_secret: &Secret, body: &[u8]) -> String {
    let tag = hmac::sign(&key(app_secret), body);
    let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    "sha256=".chars().chain(digits).collect()
}

/// How the secrets of Standard Webhooks begin; what follows is the key in base64.
pub const STANDARD_PREFIX: &str = "whsec_";

/// The `webhook-signature` of a message (Standard Webhooks specification, "Signature scheme").
///
/// `secret` is [`STANDARD_PREFIX`] and the key in base64; any other text is the key itself.
pub fn standard(secret: &Secret, id: &str, signed_at: i64, body: &str) -> String {
    let text = secret.expose();
    let decoded = text.strip_prefix(STANDARD_PREFIX).and_then(|key| BASE64.decode(key).ok());
    let key = Secret::new(decoded.unwrap_or_else(|| text.clone().into_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let tag = hmac::sign(&key, format!("{id}.{signed_at}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag))
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

    /// In pieces, as it comes off the wire.
    fn is_valid(secret: &Secret, header: &[u8], body: &[u8]) -> bool {
        let Some(header) = Header::parse(header) else { return false };
        let mut verifier = Verifier::new(secret, header);
        body.chunks(1).for_each(|piece| verifier.update(piece));
        verifier.is_valid()
    }

    fn secret() -> Secret {
        Secret::new("app secret".to_owned())
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn our_signature_is_that_of_standard_webhooks() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signature =
            standard(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
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
