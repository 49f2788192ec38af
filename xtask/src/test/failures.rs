//! What went wrong in which test, gathered from what libtest prints, to be said once more where it is looked for:
//! at the end, after the thousands of lines of all that went well.

use std::fmt::{self, Write as _};

/// Tests whose words are kept; more are counted only.
const TESTS_MAX: usize = 20;

/// Lines kept of what a test printed: where it broke off and why.
const LINES_MAX: usize = 12;

/// How what a test printed begins, before its name.
const BEGINNING: &str = "---- ";

/// Characters kept of a line.
const CHARACTERS_MAX: usize = 300;

/// Gathers failures line by line.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The program that prints.
    suite: String,
    /// What failed so far, in the order of its end.
    kept: Vec<Failed>,
    left_out: usize,
    /// Whether the lines that come are words of tests that failed.
    is_told: bool,
}

#[derive(Debug)]
struct Failed {
    /// The program and the test.
    name: String,
    lines: Vec<String>,
}

impl Failures {
    /// Another test program begins.
    pub(super) fn suite(&mut self, name: &str) {
        name.clone_into(&mut self.suite);
        self.is_told = false;
    }

    /// Takes the next line of the test program.
    pub(super) fn line(&mut self, line: &str) {
        // First it prints what each of them said, then their names.
        if line == "failures:" {
            self.is_told = !self.is_told;
        } else if line.starts_with("test result: ") {
            self.is_told = false;
        } else if self.is_told || line.starts_with(BEGINNING) {
            self.words(line);
        }
    }

    fn words(&mut self, line: &str) {
        let test = line.strip_prefix(BEGINNING).and_then(|line| line.strip_suffix(" stdout ----"));
        if let Some(test) = test {
            // Whatever the one before printed.
            self.is_told = true;
            if self.kept.len() < TESTS_MAX {
                self.kept.push(Failed { name: format!("{}: {test}", self.suite), lines: Vec::new() });
            } else {
                self.left_out = self.left_out.saturating_add(1);
            }
        } else if let Some(last) = self.kept.last_mut()
            && self.left_out == 0
            && last.lines.len() < LINES_MAX
            && !line.is_empty()
        {
            last.lines.push(line.chars().take(CHARACTERS_MAX).collect());
        }
    }
}

impl fmt::Display for Failures {
    /// A line for each test, and below it what it said.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failed { name, lines } in &self.kept {
            write!(out, "\n    FAILED: {name}")?;
            for line in lines {
                write!(out, "\n        {line}")?;
            }
        }
        if self.left_out > 0 {
            write!(out, "\n    and {} more", self.left_out)?;
        }
        out.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libtest of Rust 1.90 prints it.
    const PRINTED: &str = "
running 3 tests
test well ... ok
test ill::one ... FAILED
test ill::two ... FAILED

failures:

---- ill::one stdout ----
a line of its own

thread 'ill::one' panicked at src/lib.rs:8:9:
assertion failed: false

---- ill::two stdout ----
Error: \"no\"


failures:
    ill::one
    ill::two

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(printed: &str) -> Failures {
        let mut failures = Failures::default();
        failures.suite("it");
        printed.lines().for_each(|line| failures.line(line));
        failures
    }

    #[test]
    fn tests_that_failed_are_named_with_what_they_said() {
        let said = read(PRINTED).to_string();
        let expected = "
    FAILED: it: ill::one
        a line of its own
        thread 'ill::one' panicked at src/lib.rs:8:9:
        assertion failed: false
    FAILED: it: ill::two
        Error: \"no\"
";
        assert_eq!(said, expected);
    }

    #[test]
    fn much_that_failed_is_cut() {
        let words = "word\n".repeat(99) + &"long".repeat(999);
        let one = format!("---- ill stdout ----\n{words}\n");
        let said = read(&format!("failures:\n{}failures:\n    ill\n", one.repeat(50))).to_string();
        assert_eq!(said.lines().count(), 1 + 20 * 13 + 1);
        assert!(said.ends_with("\n    and 30 more\n"), "{said}");
    }
}
