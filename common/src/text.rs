//! Rules for texts and names, whoever they come from.
//!
//! Texts of an account's people and their guests are refused if they break a rule: they can be sent
//! again. Texts of customers and other services are made to fit instead: nobody could be asked.
//!
//! Lengths are those of the JSON that goes to clients, without the quotes: a control character is one byte
//! of UTF-8 and six of JSON, so a limit in UTF-8 alone would be none.

use std::borrow::Cow;

/// The longest name of a person, room or channel, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// Stands at the end of what was cut.
const ELLIPSIS: char = '…';

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It has no visible character.
    #[error("text must not be empty")]
    Empty,
    /// It is longer than allowed here.
    #[error("text is too long")]
    TooLong,
    /// It has control characters: nobody types them, and each is six bytes of JSON.
    #[error("text has control characters other than line feed and tab")]
    Control,
}

/// Checks that a text has a visible character and at most `bytes_max` bytes of JSON.
///
/// # Errors
/// [`TextError`].
pub fn checked_text(text: &str, bytes_max: usize) -> Result<&str, TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().any(|character| character.is_control() && !is_layout(character)) {
        return Err(TextError::Control);
    }
    if encoded_len(text) > bytes_max { Err(TextError::TooLong) } else { Ok(text) }
}

/// Checks a text that may also be empty, if it goes with something else.
///
/// # Errors
/// [`TextError`].
pub fn checked_caption(text: &str, bytes_max: usize) -> Result<&str, TextError> {
    if text.is_empty() { Ok(text) } else { checked_text(text, bytes_max) }
}

/// The name of a file as its owner's system gives it, made to fit: the last part of a path, one visible line of at
/// most [`NAME_CHARS_MAX`] without marks that turn the direction of writing, by which `exe.jpg` is made of `gpj.exe`.
pub fn file_name(name: &str) -> String {
    let name = shown_name(&without_turning(name.rsplit(['/', '\\']).next().unwrap_or_default()));
    if name.trim_matches('.').is_empty() { "file".to_owned() } else { name }
}

/// A line without marks that turn the direction of writing (UAX #9, section 2): it cannot show as another one, nor turn
/// what stands beside it.
pub fn without_turning(line: &str) -> String {
    let is_turning = |character: &char| matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars().filter(|character| !is_turning(character)).collect()
}

/// Checks a name as its owner typed it and takes off the space around it; `None` unless it is one visible line of at
/// most [`NAME_CHARS_MAX`].
pub fn checked_name(name: &str) -> Option<&str> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    fits.then_some(name)
}

/// A name that another service gives, made to fit; empty if nothing of it can be shown.
pub fn shown_name(name: &str) -> String {
    let visible: String =
        name.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    visible.trim().chars().take(NAME_CHARS_MAX).collect::<String>().trim_end().to_owned()
}

/// An explanation as people read it: with a capital letter at its beginning, unless it begins with a name such
/// as `expiresAt` or `media.offer`.
///
/// Errors in the code begin in lower case, because most of them stand within a sentence of the log.
pub fn sentence(text: impl Into<Cow<'static, str>>) -> Cow<'static, str> {
    let text = text.into();
    let word = text.split_whitespace().next().unwrap_or_default().trim_end_matches([':', ',', ';']);
    if !word.chars().all(|character| character.is_ascii_lowercase() || character == '-') {
        return text;
    }
    let mut text = text.into_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Cow::Owned(text)
}

/// A text that another service gives: its ends of line are line feeds, and other control characters U+FFFD.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| character.is_control() && !is_layout(character)) {
        return Cow::Borrowed(text);
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible = lines.chars().map(|character| {
        if character.is_control() && !is_layout(character) { '\u{fffd}' } else { character }
    });
    Cow::Owned(visible.collect())
}

/// The beginning of a text that has more than `bytes_max` bytes of JSON, marked as such at its end; `None` if
/// it fits as it is.
pub fn cut(text: &str, bytes_max: usize) -> Option<String> {
    if encoded_len(text) <= bytes_max {
        return None;
    }
    let mut left = bytes_max.saturating_sub(ELLIPSIS.len_utf8());
    let fits = |character: &char| {
        let rest = left.checked_sub(encoded_char_len(*character));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    Some(text.chars().take_while(fits).chain([ELLIPSIS]).collect())
}

/// How many bytes of JSON a text is, without the quotes.
pub fn encoded_len(text: &str) -> usize {
    text.chars().map(encoded_char_len).sum()
}

const fn encoded_char_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

const fn is_layout(character: char) -> bool {
    matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests;
