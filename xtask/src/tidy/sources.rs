//! Rust and JavaScript files: an opening sentence, a length that can be read, nothing unfinished.

use crate::shell::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines that a file may have. Past that it has more than one subject.
const LINES_MAX: usize = 700;

/// Words that say that something is missing. Split, so that this list does not find itself.
const UNFINISHED: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("#[ig", "nore")];

/// Where decisions are made without IO: chance comes in as a seed, an id as an argument.
const CORES: &[&str] = &["signalling/core/src", "sfu/core/src", "inbox/core/src"];

/// Chance that is not ours. In cores, tests excepted.
const CHANCE: &[&str] = &["new_v4", "RandomState", "SysRng", "OsRng", "getrandom"];

/// The one settings file of clippy: in a crate's directory it would take the place of all rules at once.
const CLIPPY: &str = "clippy.toml";

/// Where a whole crate may do what a shell may not: tests and tools play the outside.
const OUTSIDE: &[&str] = &["tests", "benches", "xtask"];

/// Ways to log an error without what caused it, or by another way than `common::error::Chain`.
const WITHOUT_CAUSES: &[&str] = &[
    "%error",
    "?error",
    "error!(error,",
    "warn!(error,",
    "info!(error,",
    "debug!(error,",
    "as &dyn Error",
    "as &dyn std::error::Error",
    "fn chain(",
];

/// What a role's crate may show beside what it is made from (a type of its own, `Deps`), its errors and what it hands over
/// to be stored: the server composes roles and knows nothing else of them.
const ROLE_EXPORTS: &[&str] = &[
    "Config",
    "Deps",
    "StartError",
    "RunError",
    "router",
    "run",
    "limits",
    "openapi",
    "FinishedRecording",
    "Ledger",
];

/// The crates of roles, each with the type that is the role before it runs.
const ROLES: &[(&str, &str)] =
    &[("signalling/src/lib.rs", "Hub"), ("sfu/src/lib.rs", "Media"), ("inbox/src/lib.rs", "Inbox")];

/// What breaks a rule, one line each.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for path in files {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        match extension {
            "rs" | "js" | "css" | "sql" => {
                let text = fs::read_to_string(root.join(path))?;
                complaints
                    .extend(broken(path, &text).into_iter().map(|it| format!("{}: {it}", path.display())));
            }
            "toml" if path.ends_with(CLIPPY) && path != Path::new(CLIPPY) => {
                complaints.push(format!("{}: there is one {CLIPPY}, at the root", path.display()));
            }
            _ if path.ends_with("Cargo.toml") && path.components().count() > 1 => {
                let text = fs::read_to_string(root.join(path))?;
                if !text.contains("[lints]\nworkspace = true") {
                    complaints.push(format!("{}: takes no part in the workspace's lints", path.display()));
                }
            }
            _ => {}
        }
    }
    Ok(complaints)
}

fn broken(path: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_rust = path.extension().is_some_and(|it| it == "rs");
    let is_tests = path.ends_with("tests.rs") || path.components().any(|it| it.as_os_str() == "tests");
    if is_rust && !is_tests && !text.starts_with("//! ") {
        complaints.push("does not begin with a `//!` sentence".to_owned());
    }
    if path.ends_with("mod.rs") {
        complaints.push("is named mod.rs: use foo.rs beside foo/".to_owned());
    }
    let is_core = CORES.iter().any(|core| path.starts_with(core)) && !is_tests;
    if is_core && is_rust {
        let written = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let found = CHANCE.iter().filter(|word| written.contains(**word));
        complaints.extend(found.map(|word| format!("{word}: chance comes into a core from outside")));
    }
    if path == Path::new("sfu/core/src/lib.rs") && !text.contains("deny(clippy::arithmetic_side_effects)") {
        complaints
            .push("does not deny arithmetic_side_effects: its numbers come from the network".to_owned());
    }
    let is_outside = is_tests || OUTSIDE.iter().any(|it| path.starts_with(it));
    if is_rust && !is_outside && excepts_a_crate(text) {
        complaints.push("excepts all of itself from disallowed_methods: say where, and why".to_owned());
    }
    if let Some((_, role)) = ROLES.iter().find(|(lib, _)| path == Path::new(lib)) {
        let others = exports(text).filter(|name| name != role && !ROLE_EXPORTS.contains(name));
        complaints.extend(others.map(|name| format!("shows {name}: a role's crate shows {ROLE_EXPORTS:?}")));
    }
    if is_rust && !is_outside {
        let lines = text.lines().filter(|line| logs_without_causes(line));
        complaints.extend(lines.map(|line| format!("`{}`: log `error = %Chain(&error)`", line.trim())));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !is_tests {
        complaints.push(format!("has {lines} lines, {LINES_MAX} are enough"));
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            complaints.push(format!("line {}: {word}", number + 1));
        }
    }
    complaints
}

/// The names that a crate's root makes public: modules, functions and what `pub use` takes from private modules.
fn exports(text: &str) -> impl Iterator<Item = &str> {
    let items =
        text.split("\npub ").skip(1).filter_map(|item| item.split([';', '\n']).next().zip(Some(item)));
    items.flat_map(|(line, item)| {
        let names = match line.split_once(' ') {
            // `pub use a::{B, c};`, over as many lines as it takes: the last word of each path.
            Some(("use", _)) => item.split(';').next().unwrap_or_default().trim_start_matches("use "),
            Some((_, rest)) => rest.split(['(', '<', ' ', ';']).next().unwrap_or_default(),
            None => line,
        };
        names
            .split(['{', ',', '}'])
            .map(str::trim)
            .filter(|path| !path.is_empty() && !path.ends_with("::"))
            .filter_map(|path| path.rsplit("::").next())
    })
}

