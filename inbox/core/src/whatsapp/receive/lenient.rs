//! JSON taken apart one level at a time, so that what is wrong with a part is only that part's trouble.

use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap};

/// An object's members; of two with one name the later. `None` if it is no object.
pub(super) fn members(json: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(json).ok()
}

/// A list's elements; `None` if it is no list.
pub(super) fn elements(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

/// A text, or a number as it is written; `None` for everything else, and for nothing in it.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// How many values a JSON text has, within and with itself, or a few more: what begins a list or an object, and what
/// separates.
pub(super) fn values(json: &str) -> usize {
    let (mut count, mut in_text, mut escaped) = (1, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' | b',' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// The [`text`] of a member that was not read yet.
pub(super) fn raw_text(member: Option<&&RawValue>) -> Option<String> {
    // A list or an object is none, and would take much memory to see that.
    let member = member.filter(|raw| !raw.get().starts_with(['[', '{']));
    member.and_then(|raw| serde_json::from_str(raw.get()).ok()).as_ref().and_then(text)
}

/// The body as text in which every escape means a character: half of a surrogate pair, which is what is left
/// of an emoji that was cut in two, becomes U+FFFD (RFC 8259, section 8.2), as bytes do that are no UTF-8.
pub(super) fn repaired(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text;
    }
    let (mut rest, mut out) = (text.as_ref(), String::with_capacity(text.len()));
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let (meant, length) = match unit(escape) {
            Some(0xd800..=0xdbff) if is_low(escape) => (None, 12),
            Some(0xd800..=0xdfff) => (Some("\\ufffd"), 6),
            Some(_) => (None, 6),
            None => (None, 1 + escape.chars().nth(1).map_or(0, char::len_utf8)),
        };
        let (read, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        out.push_str(meant.unwrap_or(read));
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The UTF-16 unit of an escape such as `\ud83d`.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Whether the escape after this one is the second half of a pair.
fn is_low(escape: &str) -> bool {
    escape.get(6..).and_then(unit).is_some_and(|unit| (0xdc00..=0xdfff).contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_of_pairs_are_replaced() {
        for (escaped, meant) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\uD83D\uD83D\uDE00""#, "\u{fffd}😀"),
            (r#""\ude00\u00e9\n""#, "\u{fffd}é\n"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\ud83dx\u0041""#, "\u{fffd}xA"),
        ] {
            let read: String = serde_json::from_str(&repaired(escaped.as_bytes())).unwrap();
            assert_eq!(read, meant, "{escaped}");
        }
        assert_eq!(repaired(b"\"\\ud8"), "\"\\ud8", "what is cut off is left to the parser");
        assert_eq!(repaired(b"\"\xff\""), "\"\u{fffd}\"");
    }
}
