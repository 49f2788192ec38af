//! Who may know whom, what a pure crate must not know, and under which licences we build.

use crate::shell::{Failure, cargo_in, output};
use std::{collections::BTreeMap, fs, path::Path};

/// Crates without IO: protocol logic and words. Checked alone, too.
pub(crate) const PURE: &[&str] = &["common", "signalling-core", "sfu-core", "inbox-core", "turn-config"];

/// What may be made of what.
pub(super) struct Rules {
    /// Our crates without IO.
    pure: &'static [&'static str],
    /// What a pure crate must not reach, however indirectly.
    impure: &'static [&'static str],
    /// For each of our crates, which others of ours it may be made of.
    may_use: &'static [(&'static str, &'static [&'static str])],
    /// What tests inside of a crate may use beyond that.
    tests_may_use: &'static [&'static str],
    /// Crates of others that only these of ours may name.
    reserved: &'static [(&'static str, &'static [&'static str])],
}

/// Switchboard's.
pub(super) const RULES: Rules = Rules {
    pure: PURE,
    impure: &["axum", "hyper", "mio", "redis", "reqwest", "socket2", "sqlx", "tokio"],
    may_use: MAY_USE,
    // Real services, and the bus to look at.
    tests_may_use: &["common", "shutdown", "bus", "store", "local-services"],
    reserved: RESERVED,
};

const MAY_USE: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("shutdown", &[]),
    ("bus", &["common", "shutdown"]),
    ("egress", &["common"]),
    ("files", &["common", "egress"]),
    ("store", &["common"]),
    ("ingress", &["common", "store"]),
    ("signalling-core", &["common"]),
    ("signalling-client", &["common"]),
    ("sfu-core", &["common"]),
    ("inbox-core", &["common"]),
    ("signalling", &["common", "shutdown", "bus", "ingress", "store", "signalling-core"]),
    ("sfu", &["common", "shutdown", "bus", "sfu-core"]),
    ("inbox", &["common", "shutdown", "bus", "egress", "ingress", "store", "inbox-core"]),
    ("turn-config", &["common"]),
    ("local-services", &[]),
    (
        "switchboard",
        &[
            "common",
            "shutdown",
            "bus",
            "egress",
            "files",
            "ingress",
            "store",
            "signalling",
            // Who may do what in a room is decided once, for both ways in.
            "signalling-core",
            "sfu",
            "inbox",
            // Webhooks are signed alike, whoever sends them.
            "inbox-core",
            "turn-config",
            "local-services",
        ],
    ),
    // What is made from the code: documents, schemas, types.
    ("reference", &["common", "switchboard"]),
    // Black boxes: they may use words, cores, services and the client, never a role or the server. The load
    // tools share the tests' participants, and run the media server alone, in a process of its own.
    ("switchboard-tests", BLACK_BOX),
    ("switchboard-fuzz", &["common", "signalling-core", "sfu-core", "inbox-core"]),
    (
        "switchboard-benches",
        &[
            "common",
            "shutdown",
            "bus",
            "signalling-client",
            "sfu",
            "sfu-core",
            "local-services",
            "switchboard-tests",
        ],
    ),
    ("xtask", &["local-services"]),
];

const BLACK_BOX: &[&str] = &[
    "common",
    "bus",
    "store",
    "signalling-core",
    "signalling-client",
    "sfu-core",
    "inbox-core",
    "turn-config",
    "local-services",
];

/// Ways out. Whoever goes out by `egress` is judged there; tests and load tools play the outside.
const RESERVED: &[(&str, &[&str])] = &[
    ("reqwest", &["egress", "switchboard-tests", "switchboard-benches"]),
    // The hub's own side of a WebSocket; who dials by it is found by the bans of clippy.toml.
    ("tokio-tungstenite", &["signalling"]),
    // The listener, and the sockets that it hands to the hub: built without the client.
    ("hyper", &["ingress", "signalling", "switchboard"]),
    ("hyper-util", &["signalling", "switchboard"]),
    ("hyper-rustls", &[]),
    ("hickory-resolver", &[]),
    ("curl", &[]),
    ("isahc", &[]),
    ("lettre", &[]),
    ("surf", &[]),
    ("ureq", &[]),
    // The drivers, which dial what the operator configures.
    ("redis", &["bus"]),
    ("sqlx", &["store"]),
    // Built without a client: its requests go by `egress`.
    ("object_store", &["files"]),
];

