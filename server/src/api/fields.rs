//! The rules of single fields, each refused by its name.

use super::problem::Problem;
use axum::http::{HeaderName, HeaderValue, header};
use common::{
    secret::Secret,
    text::{self, NAME_CHARS_MAX},
};
use std::collections::BTreeSet;
use url::Url;

/// The longest e-mail address (RFC 5321, section 4.5.3.1, with the erratum on its sum).
const EMAIL_BYTES_MAX: usize = 254;

/// The shortest password: it is the only factor (NIST SP 800-63B-4, section 3.1.1.2).
const PASSWORD_CHARS_MIN: usize = 15;

/// Fewer different characters are a keyboard held down, whatever the length.
const PASSWORD_DIFFERENT_CHARS_MIN: usize = 5;

/// What guessing begins with: long enough to pass, and in every list. No rule on
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
pub(super) const PASSWORD_BYTES_MAX: usize = 1024;

/// The longest secret or token of another service.
const SECRET_BYTES_MAX: usize = 4096;

/// The longest URL.
const URL_BYTES_MAX: usize = 2048;

/// A name: something visible, on one line.
pub(super) fn name(name: &str) -> Result<&str, Problem> {
    text::name(name).ok_or_else(|| {
        Problem::invalid(format!(
            "name must have 1 to {NAME_CHARS_MAX} characters, none of them control characters"
        ))
    })
}

/// An e-mail address. Only the shape is checked: whether it exists shows when it is written to.
pub(super) fn email(email: &str) -> Result<&str, Problem> {
    let email = email.trim();
    let shaped = email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && email.len() <= EMAIL_BYTES_MAX
        && !email.chars().any(|character| character.is_control() || character.is_whitespace());
    if shaped { Ok(email) } else { Err(Problem::invalid("email is not an e-mail address")) }
}

/// A new password; `words` are those that anybody who knows the user would try.
pub(super) fn new_password<'a>(password: &'a Secret, words: &[&str]) -> Result<&'a Secret, Problem> {
    let text = password.expose();
    if text.chars().count() < PASSWORD_CHARS_MIN || text.len() > PASSWORD_BYTES_MAX {
        return Err(Problem::invalid("password must have at least 15 characters and at most 1024 bytes"));
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
    if is_guessed {
        return Err(Problem::invalid("password is one of the first that would be guessed; choose another"));
    }
    Ok(password)
}

/// A text that says something, in at most `bytes_max` bytes of JSON.
pub(super) fn text(text: &str, bytes_max: usize) -> Result<&str, Problem> {
    text::said(text, bytes_max).map_err(|error| Problem::invalid(error.to_string()))
}

/// A color as HTML writes it.
pub(super) fn color(color: &str) -> Result<&str, Problem> {
    let is_hex = |digits: &str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if color.strip_prefix('#').is_some_and(is_hex) {
        Ok(color)
    } else {
        Err(Problem::invalid("color must be #rrggbb"))
    }
}

/// A word that is typed for a longer text.
pub(super) fn shortcode(code: &str) -> Result<&str, Problem> {
    let fits = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    if (1..=64).contains(&code.chars().count()) && code.chars().all(fits) {
        Ok(code)
    } else {
        Err(Problem::invalid("shortcode must have 1 to 64 letters, digits, _ and -"))
    }
}

/// The longest text that agents write for themselves.
const LONG_TEXT_BYTES_MAX: usize = 16 * 1024;

/// A text of several lines.
pub(super) fn long_text(long: &str) -> Result<&str, Problem> {
    text(long, LONG_TEXT_BYTES_MAX)
}

/// A phone number in any form that people write it in.
pub(super) fn phone(phone: &str) -> Result<&str, Problem> {
    let phone = phone.trim();
    let fits = |character: char| character.is_ascii_digit() || "+-() ./".contains(character);
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    if (3..=20).contains(&digits) && phone.len() <= 40 && phone.chars().all(fits) {
        Ok(phone)
    } else {
        Err(Problem::invalid("phone is not a phone number"))
    }
}

/// A provider's id for something: printable, without spaces.
pub(super) fn external_id<'a>(field: &'static str, id: &'a str) -> Result<&'a str, Problem> {
    let ok = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if ok {
        Ok(id)
    } else {
        Err(Problem::invalid(format!("{field} must have 1 to 64 visible ASCII characters")))
    }
}

/// A secret that goes into a header or a signature.
pub(super) fn secret<'a>(field: &'static str, secret: &'a Secret) -> Result<&'a Secret, Problem> {
    let ok = (1..=SECRET_BYTES_MAX).contains(&secret.expose().len())
        && secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if ok { Ok(secret) } else { Err(Problem::invalid(format!("{field} must be visible ASCII characters"))) }
}

/// An address to post to.
pub(super) fn url(url: &str) -> Result<Url, Problem> {
    let parsed = Url::parse(url).ok().filter(|parsed| {
        url.len() <= URL_BYTES_MAX
            && matches!(parsed.scheme(), "http" | "https")
            && parsed.has_host()
            && parsed.username().is_empty()
            && parsed.password().is_none()
    });
    parsed.ok_or_else(|| Problem::invalid("url must be an http or https URL without user and password"))
}

/// The name of a header of our own, not one that means something to HTTP.
pub(super) fn header_name(name: &str) -> Result<HeaderName, Problem> {
    const TAKEN: [HeaderName; 6] = [
        header::HOST,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
    ];
    name.parse()
        .ok()
        .filter(|name| !TAKEN.contains(name))
        .ok_or_else(|| Problem::invalid("header is not a header name that can be chosen"))
}

/// An idempotency key.
pub(super) fn idempotency_key(value: &HeaderValue) -> Result<&str, Problem> {
    value
        .to_str()
        .ok()
        .filter(|key| (1..=128).contains(&key.len()))
        .ok_or_else(|| Problem::invalid("Idempotency-Key must have 1 to 128 visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_visible_line() {
        assert_eq!(name("  Ada ").unwrap(), "Ada");
        for bad in ["", "  ", "two\nlines", "nul\0", &"x".repeat(201)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_first_guess() {
        let check = |text: &str| {
            new_password(&Secret::new(text.to_owned()), &["Ada Lovelace", "ada@example.com"]).map(|_| ())
        };
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

    #[test]
    fn an_email_address_has_two_sides() {
        assert!(email("ada@example.com").is_ok());
        for bad in ["", "ada", "@example.com", "ada@", "a da@example.com", &format!("{}@x", "a".repeat(254))]
        {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn webhooks_go_to_http_hosts_under_headers_that_are_free() {
        assert!(url("http://localhost:5678/webhook/x").is_ok());
        for bad in ["", "ftp://x/", "file:///etc/passwd", "http://user:secret@host/", "/relative"] {
            assert!(url(bad).is_err(), "{bad:?}");
        }
        assert!(header_name("X-Secret").is_ok());
        for bad in ["", "Host", "content-length", "two words", "x\r\ny"] {
            assert!(header_name(bad).is_err(), "{bad:?}");
        }
    }
}
