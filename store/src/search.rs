//! Questions in words, for the search columns of contacts and messages.

/// Words of a question at most; the rest is not looked at.
const WORDS_MAX: usize = 16;

/// Each word of `question` as the beginning of a word, all of them wanted. `None` if it has none.
///
/// Only letters and digits are kept, so nothing of it can be read as an operator.
pub(crate) fn words(question: &str) -> Option<String> {
    let words: Vec<String> = question
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("{word}:*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" & "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_words_and_nothing_else() {
        assert_eq!(words("Grace Hop").as_deref(), Some("Grace:* & Hop:*"));
        assert_eq!(words("a & !b | (c) 'd' \\ :*").as_deref(), Some("a:* & b:* & c:* & d:*"));
        assert_eq!(words("+49 151-123"), Some("49:* & 151:* & 123:*".to_owned()));
        assert_eq!(words(" &|! "), None);
        assert_eq!(words(&"x ".repeat(100)).map(|words| words.matches("x:*").count()), Some(WORDS_MAX));
    }
}
