//! Known faults of the crates that we build on: every line of `Cargo.lock` against RustSec's database.
//!
//! The database is a Git repository, and where neither it nor a copy is in reach nothing can be
//! checked: then that is said, in so many words. Read here and not by `cargo deny`, so that it needs
//! no program that takes minutes to build, and so that a test can plant a fault.

mod version;

use crate::shell::{Failure, has, output, root, say};
use local_services::find;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use version::{Version, meets};

/// Names a copy of the database: a checkout, or what was unpacked from one.
const VARIABLE: &str = "SWITCHBOARD_ADVISORY_DB";

/// Where the database is.
const SOURCE: &str = "https://github.com/rustsec/advisory-db";

/// How long fetching it may take, in seconds: offline, nobody waits for it.
const FETCH_S: &str = "60";

/// Checks `Cargo.lock`, if there is anything to check it against.
///
/// # Errors
/// If a crate has a known fault that `deny.toml` does not accept, or the copy is damaged.
pub(crate) fn check() -> Result<(), Failure> {
    let Some(database) = database()? else {
        say("    advisories: NOT CHECKED. No known fault of any crate in Cargo.lock would be seen here:");
        say(&format!("    {SOURCE} cannot be reached, and no copy of it was found."));
        say(&format!("    Set {VARIABLE} to a copy, and they are checked."));
        return Ok(());
    };
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let accepted = fs::read_to_string(root().join("deny.toml"))?;
    let report = compare(&database, &lock, &accepted)?;
    say(&format!(
        "    advisories: {} crates against {} advisories in {}, {}",
        report.crates,
        report.advisories,
        database.display(),
        age(&database)
    ));
    if report.faults.is_empty() { Ok(()) } else { Err(Failure::new(report.faults.join("\n"))) }
}

/// The best copy in reach: the one that is named, ours if it can be fetched, or another program's.
fn database() -> Result<Option<PathBuf>, Failure> {
    if let Some(named) = env::var_os(VARIABLE) {
        return Ok(Some(named.into()));
    }
    let ours = find::deps_of(&root()).join("advisory-db");
    if let Err(failure) = fetch(&ours) {
        let words = failure.to_string();
        say(&format!("    the database cannot be fetched: {}", words.lines().last().unwrap_or_default()));
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let others = home.into_iter().flat_map(|home| {
        let of_deny = fs::read_dir(home.join("advisory-dbs")).into_iter().flatten().flatten();
        of_deny.map(|entry| entry.path()).chain([home.join("advisory-db")]).collect::<Vec<_>>()
    });
    Ok([ours].into_iter().chain(others).find(|copy| copy.join("crates").is_dir()))
}

fn fetch(copy: &Path) -> Result<(), Failure> {
    if !has("git") || !has("timeout") {
        return Err(Failure::new("it takes `git` and `timeout`"));
    }
    let mut git = Command::new("timeout");
    git.args([FETCH_S, "git"]).env("GIT_TERMINAL_PROMPT", "0");
    if copy.join(".git").is_dir() {
        git.arg("-C").arg(copy).args(["pull", "--quiet", "--ff-only"]);
    } else {
        git.args(["clone", "--quiet", "--depth", "1", SOURCE]).arg(copy);
    }
    output(&mut git).map(|_| ())
}

/// Of when it is, if it is a checkout.
fn age(database: &Path) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(database).args(["log", "-1", "--format=of %cs"]);
    output(&mut git).map_or_else(|_| "of an unknown day".to_owned(), |day| day.trim().to_owned())
}

/// What was compared, and what was found.
#[derive(Debug, Default)]
struct Report {
    crates: usize,
    advisories: usize,
    faults: Vec<String>,
}

/// Compares a lock file with a database. `accepted` names the advisories that somebody has judged.
fn compare(database: &Path, lock: &str, accepted: &str) -> Result<Report, Failure> {
    let mut report = Report::default();
    for (name, version) in packages(lock) {
        report.crates += 1;
        let directory = database.join("crates").join(name);
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|it| it != "md") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            report.advisories += 1;
            let advisory = Advisory::read(&text)
                .ok_or_else(|| Failure::new(format!("{} cannot be understood", path.display())))?;
            if advisory.is_about(version)? && !accepted.contains(&format!("\"{}\"", advisory.id)) {
                let patched = advisory.patched.join(" or ");
                let cure = if patched.is_empty() { "no version is better".to_owned() } else { patched };
                report.faults.push(format!("{name} {version}: {} ({cure})", advisory.id));
            }
        }
    }
    // Neither is ever empty: if one is, it was not read.
    if report.crates == 0 || !database.join("crates").is_dir() {
        return Err(Failure::new(format!("{} is no advisory database", database.display())));
    }
    Ok(report)
}

/// Names and versions of what comes from a registry.
fn packages(lock: &str) -> impl Iterator<Item = (&str, &str)> {
    lock.split("[[package]]").filter(|package| package.contains("\nsource = \"registry+")).filter_map(
        |package| {
            let value =
                |key: &str| package.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix('"'));
            Some((value("name = \"")?, value("version = \"")?))
        },
    )
}

