//! Questions in words, for the search columns of contacts and messages.

use crate::{error::StoreError, tenant::TenantTx};
use sqlx::Executor;

/// Words of a question at most; the rest is not looked at.
const WORDS_MAX: usize = 16;

/// Lets the transaction go by the indexes on words.
///
/// They can be read as bitmaps only, which [`crate::connect::PLANNER`] switches off. A statement that asks for words
/// says so three times: Postgres then takes them for rare, and does not think of reading all rows of the account
/// beside, to cut out those that have them. That they are the account's is in the words themselves.
pub(crate) async fn by_words(tx: &mut TenantTx) -> Result<(), StoreError> {
    tx.connection().execute(BY_WORDS).await?;
    Ok(())
}

/// The setting that [`by_words`] makes.
pub const BY_WORDS: &str = "SET LOCAL enable_bitmapscan = on";

/// The words of a question: all of them are wanted, each as the beginning of a word.
///
/// Only letters and digits are kept, so nothing of it can be read as an operator.
pub(crate) fn words(question: &str) -> Vec<String> {
    // Lower case as the columns have it. A bound, because each word is a walk through the index.
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
