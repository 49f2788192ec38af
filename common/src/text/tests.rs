//! What may be said, at every bound and with every kind of character.

use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

const ODD: &str = "a\"\\/\0\u{1}\u{8}\u{b}\u{c}\u{1f}\u{7f}\u{85}\r\n\tü…😀\u{2028}";

/// Passes for the wrong reason if clients were sent JSON by anything but `serde_json`.
#[test]
fn lengths_are_those_of_the_json() {
    for text in ["", "plain", ODD] {
        assert_eq!(encoded_len(text) + 2, serde_json::to_string(text).unwrap().len(), "{text:?}");
    }
}

#[test]
fn what_people_send_is_visible_and_bounded_by_its_json() {
    assert_eq!(checked_text("two\n\tlines 😀", 100), Ok("two\n\tlines 😀"));
    assert_eq!(checked_text(" \n\u{2003}", 100), Err(TextError::Empty));
    for control in ["\u{1}", "\0", "\r", "\u{1b}[31m", "\u{7f}", "\u{85}"] {
        assert_eq!(checked_text(&format!("a{control}"), 100), Err(TextError::Control), "{control:?}");
    }
    assert_eq!(checked_text(&"x".repeat(100), 100), Ok(&*"x".repeat(100)));
    assert_eq!(checked_text(&"x".repeat(101), 100), Err(TextError::TooLong));
    assert_eq!(checked_text(&"\"".repeat(51), 100), Err(TextError::TooLong), "each is two bytes of JSON");
}

#[test]
fn names_are_one_visible_line_or_made_to_be() {
    assert_eq!(checked_name("  Ada "), Some("Ada"));
    for bad in ["", "  ", "two\nlines", "nul\0", &"x".repeat(201)] {
        assert_eq!(checked_name(bad), None, "{bad:?}");
    }
    assert_eq!(shown_name(" two\r\nlines\u{1} "), "two  lines");
    assert_eq!(shown_name("\u{1}\n"), "");
    assert_eq!(shown_name(&"😀".repeat(5000)).chars().count(), NAME_CHARS_MAX);
}

#[test]
fn what_customers_send_is_made_to_fit() {
    assert!(matches!(clean("fine\n\tas it is"), Cow::Borrowed(_)));
    assert_eq!(clean("one\r\ntwo\rthree\u{1}\0"), "one\ntwo\nthree\u{fffd}\u{fffd}");
    for text in ["x".repeat(500), "😀".repeat(500), "\u{1}".repeat(500), ODD.repeat(50)] {
        for bytes_max in [3, 4, 7, 64, 499] {
            let cut = cut(&text, bytes_max).unwrap();
            assert!(encoded_len(&cut) <= bytes_max && cut.ends_with(ELLIPSIS), "{cut:?}");
            assert!(text.starts_with(cut.trim_end_matches(ELLIPSIS)));
            assert!(encoded_len(&cut) + 6 > bytes_max, "no more than needed is cut: {cut:?}");
        }
    }
    assert_eq!(cut("fits", 4), None);
}

/// Each character that there is below U+0100, and the last and first of every length of UTF-8.
#[test]
fn the_length_of_every_kind_of_character_is_that_of_the_json() {
    let others =
        ['\u{7ff}', '\u{800}', '\u{2028}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}', char::MAX];
    for character in ('\0'..'\u{100}').chain(others) {
        let text = character.to_string();
        assert_eq!(encoded_len(&text) + 2, serde_json::to_string(&text).unwrap().len(), "{text:?}");
    }
}

#[test]
fn only_line_feed_and_tab_of_the_control_characters_are_text() {
    for character in ('\0'..='\u{9f}').filter(|character| character.is_control()) {
        let text = format!("a{character}b");
        let is_layout = matches!(character, '\n' | '\t');
        assert_eq!(checked_text(&text, 100).is_ok(), is_layout, "{character:?}");
        assert_eq!(checked_name(&text), None, "{character:?}");
        assert!(!clean(&text).chars().any(|sign| sign.is_control() && !matches!(sign, '\n' | '\t')));
        assert_eq!(shown_name(&text), "a b", "{character:?}");
    }
    // What joins, turns or marks signs is text in many languages.
    for text in ["\u{200d}x", "\u{200f}x", "e\u{301}", "\u{a0}x"] {
        assert_eq!(checked_text(text, 100), Ok(text));
    }
}

#[test]
fn a_text_is_said_as_it_is_with_the_space_around_it() {
    assert_eq!(checked_text("  x\n", 5), Ok("  x\n"), "its JSON has five bytes");
    assert_eq!(checked_text("  x\n", 4), Err(TextError::TooLong));
    for nothing in ["", " ", "\t", "\n\n", "\u{a0}", "\u{3000}\u{2028}", &" ".repeat(1000)] {
        assert_eq!(checked_text(nothing, 100), Err(TextError::Empty), "{nothing:?}");
    }
    assert_eq!(checked_text("x", 0), Err(TextError::TooLong));
    // The reason that is told is the one that a shorter text would have as well.
    assert_eq!(checked_text(&"\0".repeat(1000), 100), Err(TextError::Control));
}