fn logs_without_causes(line: &str) -> bool {
    let mut fields = line.split("error = %").skip(1);
    WITHOUT_CAUSES.iter().any(|way| line.contains(way)) || fields.any(|value| !value.starts_with("Chain("))
}

/// Whether an attribute for all of the file takes the ban of methods away.
fn excepts_a_crate(text: &str) -> bool {
    let mut attributes = text.split("#![").skip(1).filter_map(|rest| rest.split_once(")]")).map(|(it, _)| it);
    attributes.any(|it| it.contains("disallowed_methods") && !it.starts_with("deny"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::planted::Tree;

    #[test]
    fn a_file_without_its_sentence_is_found_unless_it_is_a_test() {
        assert_eq!(broken(Path::new("bus/src/local.rs"), "use std::fs;\n").len(), 1);
        assert!(broken(Path::new("bus/src/local.rs"), "//! The bus of one process.\n").is_empty());
        assert!(broken(Path::new("bus/tests/it/main.rs"), "use std::fs;\n").is_empty());
    }

    /// The same tree without the fault has none: it is the fault that is found.
    #[test]
    fn each_rule_finds_its_fault_in_a_tree() {
        for (path, fault) in [
            ("bus/src/local.rs", "use std::fs;\n".to_owned()),
            ("bus/src/local/mod.rs", "//! A module.\n".to_owned()),
            ("bus/src/local.rs", format!("//! Later.\n// {}\n", UNFINISHED[0])),
            ("bus/src/local.rs", format!("//! Later.\n// {}\n", UNFINISHED[1])),
            ("bus/tests/it/local.rs", format!("{}ore]\nfn a() {{}}\n", UNFINISHED[3])),
            ("web/js/main.js", format!("// {}\n", UNFINISHED[2])),
            ("web/css/a.css", "\n".repeat(LINES_MAX + 1)),
            ("bus/clippy.toml", String::new()),
            ("bus/src/lib.rs", {
                let excepted = "#![allow(\n    clippy::disallowed_methods,\n    reason = \"so\"\n)]";
                format!("//! The bus.\n{excepted}\n")
            }),
            ("bus/src/local.rs", "//! It.\nfn f() { warn!(%error, \"Away\"); }\n".to_owned()),
            ("bus/src/local.rs", "//! It.\nfn f() { warn!(error = ?error, \"Away\"); }\n".to_owned()),
            ("bus/src/local.rs", "//! It.\nfn f() { warn!(error = %why, \"Away\"); }\n".to_owned()),
            ("bus/src/local.rs", "//! It.\nfn f() { warn!(error, \"Away\"); }\n".to_owned()),
            (
                "bus/src/local.rs",
                "//! It.\nfn f() { warn!(error = &error as &dyn Error, \"\"); }\n".to_owned(),
            ),
            ("bus/src/local.rs", "//! It.\nfn chain(error: &dyn Error) -> String {\n".to_owned()),
            ("inbox/src/lib.rs", "//! It.\npub use files::{\n    File,\n};\npub use role::run;\n".to_owned()),
            ("sfu/src/lib.rs", "//! It.\npub mod shard;\npub use role::{Media, run};\n".to_owned()),
            ("sfu/core/src/lib.rs", "//! The media plane.\n".to_owned()),
            ("sfu/core/src/engine.rs", "//! It.\nfn f() { Uuid::new_v4(); }\n".to_owned()),
            ("signalling/core/src/call.rs", "//! Calls.\nuse std::hash::RandomState;\n".to_owned()),
            ("bus/Cargo.toml", "[package]\nname = \"bus\"\n".to_owned()),
        ] {
            let tree = Tree::of(&[
                ("Cargo.toml", "[workspace]\n"),
                ("bus/Cargo.toml", "[lints]\nworkspace = true\n"),
                (
                    "bus/src/local.rs",
                    "//! A sentence.\nfn f() { warn!(error = %Chain(&error), \"Away\"); }\n",
                ),
                ("clippy.toml", ""),
                ("tests/tests/e2e.rs", "//! A.\n#![allow(clippy::disallowed_methods, reason = \"b\")]\n"),
                (
                    "inbox/core/src/ids.rs",
                    "//! Ids.\n#[cfg(test)]\nmod tests {\n    fn f() { Uuid::new_v4(); }\n}\n",
                ),
                ("bus/tests/it/local.rs", "use std::fs;\n"),
                (
                    "signalling/src/lib.rs",
                    "//! It.\nmod hub;\npub use accept::router;\npub use hub::{\n    Deps, Hub,\n};\npub fn run() {}\n",
                ),
            ]);
            assert_eq!(check(tree.root(), &tree.files()).unwrap(), [""; 0]);
            tree.plant(path, &fault);
            assert_eq!(check(tree.root(), &tree.files()).unwrap().len(), 1, "{path}: {fault}");
        }
    }

    #[test]
    fn a_file_with_two_subjects_is_found() {
        let text = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(broken(Path::new("bus/src/local.rs"), &text), ["has 701 lines, 700 are enough"]);
    }
}
