//! Who may know whom, what a pure crate must not know, and under which licences we build.

use crate::shell::{Failure, cargo, output, root};
use std::{collections::BTreeMap, fs};

/// Crates without IO: protocol logic and words. Checked alone, too.
pub(crate) const PURE: &[&str] = &["common", "signalling-core", "sfu-core", "inbox-core", "turn-config"];

/// What a pure crate must not reach, however indirectly.
const IMPURE: &[&str] = &["axum", "hyper", "mio", "redis", "reqwest", "socket2", "sqlx", "tokio"];

/// For each of our crates, which others of ours it may be made of.
const MAY_USE: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("bus", &["common"]),
    ("store", &["common"]),
    ("signalling-core", &["common"]),
    ("sfu-core", &["common"]),
    ("inbox-core", &["common"]),
    ("signalling", &["common", "bus", "store", "signalling-core"]),
    ("sfu", &["common", "bus", "sfu-core"]),
    ("inbox", &["common", "bus", "store", "inbox-core"]),
    ("turn-config", &["common"]),
    ("local-services", &[]),
    (
        "switchboard",
        &["common", "bus", "store", "signalling", "sfu", "inbox", "turn-config", "local-services"],
    ),
    // Black boxes: they may use words, cores and services, never a role or the server. The load
    // tools share the tests' clients.
    ("switchboard-tests", BLACK_BOX),
    ("switchboard-fuzz", &["common", "signalling-core", "sfu-core", "inbox-core"]),
    ("switchboard-benches", &["common", "sfu-core", "local-services", "switchboard-tests"]),
    ("xtask", &["local-services"]),
];

const BLACK_BOX: &[&str] =
    &["common", "bus", "store", "signalling-core", "sfu-core", "inbox-core", "turn-config", "local-services"];

/// What tests inside of a crate may use beyond that: real services, and the bus to look at.
const TESTS_MAY_USE: &[&str] = &["common", "bus", "store", "local-services"];

/// Every edge, crate and licence that should not be there.
pub(super) fn check() -> Result<Vec<String>, Failure> {
    let members = members()?;
    let mut complaints = Vec::new();
    for member in &members {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == member) else {
            complaints.push(format!("{member}: say in xtask/src/tidy/crates.rs what it may use"));
            continue;
        };
        for (edges, more) in [("normal,build", [].as_slice()), ("dev", TESTS_MAY_USE)] {
            for used in direct(member, edges)? {
                let is_known = used == *member || allowed.contains(&&*used) || more.contains(&&*used);
                if members.contains(&used) && !is_known {
                    complaints.push(format!("{member} must not use {used} (ARCHITECTURE.md, the crates)"));
                }
            }
        }
    }
    for name in PURE {
        for used in tree(&["--package", name, "--edges", "normal,build"])?.keys() {
            if IMPURE.contains(&used.as_str()) {
                complaints.push(format!(
                    "{name} is pure and must not reach {used}: see `cargo tree -p {name} -i {used}`"
                ));
            }
        }
    }
    complaints.extend(licences()?);
    Ok(complaints)
}

fn members() -> Result<Vec<String>, Failure> {
    let all = tree(&["--workspace", "--depth", "0"])?;
    Ok(all.into_keys().collect())
}

fn direct(member: &str, edges: &str) -> Result<Vec<String>, Failure> {
    let used = tree(&["--package", member, "--edges", edges, "--depth", "1", "--all-features"])?;
    Ok(used.into_keys().collect())
}

/// Names and licences of the crates in a tree of `cargo tree`.
fn tree(arguments: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut command =
        cargo(&["tree", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"]);
    let said = output(command.args(arguments))?;
    let mut crates = BTreeMap::new();
    for line in said.lines() {
        if let Some((package, licence)) = line.split_once('|')
            && let Some(name) = package.split(' ').next()
        {
            crates.insert(name.to_owned(), licence.trim_end_matches(" (*)").to_owned());
        }
    }
    Ok(crates)
}

/// Crates whose licence asks more of us than `deny.toml` allows.
fn licences() -> Result<Vec<String>, Failure> {
    let deny = fs::read_to_string(root().join("deny.toml"))?;
    let allowed = allowed_licences(&deny);
    let all = tree(&["--workspace", "--edges", "normal,build,dev"])?;
    let refused = all.into_iter().filter(|(_, licence)| !is_allowed(licence, &allowed));
    Ok(refused
        .map(|(name, licence)| format!("{name}: licence `{licence}` is not allowed by deny.toml"))
        .collect())
}

/// The strings of `allow = [ … ]` under `[licenses]`.
fn allowed_licences(deny: &str) -> Vec<&str> {
    let section = deny.split_once("[licenses]").map_or("", |(_, section)| section);
    let list =
        section.split_once("allow = [").and_then(|(_, rest)| rest.split(']').next()).unwrap_or_default();
    let lines = list.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Whether some choice that an SPDX expression leaves us consists of allowed licences alone.
///
/// Reads `A OR B AND (C OR D)` as `(A OR B) AND (C OR D)`: stricter than SPDX, never laxer.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    expression
        .replace(['(', ')'], " ")
        .replace('/', " OR ")
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| allowed.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["MIT", "Apache-2.0", "Unicode-3.0"];

    #[test]
    fn one_allowed_choice_is_enough() {
        assert!(is_allowed("GPL-3.0 OR MIT", ALLOWED));
        assert!(is_allowed("MIT/Apache-2.0", ALLOWED));
        assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0", ALLOWED));
    }

    #[test]
    fn every_required_licence_must_be_allowed() {
        assert!(!is_allowed("MIT AND GPL-3.0", ALLOWED));
        assert!(!is_allowed("MPL-2.0", ALLOWED));
        assert!(!is_allowed("", ALLOWED));
    }

    #[test]
    fn the_list_is_read_without_its_comments() {
        let deny = "[bans]\nallow = [\"x\"]\n[licenses]\nallow = [\n # \"GPL-3.0\"\n \"MIT\", \"0BSD\",\n]\n";
        assert_eq!(allowed_licences(deny), ["MIT", "0BSD"]);
    }
}
