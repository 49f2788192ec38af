//! The lints that must be denied and the methods that must be banned: nobody takes one away in silence.
//!
//! That each bites is shown by the tests: they hand `clippy-driver` a line that breaks the rule.

use crate::shell::Failure;
use std::{fs, path::Path};

/// What `[workspace.lints]` in `Cargo.toml` denies.
const DENIED: &[&str] = &[
    "unsafe_code",
    "missing_docs",
    "unreachable_pub",
    "unwrap_used",
    "expect_used",
    "panic",
    "indexing_slicing",
    "string_slice",
    "todo",
    "unimplemented",
    "dbg_macro",
    "print_stdout",
    "print_stderr",
    "await_holding_lock",
    "disallowed_methods",
    "disallowed_types",
    "too_many_lines",
    "iter_over_hash_type",
    "wildcard_enum_match_arm",
    "allow_attributes_without_reason",
    "cast_possible_truncation",
    "cast_sign_loss",
];

/// What `disallowed-methods` in `clippy.toml` has.
const BANNED: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::time::Instant::elapsed",
    "std::time::SystemTime::elapsed",
    "tokio::time::Instant::now",
    "tokio::time::Instant::elapsed",
    "time::OffsetDateTime::now_utc",
    "time::OffsetDateTime::now_local",
    "rand::random",
    "rand::random_bool",
    "rand::random_iter",
    "rand::random_range",
    "rand::rng",
    "std::collections::HashMap::iter",
    "std::collections::HashMap::iter_mut",
    "std::collections::HashMap::keys",
    "std::collections::HashMap::values",
    "std::collections::HashMap::values_mut",
    "std::collections::HashMap::drain",
    "std::collections::HashMap::into_keys",
    "std::collections::HashMap::into_values",
    "std::collections::HashSet::iter",
    "std::collections::HashSet::drain",
    "uuid::Uuid::now_v7",
    "tokio::spawn",
    "tokio::sync::mpsc::unbounded_channel",
    "reqwest::Client::new",
    "reqwest::Client::builder",
    "reqwest::ClientBuilder::new",
    "reqwest::ClientBuilder::build",
    "reqwest::get",
    "std::net::TcpStream::connect",
    "std::net::TcpStream::connect_timeout",
    "tokio::net::TcpStream::connect",
    "tokio::net::TcpSocket::connect",
    "tokio_tungstenite::connect_async",
    "tokio_tungstenite::connect_async_with_config",
    "std::net::UdpSocket::connect",
    "tokio::net::UdpSocket::connect",
    "socket2::Socket::connect",
    "socket2::Socket::connect_timeout",
    "tokio::net::lookup_host",
    "std::net::ToSocketAddrs::to_socket_addrs",
];

/// What is missing, one line each.
pub(super) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let denied = denied(&manifest);
    let lints = DENIED.iter().filter(|lint| !denied.contains(*lint));
    let mut complaints: Vec<String> = lints.map(|it| format!("Cargo.toml: does not deny {it}")).collect();
    let clippy = fs::read_to_string(root.join("clippy.toml"))?;
    let banned = banned(&clippy);
    for method in BANNED {
        match banned.iter().find(|(path, _)| path == method) {
            None => complaints.push(format!("clippy.toml: does not ban {method}")),
            Some((_, "")) => {
                complaints.push(format!("clippy.toml: does not say why {method} is banned"));
            }
            Some(_) => {}
        }
    }
    Ok(complaints)
}

/// The names of the lints that a manifest denies for the workspace.
fn denied(manifest: &str) -> Vec<&str> {
    let sections = manifest.split("\n[").filter(|section| section.starts_with("workspace.lints."));
    let lines = sections.flat_map(str::lines).filter_map(|line| line.split_once('='));
    lines.filter(|(_, level)| level.trim() == "\"deny\"").map(|(name, _)| name.trim()).collect()
}

/// The paths and reasons of `disallowed-methods`.
fn banned(clippy: &str) -> Vec<(&str, &str)> {
    let list = clippy.split_once("disallowed-methods = [").map_or("", |(_, list)| list);
    let list = list.split_once("\n]").map_or(list, |(list, _)| list);
    let lines = list.lines().filter(|line| line.trim_start().starts_with('{'));
    lines
        .filter_map(|line| Some((text_of(line, "path")?, text_of(line, "reason").unwrap_or_default())))
        .collect()
}

/// The string that `key` has in an inline table.
fn text_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{key} = \""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests;
