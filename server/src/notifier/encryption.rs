//! Message encryption for web push (RFC 8291), in one record of `aes128gcm` (RFC 8188).

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey},
    error::Unspecified,
    hmac,
    rand::{SecureRandom, SystemRandom},
};

/// What a device has told us of itself: its public key, uncompressed.
pub(super) const PUBLIC_KEY_BYTES: usize = 65;

/// Its authentication secret.
pub(super) const AUTH_BYTES: usize = 16;

const SALT_BYTES: usize = 16;

/// The record size that is announced; all fits into one record.
const RECORD_BYTES: u32 = 4096;

/// The longest text. Push services must take 4,096 bytes with everything around it (RFC 8030, section 7.2).
///
/// Longer says more; some services take no more than they must.
pub(super) const TEXT_BYTES_MAX: usize = 3 * 1024;

/// A device that can decrypt.
#[derive(Clone, Copy)]
pub(super) struct Receiver {
    pub(super) public_key: [u8; PUBLIC_KEY_BYTES],
    pub(super) auth: [u8; AUTH_BYTES],
}

/// Encrypts a text for one device, under a key pair and salt of this message alone.
///
/// # Errors
/// If its public key is no point of the curve.
pub(super) fn encrypt(receiver: &Receiver, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt)?;
    encrypt_with(receiver, text, &PrivateKey::generate(&ECDH_P256)?, salt)
}

/// Whether it is a public key to which something can be encrypted.
pub(super) fn is_public_key(key: &[u8; PUBLIC_KEY_BYTES]) -> bool {
    let agreed = PrivateKey::generate(&ECDH_P256).and_then(|own| agree(&own, key, |_| ()));
    agreed.is_ok()
}

fn agree<T>(own: &PrivateKey, other: &[u8], derive: impl FnOnce(&[u8]) -> T) -> Result<T, Unspecified> {
    agreement::agree(own, UnparsedPublicKey::new(&ECDH_P256, other), Unspecified, |secret| Ok(derive(secret)))
}

fn encrypt_with(
    receiver: &Receiver,
    text: &[u8],
    own: &PrivateKey,
    salt: [u8; SALT_BYTES],
) -> Result<Vec<u8>, Unspecified> {
    let own_public = own.compute_public_key()?;
    let own_public = own_public.as_ref();
    // RFC 8291, section 3.4.
    let key_info = [b"WebPush: info\0".as_slice(), &receiver.public_key, own_public].concat();
    let key_material =
        agree(own, &receiver.public_key, |secret| expand(&extract(&receiver.auth, secret), &key_info))?;
    // RFC 8188, sections 2.2 and 2.3.
    let pseudo_random = extract(&salt, &key_material);
    let key = expand(&pseudo_random, b"Content-Encoding: aes128gcm\0");
    let nonce = expand(&pseudo_random, b"Content-Encoding: nonce\0");
    let (key, _) = key.split_first_chunk::<16>().ok_or(Unspecified)?;
    let (nonce, _) = nonce.split_first_chunk::<12>().ok_or(Unspecified)?;
    // The delimiter of the last record; no padding.
    let mut record = [text, &[2]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut record)?;
    let id_bytes = u8::try_from(own_public.len()).map_err(|_| Unspecified)?;
    Ok([&salt, RECORD_BYTES.to_be_bytes().as_slice(), &[id_bytes], own_public, &record].concat())
}

/// HKDF (RFC 5869) with SHA-256; one block is all that is needed.
fn extract(salt: &[u8], key_material: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), key_material)
}

fn expand(pseudo_random: &hmac::Tag, info: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, pseudo_random.as_ref());
    hmac::sign(&key, &[info, &[1]].concat()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn a_message_is_encrypted_as_the_standards_example() {
        let public_key =
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let receiver = Receiver {
            public_key: public_key.try_into().unwrap(),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap(),
        };
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let message = encrypt_with(&receiver, text, &own.unwrap(), salt).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(message),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn each_message_has_its_own_key_and_fits_where_it_must() {
        let own = PrivateKey::generate(&ECDH_P256).unwrap();
        let public_key: [u8; PUBLIC_KEY_BYTES] =
            own.compute_public_key().unwrap().as_ref().try_into().unwrap();
        let receiver = Receiver { public_key, auth: [7; AUTH_BYTES] };
        let text = [b'x'; TEXT_BYTES_MAX];
        let (one, other) = (encrypt(&receiver, &text).unwrap(), encrypt(&receiver, &text).unwrap());
        assert!(one.len() <= 4096 && one != other);
        assert!(is_public_key(&public_key));
        assert!(!is_public_key(&[4; PUBLIC_KEY_BYTES]), "no point of the curve");
    }
}
