//! The rules about files and crates that no compiler knows.

mod crates;
mod documents;
mod sources;

pub(crate) use crates::PURE;

use crate::shell::{Failure, output, root, step};
use std::{path::PathBuf, process::Command};

/// Checks all rules and reports everything that breaks one.
///
/// # Errors
/// If there is any.
pub(crate) fn tidy() -> Result<(), Failure> {
    step("tidy", || {
        let files = files()?;
        let mut complaints = crates::check()?;
        complaints.extend(sources::check(&files)?);
        complaints.extend(documents::check(&files)?);
        if complaints.is_empty() { Ok(()) } else { Err(Failure::new(complaints.join("\n"))) }
    })
}

/// Every file of the checkout that is, or is about to be, in Git; relative to [`root`].
fn files() -> Result<Vec<PathBuf>, Failure> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    Ok(output(&mut git)?.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}
