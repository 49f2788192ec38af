//! The rules about files and crates that no compiler knows.
//!
//! Each takes the directory that it checks, so that its tests can plant a fault in another one: a rule
//! that finds nothing in a tree with a fault finds nothing anywhere.

mod bans;
mod crates;
mod documents;
#[cfg(test)]
pub(crate) mod planted;
mod sources;
mod spelling;

pub(crate) use crates::PURE;

use crate::shell::{Failure, output, root, say, step};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Checks all rules and reports everything that breaks one.
///
/// # Errors
/// If there is any.
pub(crate) fn tidy() -> Result<(), Failure> {
    step("tidy", || {
        let root = root();
        let files = files(&root)?;
        let mut complaints = crates::check(&root, &crates::RULES)?;
        complaints.extend(sources::check(&root, &files)?);
        complaints.extend(bans::check(&root)?);
        complaints.extend(spelling::check(&root, &files)?);
        let documents = documents::check(&root, &files)?;
        say(&format!("    {} links and names, {} imports", documents.references, documents.imports));
        complaints.extend(documents.complaints);
        if complaints.is_empty() { Ok(()) } else { Err(Failure::new(complaints.join("\n"))) }
    })
}

/// Every file of the checkout that is, or is about to be, in Git; relative to `root`.
fn files(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    Ok(output(&mut git)?.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect())
}
