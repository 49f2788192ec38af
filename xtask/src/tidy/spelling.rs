//! How names are spelt: lowerCamelCase on the wire, snake_case in SQL and in metrics.
//!
//! What only a running program knows (the names of methods, codes, permissions, paths and members) is held to the
//! same rule by the tests of the crate `reference`.

use crate::shell::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Enums and structs whose names on the wire are not lowerCamelCase: where, how, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "common/src/permission.rs",
        "SCREAMING_SNAKE_CASE",
        "roles have the names of the products that are replaced",
    ),
    ("server/src/http/address.rs", "kebab-case", "values are names of headers"),
    ("server/src/config/http.rs", "lowercase", "values of a setting, as proxies call them"),
];

/// What of the code gives a metric its name.
const METRICS: &[&str] = &["counter!(", "gauge!(", "histogram!("];

/// What is spelt otherwise, one line each.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for path in files {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let read = || fs::read_to_string(root.join(path));
        let found = match extension {
            "rs" if !path.starts_with("xtask") => rust(path, &read()?),
            "sql" => sql(&read()?),
            _ => Vec::new(),
        };
        complaints.extend(found.into_iter().map(|it| format!("{}: {it}", path.display())));
    }
    Ok(complaints)
}

fn rust(path: &Path, text: &str) -> Vec<String> {
    let cases = strings_after(text, "rename_all = ");
    let excepted =
        |case: &str| EXCEPTIONS.iter().any(|(file, known, _)| path == Path::new(file) && *known == case);
    let cases = cases.filter(|case| *case != "camelCase" && !excepted(case));
    let cases = cases.map(|case| format!("names on the wire are lowerCamelCase, not {case}"));
    let metrics =
        METRICS.iter().flat_map(|metric| strings_after(text, metric)).filter(|name| !is_snake_case(name));
    let metrics = metrics.map(|name| format!("the metric {name} is not snake_case"));
    cases.chain(metrics).collect()
}

/// The string that follows each place where `begin` is written.
fn strings_after<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

fn sql(text: &str) -> Vec<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let mut complaints = Vec::new();
    for following in words.windows(6) {
        let [create, table, rest @ ..] = following else { continue };
        if create.eq_ignore_ascii_case("create") && table.eq_ignore_ascii_case("table") {
            let name =
                rest.iter().find(|word| !["if", "not", "exists"].contains(&word.to_lowercase().as_str()));
            let name = name.map_or("", |name| name.split('(').next().unwrap_or_default());
            if !is_snake_case(name) {
                complaints.push(format!("the table {name} is not snake_case"));
            }
        }
    }
    complaints
}

fn is_snake_case(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::planted::Tree;

    /// The same tree without the fault has none: it is the fault that is found.
    #[test]
    fn each_other_spelling_is_found_in_a_tree() {
        for (path, fault) in [
            ("common/src/call.rs", "#[serde(rename_all = \"snake_case\")]\nenum A {}\n"),
            ("common/src/call.rs", "#[serde(tag = \"kind\", rename_all = \"PascalCase\")]\nenum A {}\n"),
            ("common/src/call.rs", "#[serde(rename_all = \"SCREAMING_SNAKE_CASE\")]\nenum A {}\n"),
            ("bus/src/lib.rs", "fn f() { counter!(\"messagesLost\").increment(1); }\n"),
            ("bus/src/lib.rs", "fn f() {\n    gauge!(\n        \"bus-up\"\n    );\n}\n"),
            ("store/migrations/0002.sql", "create table if not exists cannedResponses (id uuid);\n"),
            ("store/migrations/0002.sql", "CREATE TABLE \"Labels\"(id uuid NOT NULL);\n"),
        ] {
            let tree = Tree::of(&[
                (
                    "common/src/permission.rs",
                    "#[serde(rename_all = \"SCREAMING_SNAKE_CASE\")]\nenum Role {}\n",
                ),
                ("common/src/call.rs", "#[serde(rename_all = \"camelCase\")]\nenum A {}\n"),
                ("bus/src/lib.rs", "fn f() { counter!(\"bus_messages_lost_total\", \"a\" => \"B\"); }\n"),
                (
                    "store/migrations/0001.sql",
                    "CREATE TABLE canned_responses (id uuid, name text NOT NULL);\n",
                ),
            ]);
            assert_eq!(check(tree.root(), &tree.files()).unwrap(), [""; 0]);
            tree.plant(path, fault);
            assert_eq!(check(tree.root(), &tree.files()).unwrap().len(), 1, "{path}: {fault}");
        }
    }

    /// An exception that nothing needs any more would let the next one in.
    #[test]
    fn every_exception_is_one() {
        let root = crate::shell::root();
        for (file, case, _) in EXCEPTIONS {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(strings_after(&text, "rename_all = ").any(|it| it == *case), "{file}: {case}");
        }
    }
}
