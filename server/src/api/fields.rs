//! The rules of single fields, each refused by its name.

use super::{password, problem::Problem};
use axum::http::{HeaderName, HeaderValue, header};
use common::{
    secret::Secret,
    text::{self, NAME_CHARS_MAX},
};
use egress::{Guard, Refusal};
use std::fmt::Display;
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
    line("name", name)
}

/// A member that is something visible on one line, as a name is.
pub(super) fn line<'a>(member: &'static str, line: &'a str) -> Result<&'a str, Problem> {
    let rule = format_args!("must have 1 to {NAME_CHARS_MAX} characters, none of them control characters");
    text::checked_name(line).ok_or_else(|| invalid(member, rule))
}

/// A member is against its rule, which goes on where the member's name ends.
fn invalid(member: &'static str, rule: impl Display) -> Problem {
    Problem::invalid(format!("{member} {rule}")).of_member(member)
}

/// An e-mail address. Only the shape is checked: whether it exists shows when it is written to.
pub(super) fn email(email: &str) -> Result<&str, Problem> {
    let email = email.trim();
    let shaped = email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && email.len() <= EMAIL_BYTES_MAX
        && !email.chars().any(|character| character.is_control() || character.is_whitespace());
    if shaped { Ok(email) } else { Err(invalid("email", "is not an e-mail address")) }
}

/// A new password; `words` are those that anybody who knows the user would try.
pub(super) fn new_password<'a>(password: &'a Secret, words: &[&str]) -> Result<&'a Secret, Problem> {
    match password::check(password, words) {
        Ok(()) => Ok(password),
        Err(weak) => Err(Problem::invalid(weak.to_string())),
    }
}

/// Checks that a text has a visible character and at most `bytes_max` bytes of JSON.
pub(super) fn text(text: &str, bytes_max: usize) -> Result<&str, Problem> {
    text::checked_text(text, bytes_max).map_err(|error| Problem::invalid(error.to_string()))
}

/// The same of a text that may be empty, because it goes with something else.
pub(super) fn caption(text: &str, bytes_max: usize) -> Result<&str, Problem> {
    text::checked_caption(text, bytes_max).map_err(|error| Problem::invalid(error.to_string()))
}

/// A color as HTML writes it.
pub(super) fn color(color: &str) -> Result<&str, Problem> {
    let is_hex = |digits: &str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if color.strip_prefix('#').is_some_and(is_hex) {
        Ok(color)
    } else {
        Err(invalid("color", "must be #rrggbb"))
    }
}

/// A word that is typed for a longer text.
pub(super) fn shortcode(code: &str) -> Result<&str, Problem> {
    let fits = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    if (1..=64).contains(&code.chars().count()) && code.chars().all(fits) {
        Ok(code)
    } else {
        Err(invalid("shortcode", "must have 1 to 64 letters, digits, _ and -"))
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
        Err(invalid("phone", "is not a phone number"))
    }
}

/// A provider's id for something: printable, without spaces.
pub(super) fn external_id<'a>(field: &'static str, id: &'a str) -> Result<&'a str, Problem> {
    let ok = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if ok { Ok(id) } else { Err(invalid(field, "must have 1 to 64 visible ASCII characters")) }
}

/// A secret that goes into a header or a signature.
pub(super) fn secret<'a>(field: &'static str, secret: &'a Secret) -> Result<&'a Secret, Problem> {
    let ok = (1..=SECRET_BYTES_MAX).contains(&secret.expose().len())
        && secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if ok { Ok(secret) } else { Err(invalid(field, "must be visible ASCII characters")) }
}

