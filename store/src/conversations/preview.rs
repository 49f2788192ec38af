//! The preview of a conversation's latest message in lists.

/// How much of a message the list shows, in characters.
const PREVIEW_CHARS: usize = 140;

/// What the list shows of a message: its beginning, or its kind where it has no text.
pub(crate) fn preview(text: Option<&str>, kind: &str) -> String {
    match text {
        Some(text) => {
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PREVIEW_CHARS).collect()
        }
        None => format!("[{kind}]").chars().take(PREVIEW_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview(Some("two\n\nlines"), "text"), "two lines");
        assert_eq!(preview(Some(&"ü".repeat(200)), "text").chars().count(), PREVIEW_CHARS);
        assert_eq!(preview(None, "image"), "[image]");
        assert_eq!(preview(None, &"x".repeat(200)).chars().count(), PREVIEW_CHARS);
    }
}
