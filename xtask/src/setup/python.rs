//! Programs from Python's package index, in an environment of their own.

use crate::shell::{Failure, output};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

/// The version that the tests were written with: a newer one may find more, on a day of our choosing.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Puts schemathesis below `deps` and links to it from `deps/bin`.
pub(super) fn schemathesis(deps: &Path) -> Result<(), Failure> {
    let home = deps.join("schemathesis");
    fs::create_dir_all(deps)?;
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    output(Command::new(home.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        SCHEMATHESIS,
    ]))?;
    let bin = deps.join("bin");
    fs::create_dir_all(&bin)?;
    for dir in [deps, &bin] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    }
    let link = bin.join("schemathesis");
    if fs::symlink_metadata(&link).is_ok() {
        fs::remove_file(&link)?;
    }
    Ok(symlink(home.join("bin/schemathesis"), link)?)
}