/// An address to post to, as far as it can be judged without asking where its host is: that is asked
/// each time something is sent.
pub(super) fn url(url: &str, guard: &Guard) -> Result<Url, Problem> {
    let parsed = Url::parse(url).ok().filter(|_| url.len() <= URL_BYTES_MAX);
    let parsed = parsed.ok_or_else(|| Problem::invalid("the URL must be an http or https URL"))?;
    match guard.check(&parsed) {
        Ok(()) => Ok(parsed),
        Err(Refusal::Scheme) => Err(Problem::invalid("the URL must be an http or https URL")),
        Err(Refusal::Insecure) => Err(Problem::invalid("the URL must be an https URL")),
        Err(Refusal::Credentials) => Err(Problem::invalid("the URL must be without user and password")),
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

    #[test]
    fn a_color_is_six_hexadecimal_digits() {
        assert_eq!(color("#1f6FEB").unwrap(), "#1f6FEB");
        for bad in ["", "#", "1f6feb", "#1f6fe", "#1f6feb0", "#1f6feg", "#ääà", "red"] {
            assert!(color(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_shortcode_is_typed_without_spaces_in_any_script() {
        for good in ["hi", "öffnungs-zeiten_2", "再见", &"x".repeat(64)] {
            assert_eq!(shortcode(good).unwrap(), good);
        }
        for bad in ["", " ", "two words", "/hi", "a.b", "tab\t", &"x".repeat(65)] {
            assert!(shortcode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_phone_number_has_digits_and_what_people_write_between_them() {
        for good in ["110", "+49 (151) 123-45.6/7", "12345678901234567890"] {
            assert_eq!(phone(good).unwrap(), good);
        }
        assert_eq!(phone("  555 0100 ").unwrap(), "555 0100");
        for bad in
            ["", "12", "123456789012345678901", "555x0100", "٣٤٥", &format!("123{}", " ".repeat(38) + "4")]
        {
            assert!(phone(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_of_a_provider_is_visible_ascii_and_refused_by_the_name_of_its_field() {
        assert!(external_id("scheme", "phone").is_ok() && external_id("scheme", &"x".repeat(64)).is_ok());
        for bad in ["", "two words", "naïve", "line\n", &"x".repeat(65)] {
            let refused = external_id("scheme", bad).unwrap_err();
            assert!(refused.detail().starts_with("Scheme "), "{bad:?}: {}", refused.detail());
        }
    }

    #[test]
    fn a_secret_fits_into_a_header() {
        let is_good = |text: &str| secret("secret", &Secret::new(text.to_owned())).is_ok();
        assert!(is_good("s3cret") && is_good(&"x".repeat(4096)));
        assert!(!is_good("") && !is_good("with space") && !is_good("x\r\ny") && !is_good(&"x".repeat(4097)));
    }

    #[test]
    fn a_long_text_says_something_in_sixteen_kibibytes() {
        assert!(long_text("two\nlines\tand a tab").is_ok() && long_text(&"x".repeat(16 * 1024)).is_ok());
        for bad in ["", " \n ", "nul\0", &"x".repeat(16 * 1024 + 1)] {
            assert!(long_text(bad).is_err(), "{} bytes", bad.len());
        }
    }

    #[test]
    fn an_idempotency_key_is_one_to_128_visible_characters() {
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            idempotency_key(&value).map(str::to_owned)
        };
        assert_eq!(read("0193a5c0-7b1e").unwrap(), "0193a5c0-7b1e");
        assert!(read(&"k".repeat(128)).is_ok() && read(&"k".repeat(129)).is_err() && read("").is_err());
        assert!(idempotency_key(&HeaderValue::from_bytes(b"\xff").unwrap()).is_err());
    }

    #[test]
    fn values_that_are_there_get_their_normal_form_and_one_that_is_wrong_is_refused() {
        let (mut there, mut absent) = (Some(" Ada ".to_owned()), None);
        normalize(&mut there, name).unwrap();
        normalize(&mut absent, name).unwrap();
        assert_eq!((there.as_deref(), absent), (Some("Ada"), None));
        assert!(normalize([&mut "two\nlines".to_owned()], name).is_err());
    }

    #[test]
    fn an_email_address_has_254_bytes_at_most_and_no_space_around_it() {
        let of = |bytes: usize| format!("{}@x.example", "a".repeat(bytes - 10));
        assert!(email(&of(254)).is_ok() && email(&of(255)).is_err());
        assert_eq!(email(" ada@example.com\n").unwrap(), "ada@example.com");
        for bad in ["ada\u{a0}l@example.com", "ada@exam\tple.com", "ada@\u{0}", "a@b c"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
        // Only the shape is judged: these are delivered somewhere.
        for good in ["ada@localhost", "ünïcode@exämple.com", "a+b@x", "\"a@b\"@x"] {
            assert!(email(good).is_ok(), "{good}");
        }
    }

    /// Each of these would let a webhook write something else into its own request.
    #[test]
    fn a_webhook_cannot_choose_a_header_that_http_needs() {
        for taken in
            ["host", "HOST", "Content-Type", "content-length", "Transfer-Encoding", "connection", "Upgrade"]
        {
            assert!(header_name(taken).is_err(), "{taken}");
        }
        for bad in ["x:y", "x y", "x\n", "ü", "x\u{0}", "(x)"] {
            assert!(header_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(header_name("X-Own").unwrap(), "x-own");
        assert!(header_name("authorization").is_ok());
    }

    #[test]
    fn an_address_to_post_to_is_2048_bytes_long_at_most_and_has_no_user() {
        let guard = Guard::new(egress::Config::default());
        let of = |bytes: usize| format!("https://x.example/{}", "p".repeat(bytes - 18));
        assert!(url(&of(2048), &guard).is_ok() && url(&of(2049), &guard).is_err());
        for (bad, why) in [
            ("https://user@x.example/", "without user and password"),
            ("https://:secret@x.example/", "without user and password"),
            ("javascript:alert(1)", "http or https"),
            ("ws://x.example/", "http or https"),
            ("https://", "http or https"),
            ("//x.example/", "http or https"),
        ] {
            let detail = url(bad, &guard).unwrap_err();
            assert!(detail.detail().contains(why), "{bad}: {}", detail.detail());
        }
    }

    /// Which of them it is would tell a tenant what the operator's network is like.
    #[test]
    fn every_address_inside_is_refused_in_the_same_words() {
        let guard = Guard::new(egress::Config::default());
        for inside in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://10.0.0.1:8080/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
        ] {
            let refused = url(inside, &guard);
            assert_eq!(
                refused.err().map(|it| it.detail().to_owned()).as_deref(),
                Some("The address cannot be delivered to"),
                "{inside}"
            );
        }
    }

    #[test]
    fn a_name_has_two_hundred_characters_of_any_script() {
        assert_eq!(name(&"ä".repeat(200)).unwrap().chars().count(), 200);
        assert!(name(&"ä".repeat(201)).is_err());
        assert_eq!(name("\u{2003}Ada Lovelace ").unwrap(), "Ada Lovelace");
    }
}
