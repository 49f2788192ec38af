//! What a JavaScript module imports.

/// The imports of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Imports {
    /// What `from`, `import` and `import()` name, in comments too: a type is imported there.
    pub(super) named: Vec<String>,
    /// How many lines begin an import statement: found in another way, so that a form of import that
    /// is not understood does not go unseen.
    pub(super) statements: usize,
}

/// Reads them.
pub(super) fn read(text: &str) -> Imports {
    let from = after(text, "from").filter_map(quoted);
    let named = from.chain(after(text, "import").map(past_bracket).filter_map(quoted));
    let begins = |line: &&str| line.strip_prefix("import").is_some_and(|rest| !rest.starts_with(is_of_word));
    Imports {
        named: named.map(str::to_owned).collect(),
        statements: text.lines().map(str::trim_start).filter(begins).count(),
    }
}

/// What stands behind each place where `word` is a word of its own.
fn after<'a>(text: &'a str, word: &str) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).filter_map(move |(at, found)| {
        let (before, rest) = text.split_at_checked(at)?;
        let rest = rest.strip_prefix(found)?;
        let is_whole =
            !before.ends_with(|letter| is_of_word(letter) || letter == '.') && !rest.starts_with(is_of_word);
        // `'column.from'` is a name, and what follows it no path.
        is_whole.then_some(rest)
    })
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

/// `import('…')` has one.
fn past_bracket(rest: &str) -> &str {
    let rest = rest.trim_start();
    rest.strip_prefix('(').unwrap_or(rest)
}

/// The string that follows, past blanks.
fn quoted(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    ['\'', '"', '`'].into_iter().find_map(|quote| rest.strip_prefix(quote)?.split(quote).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_import_is_read_and_words_that_look_like_one_are_not() {
        let text = "import { a } from './a.js';\nimport \"./b.js\";\nexport * from `../c.js`;\n\
                    const d = () => import(\n  './d.js');\nArray.from('xyz');\nconst imported = 'e';\nfrom_ 'f';\n\
                    label('column.from'); import.meta.url;\n";
        assert_eq!(read(text).statements, 2);
        assert_eq!(read(text).named, ["./a.js", "../c.js", "./b.js", "./d.js"]);
    }
}