/// Every edge, crate and licence that should not be there.
pub(super) fn check(root: &Path, rules: &Rules) -> Result<Vec<String>, Failure> {
    let members = members(root)?;
    let mut complaints = Vec::new();
    for member in &members {
        let Some((_, allowed)) = rules.may_use.iter().find(|(name, _)| name == member) else {
            complaints.push(format!("{member}: say in xtask/src/tidy/crates.rs what it may use"));
            continue;
        };
        for (edges, more) in [("normal,build", [].as_slice()), ("dev", rules.tests_may_use)] {
            for used in direct(root, member, edges)? {
                let is_known = used == *member || allowed.contains(&&*used) || more.contains(&&*used);
                if members.contains(&used) && !is_known {
                    complaints.push(format!("{member} must not use {used} (ARCHITECTURE.md, the crates)"));
                }
                let reserved = rules.reserved.iter().find(|(name, _)| *name == used);
                if used != *member && reserved.is_some_and(|(_, by)| !by.contains(&member.as_str())) {
                    complaints.push(format!("{member} must not use {used}: what goes out goes by `egress`"));
                }
            }
        }
    }
    for name in rules.pure {
        for used in tree(root, &["--package", name, "--edges", "normal,build"])?.keys() {
            if rules.impure.contains(&used.as_str()) {
                complaints.push(format!(
                    "{name} is pure and must not reach {used}: see `cargo tree -p {name} -i {used}`"
                ));
            }
        }
    }
    complaints.extend(licences(root)?);
    Ok(complaints)
}

fn members(root: &Path) -> Result<Vec<String>, Failure> {
    let all = tree(root, &["--workspace", "--depth", "0"])?;
    Ok(all.into_keys().collect())
}

fn direct(root: &Path, member: &str, edges: &str) -> Result<Vec<String>, Failure> {
    let used = tree(root, &["--package", member, "--edges", edges, "--depth", "1", "--all-features"])?;
    Ok(used.into_keys().collect())
}

/// Names and licences of the crates in a tree of `cargo tree`.
fn tree(root: &Path, arguments: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut command =
        cargo_in(root, &["tree", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"]);
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
fn licences(root: &Path) -> Result<Vec<String>, Failure> {
    let deny = fs::read_to_string(root.join("deny.toml"))?;
    let allowed = allowed_licences(&deny);
    let all = tree(root, &["--workspace", "--edges", "normal,build,dev"])?;
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
    use crate::{shell::run, tidy::planted::Tree};

    const SMALL: Rules = Rules {
        pure: &["core"],
        impure: &["tokio"],
        may_use: &[("core", &[]), ("tokio", &[]), ("shell", &["core"]), ("other", &["core", "shell"])],
        tests_may_use: &["shell"],
        reserved: &[("tokio", &["shell"])],
    };

    fn manifest(name: &str, more: &str) -> String {
        format!("[package]\nname = \"{name}\"\nedition = \"2024\"\nlicense = \"MIT\"\n{more}\n")
    }

    fn complaints(tree: &Tree) -> Vec<String> {
        run(&mut cargo_in(tree.root(), &["generate-lockfile", "--offline", "--quiet"])).unwrap();
        check(tree.root(), &SMALL).unwrap()
    }

    /// The same workspace without the fault has none: it is the fault that is found.
    #[test]
    fn an_edge_a_crate_and_a_licence_that_must_not_be_are_found() {
        const ON: fn(&str) -> String = |name| format!("{name} = {{ path = \"../{name}\" }}");
        let dependencies = |section: &str, names: &[&str]| {
            format!("[{section}]\n{}", names.iter().map(|name| ON(name)).collect::<Vec<_>>().join("\n"))
        };
        let shell = manifest("shell", &dependencies("dependencies", &["core"]));
        let whole = [
            ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\nexclude = [\"target\"]\n"),
            ("deny.toml", "[licenses]\nallow = [\"MIT\"]\n"),
            ("core/Cargo.toml", &manifest("core", "")),
            ("core/src/lib.rs", ""),
            ("tokio/Cargo.toml", &manifest("tokio", "")),
            ("tokio/src/lib.rs", ""),
            ("shell/Cargo.toml", &shell),
            ("shell/src/lib.rs", ""),
            ("other/Cargo.toml", &manifest("other", "")),
            ("other/src/lib.rs", ""),
        ];
        assert_eq!(complaints(&Tree::of(&whole)), [""; 0]);
        for (path, fault, complaint) in [
            (
                "core/Cargo.toml",
                manifest("core", &dependencies("dependencies", &["tokio"])),
                "pure and must not reach tokio",
            ),
            (
                "core/Cargo.toml",
                manifest("core", "").replace("MIT", "GPL-3.0"),
                "licence `GPL-3.0` is not allowed",
            ),
            (
                "shell/Cargo.toml",
                manifest("shell", &dependencies("dependencies", &["core", "other"])),
                "shell must not use other",
            ),
            (
                "other/Cargo.toml",
                manifest("other", &dependencies("dependencies", &["tokio"])),
                "what goes out goes by `egress`",
            ),
            (
                "other/Cargo.toml",
                manifest("other", &dependencies("dev-dependencies", &["tokio"])),
                "other must not use tokio",
            ),
            ("other/Cargo.toml", manifest("stranger", ""), "stranger: say in"),
        ] {
            let tree = Tree::of(&whole);
            tree.plant(path, &fault);
            let complaints = complaints(&tree);
            assert!(complaints.iter().any(|it| it.contains(complaint)), "{complaint}: {complaints:?}");
        }
    }

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
