//! Questions in words, for the search columns of contacts and messages.

/// Words of a question at most; the rest is not looked at.
const WORDS_MAX: usize = 16;

/// The words of a question: all of them are wanted, each as the beginning of a word.
///
/// Only letters and digits are kept, so nothing of it can be read as an operator.
pub(crate) fn words(question: &str) -> Vec<String> {
    question
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_words_and_nothing_else() {
        assert_eq!(words("Grace Hop"), ["grace", "hop"]);
        assert_eq!(words("a & !b | (c) 'd' \\ :*"), ["a", "b", "c", "d"]);
        assert_eq!(words("+49 151-123"), ["49", "151", "123"]);
        assert_eq!(words(" &|! "), Vec::<String>::new());
        assert_eq!(words(&"x ".repeat(100)).len(), WORDS_MAX);
    }
}
