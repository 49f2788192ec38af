//! Secrets that the database keeps but cannot read: AES-256-GCM under keys from the configuration.

use crate::error::StoreError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::{id::AccountId, secret::Secret};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The keys that seal and open. The newest seals, all open, so that keys can be changed one by one.
#[derive(Clone)]
pub struct SealKeyring {
    /// Newest first; never empty.
    keys: Arc<[(u32, RandomizedNonceKey)]>,
}

impl fmt::Debug for SealKeyring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// The place that a sealed secret belongs to. It opens nowhere else: a value copied into
/// another row, column or account is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) account: AccountId,
    pub(crate) row: Uuid,
}

impl Place {
    fn bytes(&self) -> Vec<u8> {
        format!("{}/{}/{}/{}", self.table, self.column, self.account, self.row).into_bytes()
    }
}

/// How many bytes before the ciphertext name the key.
const KEY_ID_LEN: usize = size_of::<u32>();

impl SealKeyring {
    /// Takes 256-bit keys in base64 under their ids, newest first.
    ///
    /// # Errors
    /// [`StoreError::SealKey`] naming the key, [`StoreError::NoSealKey`] if there is none.
    pub fn from_base64(keys: impl IntoIterator<Item = (u32, Secret)>) -> Result<Self, StoreError> {
        let keys = keys
            .into_iter()
            .map(|(id, key)| {
                let bytes =
                    Secret::new(BASE64.decode(key.expose().trim()).map_err(|_| StoreError::SealKey { id })?);
                let key = RandomizedNonceKey::new(&AES_256_GCM, bytes.expose())
                    .map_err(|_| StoreError::SealKey { id })?;
                Ok((id, key))
            })
            .collect::<Result<Arc<[_]>, StoreError>>()?;
        if keys.is_empty() { Err(StoreError::NoSealKey) } else { Ok(Self { keys }) }
    }

    /// Seals `secret`: key id, nonce, ciphertext, tag.
    pub(crate) fn seal(&self, place: Place, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let (id, key) = self.keys.first().ok_or(StoreError::NoSealKey)?;
        let mut text = secret.expose().clone().into_bytes();
        // The text's own buffer becomes the ciphertext; only its capacity may grow.
        let nonce = key
            .seal_in_place_append_tag(Aad::from(place.bytes()), &mut text)
            .map_err(|_| StoreError::Unsealable)?;
        Ok([id.to_be_bytes().as_slice(), nonce.as_ref(), &text].concat())
    }

    /// Seals with the newest key what is sealed with another; `None` if it is the newest.
    pub(crate) fn reseal(&self, place: Place, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (newest, _) = self.keys.first().ok_or(StoreError::NoSealKey)?;
        // Opened in any case: who asks wants to know whether it can be.
        let secret = self.open(place, sealed)?;
        if sealed.starts_with(&newest.to_be_bytes()) { Ok(None) } else { self.seal(place, &secret).map(Some) }
    }

    /// Opens what [`seal`](Self::seal) sealed for the same place.
    pub(crate) fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret, StoreError> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_LEN>().ok_or(StoreError::Unsealable)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(StoreError::Unsealable)?;
        let id = u32::from_be_bytes(*id);
        let (_, key) =
            self.keys.iter().find(|(candidate, _)| *candidate == id).ok_or(StoreError::Unsealable)?;
        let mut text = ciphertext.to_vec();
        let text = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.bytes()), &mut text)
            .map_err(|_| StoreError::Unsealable)?;
        let text = std::str::from_utf8(text).map_err(|_| StoreError::Unsealable)?;
        Ok(Secret::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    fn key(byte: u8) -> Secret {
        Secret::new(BASE64.encode([byte; 32]))
    }

    fn place() -> Place {
        let account = AccountId::generate(&ManualClock::default());
        Place { table: "channels", column: "app_secret", account, row: Uuid::nil() }
    }

    #[test]
    fn a_secret_opens_where_it_was_sealed_and_nowhere_else() {
        let keyring = SealKeyring::from_base64([(1, key(1))]).unwrap();
        let place = place();
        let sealed = keyring.seal(place, &Secret::new("s3cret".to_owned())).unwrap();
        assert_eq!(keyring.open(place, &sealed).unwrap().expose(), "s3cret");
        for other in [
            Place { column: "access_token", ..place },
            Place { row: Uuid::max(), ..place },
            Place { account: AccountId::from_uuid(Uuid::nil()), ..place },
        ] {
            assert!(matches!(keyring.open(other, &sealed), Err(StoreError::Unsealable)));
        }
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed() {
        let keyring = SealKeyring::from_base64([(1, key(1))]).unwrap();
        let place = place();
        let sealed = keyring.seal(place, &Secret::new("s3cret".to_owned())).unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(keyring.open(place, &changed).is_err(), "byte {position}");
            assert!(keyring.open(place, &sealed[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_still_opens() {
        let place = place();
        let secret = Secret::new("s3cret".to_owned());
        let old = SealKeyring::from_base64([(1, key(1))]).unwrap();
        let both = SealKeyring::from_base64([(2, key(2)), (1, key(1))]).unwrap();
        let sealed_before = old.seal(place, &secret).unwrap();
        let sealed_after = both.seal(place, &secret).unwrap();
        assert_eq!(both.open(place, &sealed_before).unwrap().expose(), "s3cret");
        assert!(old.open(place, &sealed_after).is_err());
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let keyring = SealKeyring::from_base64([(1, key(1))]).unwrap();
        let place = place();
        let secret = Secret::new("s3cret".to_owned());
        assert_ne!(keyring.seal(place, &secret).unwrap(), keyring.seal(place, &secret).unwrap());
    }

    #[test]
    fn a_key_of_the_wrong_length_is_named() {
        let short = Secret::new(BASE64.encode([1; 16]));
        assert!(matches!(SealKeyring::from_base64([(7, short)]), Err(StoreError::SealKey { id: 7 })));
        assert!(matches!(SealKeyring::from_base64([]), Err(StoreError::NoSealKey)));
    }
}
