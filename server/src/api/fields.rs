//! The rules of single fields, each refused by its name.

use super::{password, problem::Problem};
use axum::http::{HeaderName, HeaderValue, header};
use common::{
    secret::Secret,
    text::{self, NAME_CHARS_MAX},
};
use egress::{Guard, Refusal};
use url::Url;

/// The longest e-mail address (RFC 5321, section 4.5.3.1, with the erratum on its sum).
const EMAIL_BYTES_MAX: usize = 254;

/// The longest secret or token of another service.
const SECRET_BYTES_MAX: usize = 4096;

/// The longest URL.
const URL_BYTES_MAX: usize = 2048;

/// Puts the values that are there into the form that a rule gives them.
pub(super) fn normalize<'a>(
    values: impl IntoIterator<Item = &'a mut String>,
    rule: fn(&str) -> Result<&str, Problem>,
) -> Result<(), Problem> {
    values.into_iter().try_for_each(|value| {
        *value = rule(value)?.to_owned();
        Ok(())
    })
}

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
    match password::check(password, words) {
        Ok(()) => Ok(password),
        Err(weak) => Err(Problem::invalid(weak.to_string())),
    }
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

/// An address to post to, as far as it can be judged without asking where its host is: that is asked
/// each time something is sent.
pub(super) fn url(url: &str, guard: &Guard) -> Result<Url, Problem> {
    let parsed = Url::parse(url).ok().filter(|_| url.len() <= URL_BYTES_MAX);
    let parsed = parsed.ok_or_else(|| Problem::invalid("url must be an http or https URL"))?;
    match guard.check(&parsed) {
        Ok(()) => Ok(parsed),
        Err(Refusal::Scheme) => Err(Problem::invalid("url must be an http or https URL")),
        Err(Refusal::Insecure) => Err(Problem::invalid("url must be an https URL")),
        Err(Refusal::Credentials) => Err(Problem::invalid("url must be without user and password")),
        // Which it is would tell what the operator's network is like.
        Err(_) => Err(Problem::invalid(egress::UNDELIVERABLE)),
    }
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
    fn an_email_address_has_two_sides() {
        assert!(email("ada@example.com").is_ok());
        for bad in ["", "ada", "@example.com", "ada@", "a da@example.com", &format!("{}@x", "a".repeat(254))]
        {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn webhooks_go_to_http_hosts_under_headers_that_are_free() {
        let guard = Guard::new(egress::Config::default());
        assert!(url("http://n8n.example:5678/webhook/x", &guard).is_ok());
        for bad in ["", "ftp://x/", "file:///etc/passwd", "http://user:secret@host/", "/relative"] {
            assert!(url(bad, &guard).is_err(), "{bad:?}");
        }
        assert!(header_name("X-Secret").is_ok());
        for bad in ["", "Host", "content-length", "two words", "x\r\ny"] {
            assert!(header_name(bad).is_err(), "{bad:?}");
        }
    }
}
