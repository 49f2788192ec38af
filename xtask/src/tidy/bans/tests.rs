//! Each lint and each ban is shown to bite: a line that breaks it is given to `clippy-driver`.

use super::*;
use crate::{shell::root, tidy::planted::Tree};
use std::{env, path::PathBuf, process::Command};

#[test]
fn a_lint_or_ban_that_is_taken_away_is_missed() {
    let files =
        ["Cargo.toml", "clippy.toml"].map(|name| (name, fs::read_to_string(root().join(name)).unwrap()));
    let tree = Tree::of(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    assert_eq!(check(tree.root()).unwrap(), [""; 0]);
    for lint in DENIED {
        tree.plant("Cargo.toml", &files[0].1.replace(&format!("\n{lint} = \"deny\""), ""));
        assert_eq!(check(tree.root()).unwrap(), [format!("Cargo.toml: does not deny {lint}")]);
    }
    tree.plant("Cargo.toml", &files[0].1);
    for method in BANNED {
        let ban = format!("path = \"{method}\"");
        tree.plant("clippy.toml", &files[1].1.replace(&ban, "path = \"x\""));
        assert_eq!(check(tree.root()).unwrap(), [format!("clippy.toml: does not ban {method}")]);
    }
    tree.plant("clippy.toml", &files[1].1.replace(", reason = ", ", excuse = "));
    assert_eq!(check(tree.root()).unwrap().len(), BANNED.len(), "reasons");
}

/// A function of one line for every lint, which breaks it.
const BREAKS: &[(&str, &str)] = &[
    ("unsafe_code", "fn f(p: *const u8) -> u8 { unsafe { *p } }"),
    ("missing_docs", "pub mod m {}"),
    ("unreachable_pub", "mod m { pub struct S; }"),
    ("unwrap_used", "fn f(a: Option<u8>) -> u8 { a.unwrap() }"),
    ("expect_used", "fn f(a: Option<u8>) -> u8 { a.expect(\"a\") }"),
    ("panic", "fn f() { panic!(\"a\") }"),
    ("indexing_slicing", "fn f(a: &[u8]) -> u8 { a[1] }"),
    ("string_slice", "fn f(a: &str) -> &str { &a[1..] }"),
    ("todo", concat!("fn f() { to", "do!() }")),
    ("unimplemented", "fn f() { unimplemented!() }"),
    ("dbg_macro", "fn f() { dbg!(1); }"),
    ("print_stdout", "fn f() { println!(\"a\"); }"),
    ("print_stderr", "fn f() { eprintln!(\"a\"); }"),
    (
        "await_holding_lock",
        "async fn f(m: &std::sync::Mutex<u8>) { let _a = m.lock().unwrap(); g().await; } async fn g() {}",
    ),
    ("iter_over_hash_type", "fn f(a: &std::collections::HashSet<u8>) { for _ in a {} }"),
    ("wildcard_enum_match_arm", "enum E { A, B, C } fn f(e: E) -> u8 { match e { E::A => 1, _ => 2 } }"),
    ("allow_attributes_without_reason", "#[allow(dead_code)] fn f() {}"),
    ("cast_possible_truncation", "fn f(a: u64) -> u8 { a as u8 }"),
    ("cast_sign_loss", "fn f(a: i64) -> u64 { a as u64 }"),
    ("disallowed_methods", "fn f() { let _a = std::time::Instant::now(); }"),
    // There is no banned type.
    ("disallowed_types", ""),
    // 70 lines are allowed; see below.
    ("too_many_lines", ""),
];

#[test]
fn every_denied_lint_finds_a_line_that_breaks_it() {
    let mut text = String::from("//! Planted.\n#![allow(dead_code, reason = \"planted\")]\n");
    for lint in DENIED {
        let (_, breaks) =
            BREAKS.iter().find(|(name, _)| name == lint).unwrap_or_else(|| panic!("plant {lint}"));
        text.push_str(&format!("mod planted_{lint} {{ {breaks} }}\n"));
    }
    text.push_str(&format!("fn long() {{\n{}}}\n", "let _a = 1;\n".repeat(71)));
    // Documentation is asked for where others can see it.
    let text = text.replace("mod planted_missing_docs", "/// Planted.\npub mod planted_missing_docs");
    let found = lint(&Tree::of(&[("lib.rs", &text)]), &[]);
    for lint in DENIED.iter().filter(|lint| **lint != "disallowed_types") {
        let name = format!("\"code\":\"{}\"", full_name(lint));
        assert!(found.contains(&name), "{lint} does not bite:\n{found}");
    }
}

/// A line for every ban that breaks it.
const CALLS: &[(&str, &str)] = &[
    ("std::time::Instant::now", "std::time::Instant::now();"),
    ("std::time::SystemTime::now", "std::time::SystemTime::now();"),
    ("std::time::Instant::elapsed", "c.elapsed();"),
    ("std::time::SystemTime::elapsed", "d.elapsed();"),
    ("std::net::TcpStream::connect", "std::net::TcpStream::connect(\"a:1\");"),
    ("std::net::TcpStream::connect_timeout", "std::net::TcpStream::connect_timeout(a, b);"),
    ("std::collections::HashMap::iter", "g.iter();"),
    ("std::collections::HashMap::iter_mut", "g.iter_mut();"),
    ("std::collections::HashMap::keys", "g.keys();"),
    ("std::collections::HashMap::values", "g.values();"),
    ("std::collections::HashMap::values_mut", "g.values_mut();"),
    ("std::collections::HashMap::drain", "g.drain();"),
    ("std::collections::HashMap::into_keys", "g.clone().into_keys();"),
    ("std::collections::HashMap::into_values", "g.clone().into_values();"),
    ("std::collections::HashSet::iter", "h.iter();"),
    ("std::collections::HashSet::drain", "h.drain();"),
    ("std::net::UdpSocket::connect", "std::net::UdpSocket::connect(&e, \"a:1\");"),
    ("std::net::ToSocketAddrs::to_socket_addrs", "std::net::ToSocketAddrs::to_socket_addrs(\"a:1\");"),
];

/// Crates of others are played by stubs with nothing but the banned paths: that real ones have them is
/// what the `#[expect]`s at the few permitted places show, and clippy says if a path leads nowhere.
#[test]
fn every_banned_method_is_found_where_it_is_called() {
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    let banned = banned(&clippy);
    let mut text = String::from(
        "use std::{collections::{HashMap, HashSet}, net::{SocketAddr, UdpSocket}, time::{Duration, Instant, SystemTime}};\nfn f(a: &SocketAddr, b: Duration, c: Instant, d: SystemTime, e: UdpSocket, g: &mut HashMap<u8, u8>, h: &mut HashSet<u8>) {\n",
    );
    let mut stubs: Vec<(String, String)> = Vec::new();
    for (path, _) in &banned {
        if let Some((_, call)) = CALLS.iter().find(|(name, _)| name == path) {
            text.push_str(&format!("let _ = {call}\n"));
        } else {
            assert!(!path.starts_with("std::"), "plant a call of {path}");
            text.push_str(&format!("{path}();\n"));
            stub(&mut stubs, path);
        }
    }
    text.push_str("}\n");
    let tree = Tree::of(&[("lib.rs", &text)]);
    let mut externs = Vec::new();
    for (name, body) in &stubs {
        tree.plant(&format!("{name}.rs"), &with_modules(body));
        driver(&tree, &format!("{name}.rs"), &["--crate-name", name, "--emit=metadata", "--cap-lints=allow"]);
        externs.push(format!("--extern={name}={}", tree.root().join(format!("lib{name}.rmeta")).display()));
    }
    let found = lint(&tree, &externs.iter().map(String::as_str).collect::<Vec<_>>());
    for (path, _) in banned {
        assert!(
            found.contains(&format!("use of a disallowed method `{path}`")),
            "{path} is not found:\n{found}"
        );
    }
}

/// Adds the path to its crate's list.
fn stub(stubs: &mut Vec<(String, String)>, path: &str) {
    let (name, rest) = path.split_once("::").unwrap();
    if !stubs.iter().any(|(other, _)| other == name) {
        stubs.push((name.to_owned(), String::new()));
    }
    let (_, body) = stubs.iter_mut().find(|(other, _)| other == name).unwrap();
    body.push_str(rest);
    body.push('\n');
}

/// A crate with these paths: modules, types, and functions at the end.
fn with_modules(paths: &str) -> String {
    let mut heads: Vec<&str> = Vec::new();
    let mut text = String::new();
    for path in paths.lines() {
        let Some((head, _)) = path.split_once("::") else {
            text.push_str(&format!("pub fn {path}() {{}}\n"));
            continue;
        };
        if heads.contains(&head) {
            continue;
        }
        heads.push(head);
        let within = |line: &str| {
            line.strip_prefix(head).and_then(|it| it.strip_prefix("::")).map(|it| format!("{it}\n"))
        };
        let inner = with_modules(&paths.lines().filter_map(within).collect::<String>());
        let is_type = head.starts_with(char::is_uppercase);
        text.push_str(&if is_type {
            format!("pub struct {head};\nimpl {head} {{\n{inner}}}\n")
        } else {
            format!("pub mod {head} {{\n{inner}}}\n")
        });
    }
    text
}

/// What clippy says about `lib.rs` under our settings.
fn lint(tree: &Tree, more: &[&str]) -> String {
    let denied: Vec<String> = DENIED.iter().map(|lint| format!("-D{}", full_name(lint))).collect();
    let mut arguments = vec!["--crate-name", "planted", "--emit=metadata", "--error-format=json"];
    arguments.extend(denied.iter().map(String::as_str));
    arguments.extend(more);
    driver(tree, "lib.rs", &arguments)
}

/// As the compiler knows it: some are its own.
fn full_name(lint: &str) -> String {
    match lint {
        "unsafe_code" | "missing_docs" | "unreachable_pub" => lint.to_owned(),
        _ => format!("clippy::{lint}"),
    }
}

/// What the compiler with clippy in it says.
fn driver(tree: &Tree, file: &str, arguments: &[&str]) -> String {
    let cargo = PathBuf::from(env::var_os("CARGO").unwrap_or_default());
    let beside = cargo.with_file_name("clippy-driver");
    let driver = if beside.is_file() { beside } else { "clippy-driver".into() };
    let mut command = Command::new(driver);
    command.args([file, "--edition=2024", "--crate-type=lib", "--out-dir=."]).args(arguments);
    let done = command.current_dir(tree.root()).env("CLIPPY_CONF_DIR", root()).output().unwrap();
    String::from_utf8_lossy(&done.stderr).into_owned()
}
