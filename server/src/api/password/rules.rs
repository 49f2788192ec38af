//! Which passwords are good enough. They hold wherever one is made.

use common::secret::Secret;
use std::collections::BTreeSet;

/// The shortest password: it is the only factor (NIST SP 800-63B-4, section 3.1.1.2).
pub(crate) const PASSWORD_CHARS_MIN: usize = 15;

/// Fewer different characters are a keyboard held down, whatever the length.
const PASSWORD_DIFFERENT_CHARS_MIN: usize = 5;

/// Passwords that guessing begins with: long enough to pass, and in every list. No rule on
/// kinds of characters: those only make people choose worse (section 3.1.1.2).
const PASSWORDS_COMMON: [&str; 12] = [
    "passwordpassword",
    "password12345678",
    "123456789012345",
    "1234567890123456",
    "qwertyuiopasdfgh",
    "qwertyuiop123456",
    "abcdefghijklmno",
    "letmeinletmeinletmein",
    "iloveyouiloveyou",
    "administrator123",
    "changemechangeme",
    "welcomewelcome1",
];

/// The longest password: what is hashed must have a bound.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

/// Why a password is not good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// Fewer than 15 characters, or more than 1024 bytes.
    #[error("password must have at least 15 characters and at most 1024 bytes")]
    Length,
    /// In every list, or made of the user's own words.
    #[error("password is one of the first that would be guessed; choose another")]
    Guessed,
}

/// Whether a new password is good enough; `words` are those that anybody who knows the user would try.
///
/// # Errors
/// [`WeakPassword`].
pub fn check(password: &Secret, words: &[&str]) -> Result<(), WeakPassword> {
    let text = password.expose();
    if text.chars().count() < PASSWORD_CHARS_MIN || text.len() > PASSWORD_BYTES_MAX {
        return Err(WeakPassword::Length);
    }
    let lower = text.to_lowercase();
    let different = lower.chars().collect::<BTreeSet<_>>().len();
    // What is left beside the user's own words must be long enough to be guessed at.
    let own =
        words.iter().flat_map(|word| word.split(['@', ' ', '.'])).filter(|word| word.chars().count() > 3);
    let rest = own.fold(lower.clone(), |rest, word| rest.replace(&word.to_lowercase(), ""));
    let is_guessed = different < PASSWORD_DIFFERENT_CHARS_MIN
        || PASSWORDS_COMMON.contains(&lower.as_str())
        || rest.chars().count() < PASSWORD_CHARS_MIN / 2;
    if is_guessed { Err(WeakPassword::Guessed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_first_guess() {
        let check = |text: &str| check(&Secret::new(text.to_owned()), &["Ada Lovelace", "ada@example.com"]);
        for good in ["correct horse battery staple", "пароль из многих слов", "ada likes long walks"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "x".repeat(1025);
        for bad in [
            "short",
            "aaaaaaaaaaaaaaaaaaaa",
            "PasswordPassword",
            "lovelacelovelace1",
            "example.lovelace",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    fn verdict(text: &str, words: &[&str]) -> Result<(), WeakPassword> {
        check(&Secret::new(text.to_owned()), words)
    }

    #[test]
    fn a_password_has_fifteen_characters_whatever_the_script_and_1024_bytes() {
        let of = |count: usize| "abcdefgxyz".chars().cycle().take(count).collect::<String>();
        assert_eq!(verdict(&of(15), &[]), Ok(()));
        assert_eq!(verdict(&of(14), &[]), Err(WeakPassword::Length));
        assert_eq!(verdict(&of(1024), &[]), Ok(()));
        assert_eq!(verdict(&of(1025), &[]), Err(WeakPassword::Length));
        // Fifteen characters of three bytes each, and fourteen, which have more bytes than needed.
        assert_eq!(verdict("天地玄黄宇宙洪荒日月盈昃辰宿列", &[]), Ok(()));
        assert_eq!(verdict("天地玄黄宇宙洪荒日月盈昃辰宿", &[]), Err(WeakPassword::Length));
    }

    #[test]
    fn five_different_characters_are_the_fewest_and_capitals_are_no_others() {
        assert_eq!(verdict("abcdeabcdeabcde", &[]), Ok(()));
        assert_eq!(verdict("abcdabcdabcdabcd", &[]), Err(WeakPassword::Guessed));
        assert_eq!(verdict("abcdABCDabcdABCD", &[]), Err(WeakPassword::Guessed));
    }

    #[test]
    fn every_common_password_is_refused_in_any_case() {
        for common in PASSWORDS_COMMON {
            assert_eq!(common, common.to_lowercase(), "it would never be found");
            assert!(common.chars().count() >= PASSWORD_CHARS_MIN, "{common} is refused for its length");
            for text in [common.to_owned(), common.to_uppercase()] {
                assert_eq!(verdict(&text, &[]), Err(WeakPassword::Guessed), "{text}");
            }
        }
    }

    /// What anybody who knows the user would try: their words, with a little beside.
    #[test]
    fn the_users_own_words_count_for_nothing() {
        let words = ["Grace Hopper", "grace.hopper@navy.example"];
        for bad in ["gracehoppernavy", "GraceHopper1906", "hopper-hopper-hopper", "navy.example.grace"] {
            assert_eq!(verdict(bad, &words), Err(WeakPassword::Guessed), "{bad}");
            assert_eq!(verdict(bad, &[]), Ok(()), "{bad} is no secret only for who has that name");
        }
        assert_eq!(verdict("grace found a moth", &words), Ok(()));
        // Three letters are in every sentence.
        assert_eq!(verdict("annannann-bobbob", &["Ann Bob"]), Ok(()));
    }
}
