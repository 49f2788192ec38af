//! The statements of the crate, from the committed descriptions of its queries.

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// Who runs a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A request, under Row-Level Security.
    App,
    /// A queue or a look-up across accounts.
    System,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// Its text, on one line.
    pub(super) text: String,
    /// The types of its parameters, as sqlx calls them.
    pub(super) types: Vec<String>,
    /// Who runs it.
    pub(super) role: Role,
}

/// Sources whose statements are no part of what the server does with tenants' tables: the owner's, and those of tests.
const NOT_THE_SERVERS: [&str; 3] = ["bootstrap.rs", "testing.rs", "connect.rs"];

/// Claims go on from what their own statement before them has taken: the rows that they read in all, at 50,000 that
/// wait, are counted by the test of backlogs, triggers included.
const COUNTED_THERE: [&str; 2] = ["system/deliveries.rs", "system/replies.rs"];

/// Only an account that is not there yet may make itself, and then it has nothing to be read.
const NEW_ACCOUNT: &str =
    "WITH account AS (INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) RETURNING id) INSERT";

/// Text on one line, so that indentation does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every source file of the crate by its path, flat.
fn sources(directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.insert(path.display().to_string(), flat(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// All statements that the server makes.
pub(super) fn all() -> Vec<Statement> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    sources(&root.join("src"), &mut files);
    let descriptions = fs::read_dir(root.join(".sqlx")).unwrap();
    let described = descriptions.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let described = described.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let mut all: Vec<Statement> = described.filter_map(|file| statement(&file, &files)).collect();
    all.sort_by(|one, other| one.text.cmp(&other.text));
    all
}

fn statement(file: &Value, sources: &BTreeMap<String, String>) -> Option<Statement> {
    let text = flat(file["query"].as_str().unwrap());
    let holders: Vec<&String> =
        sources.iter().filter(|(_, source)| source.contains(&text)).map(|(path, _)| path).collect();
    let is_of = |name: &str| !holders.is_empty() && holders.iter().all(|path| path.contains(name));
    if text.starts_with(NEW_ACCOUNT) {
        return None;
    }
    if NOT_THE_SERVERS.iter().chain(&COUNTED_THERE).any(|name| is_of(name)) {
        return None;
    }
    // Those that a macro puts together are found in no file: all of them are of requests.
    let role = if is_of("/src/system") { Role::System } else { Role::App };
    let types = file["describe"]["parameters"]["Left"].as_array().unwrap();
    let types =
        types.iter().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect();
    Some(Statement { text, types, role })
}
