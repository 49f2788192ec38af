//! An error with everything that caused it, in one line: how failures are logged.

use std::{error::Error, fmt};

/// An error and its causes, as `it failed: because: because`.
///
/// Errors keep their cause in `source` and do not repeat it in their own text (see the shells' error enums),
/// so the outermost text alone loses why. Libraries do repeat it now and then: a cause whose text has been said
/// already is left out.
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        out.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.ends_with(&text) {
                write!(out, ": {text}")?;
                said = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failed {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn failed(texts: &[&'static str]) -> Failed {
        let (text, causes) = texts.split_first().unwrap();
        let source = (!causes.is_empty()).then(|| Box::new(failed(causes)));
        Failed { text, source }
    }

    fn line(texts: &[&'static str]) -> String {
        Chain(&failed(texts)).to_string()
    }

    #[test]
    fn every_cause_is_named_once_in_order() {
        assert_eq!(line(&["it failed"]), "it failed");
        assert_eq!(
            line(&["Redis refused", "no such host", "no network"]),
            "Redis refused: no such host: no network"
        );
    }

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        assert_eq!(line(&["not read: disk full", "disk full"]), "not read: disk full");
        assert_eq!(line(&["a: b", "b", "c"]), "a: b: c", "what follows it still is");
    }

    #[test]
    fn what_is_boxed_or_behind_a_trait_has_its_causes_too() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(failed(&["outer", "inner"]));
        assert_eq!(Chain(&*boxed).to_string(), "outer: inner");
    }

    #[test]
    fn what_was_said_is_the_end_of_what_stands_before_it_and_nothing_less() {
        assert_eq!(line(&["disk full: not read", "disk full"]), "disk full: not read: disk full");
        assert_eq!(line(&["a", "a", "a"]), "a", "however often it is repeated");
        assert_eq!(line(&["a: b: c", "b: c", "c"]), "a: b: c");
        assert_eq!(line(&["a", "b", "a"]), "a: b: a", "said again after something else");
        assert_eq!(line(&["outer", "", "inner"]), "outer: inner", "a cause without words adds none");
        let long: Vec<_> = ["a", "b"].into_iter().cycle().take(200).collect();
        assert_eq!(line(&long).matches(": ").count(), 199);
    }
}
