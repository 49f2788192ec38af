//! Who pushes: voluntary application server identification (RFC 8292).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use common::secret::Secret;
use serde_json::json;
use std::time::Duration;
use store::notifications::PushKeys;
use time::OffsetDateTime;
use url::Url;

/// For how long a signature is good. Services take no more than 24 hours (RFC 8292, section 2).
const SIGNED_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[error("the key for push services is unusable")]
pub(crate) struct KeyError;

/// A new pair of keys for an account.
///
/// # Errors
/// [`KeyError`] if the machine has no randomness.
pub(crate) fn new_keys() -> Result<PushKeys, KeyError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let document = document.map_err(|_| KeyError)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref());
    let pair = pair.map_err(|_| KeyError)?;
    Ok(PushKeys {
        public_key: pair.public_key().as_ref().to_vec(),
        private_key: Secret::new(STANDARD.encode(document.as_ref())),
    })
}

/// The `Authorization` field by which the push service at `endpoint` knows the account.
///
/// # Errors
/// [`KeyError`].
pub(super) fn authorization(
    keys: &PushKeys,
    endpoint: &Url,
    contact: Option<&Url>,
    now: OffsetDateTime,
) -> Result<String, KeyError> {
    let document = STANDARD.decode(keys.private_key.expose()).map_err(|_| KeyError)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document).map_err(|_| KeyError)?;
    let mut claims = json!({
        "aud": endpoint.origin().ascii_serialization(),
        "exp": (now + SIGNED_FOR).unix_timestamp(),
    });
    if let (Some(contact), Some(claims)) = (contact, claims.as_object_mut()) {
        claims.insert("sub".to_owned(), contact.as_str().into());
    }
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "ES256" })), part(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| KeyError)?;
    let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
    Ok(format!("vapid t={signed}.{signature}, k={}", URL_SAFE_NO_PAD.encode(&keys.public_key)))
}