#[test]
fn names_are_counted_in_characters_after_the_space_around_them_is_gone() {
    for sign in ["x", "é", "😀", "\u{301}"] {
        let longest = sign.repeat(NAME_CHARS_MAX);
        let spaced = format!("\u{3000} {longest}\n");
        assert_eq!(checked_name(&spaced), Some(&*longest), "{sign}");
        assert_eq!(checked_name(&format!("{longest}{sign}")), None, "{sign}");
        assert_eq!(shown_name(&spaced), longest);
        assert_eq!(shown_name(&format!("{longest}{sign}")), longest, "{sign}");
    }
    assert_eq!(checked_name("a  b"), Some("a  b"), "the space within is the owner's");
}

/// What another service gives is made a name that its owner could have typed, and stays that.
#[test]
fn a_shown_name_is_a_name_or_nothing() {
    let mut random = StdRng::seed_from_u64(41);
    let signs = ["a", " ", "\n", "\0", "\u{85}", "é", "😀", "\u{3000}", "\u{2028}"];
    for _ in 0..1000 {
        let length = random.random_range(0..2 * NAME_CHARS_MAX);
        let given: String = (0..length).map(|_| signs[random.random_range(0..signs.len())]).collect();
        let shown = shown_name(&given);
        assert!(shown.is_empty() || checked_name(&shown) == Some(&*shown), "{given:?} became {shown:?}");
        assert_eq!(shown_name(&shown), shown);
    }
}

#[test]
fn a_cleaned_text_is_one_that_could_have_been_said() {
    let mut random = StdRng::seed_from_u64(43);
    let signs = ["a", "\r", "\n", "\r\n", "\t", "\0", "\u{9b}", "😀", "\""];
    for _ in 0..1000 {
        let length = random.random_range(1..40);
        let given: String = (0..length).map(|_| signs[random.random_range(0..signs.len())]).collect();
        let cleaned = clean(&given);
        assert!(matches!(checked_text(&cleaned, 1000), Ok(_) | Err(TextError::Empty)), "{given:?}");
        assert_eq!(clean(&cleaned), cleaned, "once is enough");
        let kept = |text: &str| text.chars().filter(|sign| matches!(sign, 'a' | '😀' | '\t' | '"')).count();
        assert_eq!(kept(&cleaned), kept(&given), "nothing that can be seen is lost");
    }
    // Carriage returns are ends of line, alone and before a line feed.
    assert_eq!(clean("a\r\r\n\n\rb"), "a\n\n\n\nb");
}

/// Of any text at any length: it fits, it is the beginning, and one more character would not fit.
#[test]
fn what_is_cut_is_the_longest_beginning_that_fits() {
    let mut random = StdRng::seed_from_u64(47);
    let signs = ['a', '\u{1}', '"', '\n', 'é', '…', '\u{800}', '😀'];
    for _ in 0..2000 {
        let length = random.random_range(0..60);
        let text: String = (0..length).map(|_| signs[random.random_range(0..signs.len())]).collect();
        let bytes_max = random.random_range(3..200);
        let Some(cut) = cut(&text, bytes_max) else {
            assert!(encoded_len(&text) <= bytes_max);
            continue;
        };
        assert!(encoded_len(&text) > bytes_max && encoded_len(&cut) <= bytes_max, "{text:?} at {bytes_max}");
        let kept = cut.strip_suffix(ELLIPSIS).unwrap();
        let next = text.strip_prefix(kept).unwrap().chars().next().unwrap();
        assert!(encoded_len(&cut) + encoded_char_len(next) > bytes_max, "{cut:?} of {text:?} at {bytes_max}");
    }
}

#[test]
fn a_sentence_begins_with_a_capital_letter_and_a_member_keeps_its_name() {
    for (written, read) in [
        ("there is no such room", "There is no such room"),
        ("name must have 1 to 200 characters", "Name must have 1 to 200 characters"),
        ("a", "A"),
        ("text: too long", "Text: too long"),
        ("e-mail is missing", "E-mail is missing"),
        ("expiresAt has passed", "expiresAt has passed"),
        ("media.offer: missing field `sdp`", "media.offer: missing field `sdp`"),
        ("Already so", "Already so"),
        ("über", "über"),
        ("12 is too many", "12 is too many"),
        ("`x` is unknown", "`x` is unknown"),
        ("", ""),
    ] {
        assert_eq!(sentence(written), read);
    }
}

#[test]
fn a_files_name_is_one_line_that_reads_as_it_is() {
    for (given, shown) in [
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("C:\\temp\\x.png", "x.png"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: b\".txt", "a  Set-Cookie: b\".txt"),
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("\u{2067}\u{200f}", "file"),
        ("", "file"),
        ("..", "file"),
        (" \0 ", "file"),
    ] {
        assert_eq!(file_name(given), shown, "{given:?}");
    }
    assert_eq!(file_name(&"ж".repeat(1000)).chars().count(), NAME_CHARS_MAX);
}
