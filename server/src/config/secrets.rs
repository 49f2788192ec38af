//! Secrets that are none: printed in documents, too short, or a key held down.

use std::collections::BTreeSet;

/// The fewest bytes of text: HS256 asks for as many as its hash has (RFC 7518, section 3.2).
const BYTES_MIN: usize = 32;

/// The fewest different bytes. A random secret in hexadecimal has more with certainty.
const DIFFERENT_BYTES_MIN: usize = 8;

/// Parts of the secrets that documentation shows, ours and coturn's, in lower case without punctuation.
const PUBLISHED: [&str; 9] = [
    "atleast32bytes",
    "32bytesinbase64",
    "32randombytes",
    "thesameonallinstances",
    "changeme",
    "yoursecret",
    "examplesecret",
    "supersecret",
    "replacethis",
];

/// A mistake in a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakSecret {
    /// Fewer than 32 bytes.
    #[error("must have at least 32 bytes")]
    Short,
    /// The same few characters again and again.
    #[error("repeats a few characters, so it can be guessed")]
    Monotonous,
    /// Everybody can read it.
    #[error("is the example of some documentation, so everybody knows it")]
    Published,
}

/// Whether a text may be what tokens are signed with.
pub(super) fn check(secret: &str) -> Result<(), WeakSecret> {
    if is_published(secret) {
        return Err(WeakSecret::Published);
    }
    if secret.len() < BYTES_MIN {
        return Err(WeakSecret::Short);
    }
    check_variety(secret.as_bytes())
}

/// Whether bytes vary as random ones do, however many they are.
pub(super) fn check_variety(secret: &[u8]) -> Result<(), WeakSecret> {
    let different = secret.iter().collect::<BTreeSet<_>>().len();
    if different < DIFFERENT_BYTES_MIN || is_repeated(secret) || is_counted(secret) {
        return Err(WeakSecret::Monotonous);
    }
    Ok(())
}

/// Whether a secret has part of an example in it.
pub(super) fn is_published(secret: &str) -> bool {
    let plain: String =
        secret.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    PUBLISHED.iter().any(|known| plain.contains(known))
}

/// Whether it is one shorter piece over and over.
fn is_repeated(secret: &[u8]) -> bool {
    (1..=secret.len() / 2)
        .any(|length| secret.iter().zip(secret.iter().skip(length)).all(|(byte, later)| byte == later))
}

/// Whether each byte is one more than the one before, as in `abcdefgh…`.
fn is_counted(secret: &[u8]) -> bool {
    secret.iter().zip(secret.iter().skip(1)).all(|(byte, next)| byte.wrapping_add(1) == *next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_documents_and_of_one_finger_are_refused() {
        for (bad, why) in [
            ("at least 32 bytes, the same on all instances", WeakSecret::Published),
            ("At-Least-32-Bytes; the same!", WeakSecret::Published),
            ("changeme changeme changeme changeme", WeakSecret::Published),
            ("short and sweet", WeakSecret::Short),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", WeakSecret::Monotonous),
            ("01010101010101011010101010101010101", WeakSecret::Monotonous),
            ("0123456789abcdef0123456789abcdef", WeakSecret::Monotonous),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abc", WeakSecret::Monotonous),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn random_ones_and_long_sentences_are_good() {
        for good in [
            "iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0=",
            "d41d8cd98f00b204e9800998ecf8427e",
            "a secret for tests that is long enough",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_secret_is_good_from_thirty_two_bytes_of_eight_kinds_on() {
        let random = "iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0=";
        let first = |bytes: usize| random.chars().take(bytes).collect::<String>();
        assert_eq!((check(&first(32)), check(&first(31))), (Ok(()), Err(WeakSecret::Short)));
        // Bytes count, not characters.
        assert_eq!(check("ключ из многих слов"), Ok(()));
        let of = |kinds: &[u8]| check_variety(&[kinds, kinds, &kinds[..1], kinds].concat());
        assert_eq!(of(b"q7Zr2Lx9"), Ok(()));
        assert_eq!(of(b"q7Zr2Lx"), Err(WeakSecret::Monotonous));
    }

    #[test]
    fn a_piece_that_is_written_again_and_again_is_one_piece() {
        for piece in ["abcdefgh12", "q7Zr2Lx9", "password-of-switchboard-"] {
            assert_eq!(check(&piece.repeat(4)), Err(WeakSecret::Monotonous), "{piece}");
            // Also where the last one is cut off.
            assert_eq!(
                check(&format!("{}{}", piece.repeat(4), piece.get(..3).unwrap())),
                Err(WeakSecret::Monotonous),
                "{piece}"
            );
        }
        // Something else behind it is something new.
        assert_eq!(check(&format!("{}!", "q7Zr2Lx9".repeat(4))), Ok(()));
    }

    #[test]
    fn no_dress_hides_an_example() {
        for bad in
            ["CHANGE_ME_q7Zr2Lx9_q7Zr2Lx8_q7Zr2Lx7", "change-me", "My Super.Secret 12345678901234567890"]
        {
            assert_eq!(check(bad), Err(WeakSecret::Published), "{bad}");
            assert!(is_published(bad), "{bad}");
        }
        assert!(!is_published("iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0="));
    }
}