/// What an advisory's front matter says, as far as it decides.
#[derive(Debug, Default)]
struct Advisory<'a> {
    id: &'a str,
    is_withdrawn: bool,
    patched: Vec<&'a str>,
    unaffected: Vec<&'a str>,
}

impl<'a> Advisory<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (_, matter) = text.split_once("```toml")?;
        let (matter, _) = matter.split_once("\n```")?;
        let mut advisory = Self::default();
        let mut rest = matter;
        while let Some((line, after)) = rest.split_once('\n').or((!rest.is_empty()).then_some((rest, ""))) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            match key.trim() {
                "id" => advisory.id = strings(value).next()?,
                "withdrawn" => advisory.is_withdrawn = true,
                // A list may go on over lines; a requirement has no bracket in it.
                "patched" | "unaffected" => {
                    let list = rest.split_once('[')?.1.split_once(']')?.0;
                    let list = strings(list).collect();
                    *(if key.trim() == "patched" {
                        &mut advisory.patched
                    } else {
                        &mut advisory.unaffected
                    }) = list;
                }
                _ => {}
            }
            rest = after;
        }
        (!advisory.id.is_empty()).then_some(advisory)
    }

    fn is_about(&self, version: &str) -> Result<bool, Failure> {
        let unreadable = || Failure::new(format!("{}: its versions cannot be understood", self.id));
        let version = Version::parse(version).ok_or_else(unreadable)?;
        for requirement in self.patched.iter().chain(&self.unaffected) {
            if meets(&version, requirement).ok_or_else(unreadable)? {
                return Ok(false);
            }
        }
        Ok(!self.is_withdrawn)
    }
}

/// What stands between quotes.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::planted::Tree;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\n[[package]]\n\
        name = \"bytes\"\nversion = \"1.2.3\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

    fn advisory(name: &str, more: &str, versions: &str) -> String {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"{name}\"\ndate = \"2026-01-01\"\n{more}\n\
             \n[versions]\n{versions}\n```\n\n# A fault\n"
        )
    }

    fn faults(name: &str, more: &str, versions: &str, accepted: &str) -> Vec<String> {
        let path = format!("crates/{name}/RUSTSEC-2026-0001.md");
        let tree = Tree::of(&[(&path, &advisory(name, more, versions))]);
        compare(tree.root(), LOCK, accepted).unwrap().faults
    }

    #[test]
    fn a_crate_with_a_known_fault_is_found_until_it_is_mended_withdrawn_or_accepted() {
        let found = |versions| faults("bytes", "", versions, "").len();
        assert_eq!(
            faults("bytes", "", "patched = [\">= 1.2.4\"]", ""),
            ["bytes 1.2.3: RUSTSEC-2026-0001 (>= 1.2.4)"]
        );
        assert_eq!(found("patched = []"), 1);
        assert_eq!(
            found("patched = [\n    \">= 1.2.4\",\n    \"^1.1.9, < 1.2\",\n]\nunaffected = [\"< 1.0\"]"),
            1
        );
        assert_eq!(found("patched = [\">= 1.2.3\"]"), 0);
        assert_eq!(found("patched = [\">= 2\"]\nunaffected = [\"< 1.2.4\"]"), 0);
        let never = "patched = []";
        assert_eq!(faults("bytes", "informational = \"unmaintained\"", never, "").len(), 1);
        assert_eq!(faults("bytes", "withdrawn = \"2026-02-01\"", never, ""), [""; 0]);
        assert_eq!(faults("bytes", "", never, "ignore = [{ id = \"RUSTSEC-2026-0001\" }]"), [""; 0]);
        assert_eq!(faults("ours", "", never, ""), [""; 0], "a crate of our own is not the registry's");
    }

    /// The real lock file, whose every line is read: it has some hundred.
    #[test]
    fn a_fault_in_a_crate_that_we_build_on_is_found_in_our_lock_file() {
        let path = "crates/tokio/RUSTSEC-2026-0001.md";
        let tree = Tree::of(&[(path, &advisory("tokio", "", "patched = []"))]);
        let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
        let report = compare(tree.root(), &lock, "").unwrap();
        assert_eq!((report.faults.len(), report.advisories), (1, 1));
        assert!(report.crates > 300, "{}", report.crates);
        assert!(report.crates >= lock.matches("checksum = ").count(), "every crate of the registry was read");
    }

    #[test]
    fn what_is_no_database_or_no_advisory_is_a_failure_and_not_a_silence() {
        let empty = Tree::of(&[("README.md", "")]);
        assert!(compare(empty.root(), LOCK, "").is_err());
        for text in
            ["# A fault\n", "```toml\n[advisory]\n```\n", &advisory("bytes", "", "patched = [\"soon\"]")]
        {
            let tree = Tree::of(&[("crates/bytes/RUSTSEC-2026-0001.md", text)]);
            assert!(compare(tree.root(), LOCK, "").is_err(), "{text}");
        }
        let tree = Tree::of(&[("crates/bytes/RUSTSEC-2026-0001.md", &advisory("bytes", "", ""))]);
        assert!(compare(tree.root(), "version = 4\n", "").is_err(), "a lock file without crates");
    }
}
