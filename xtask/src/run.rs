//! Starting the server, and the customer of its demo.

use crate::{
    progress,
    setup::{self, Tool},
    shell::{Failure, cargo, root, step},
};
use local_services::find;
use std::{os::unix::process::CommandExt, path::PathBuf, process::Command};

/// The profile that a newcomer waits for; `Cargo.toml` says what it gives up for that.
const PROFILE: &str = "quick";

/// Builds the server and becomes it, so that Ctrl-C is its own affair.
///
/// # Errors
/// If Postgres cannot be fetched or the server does not build.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    setup::setup(&[Tool::Postgres])?;
    step("build Switchboard (the first time takes minutes)", || {
        progress::build(&mut cargo(&["build", "--profile", PROFILE, "--package", "switchboard"]))
    })?;
    let mut server = Command::new(binary());
    server.args(["serve", "--demo", "--demo-command", "cargo xtask demo"]).args(arguments);
    if let Some(binaries) = find::postgres() {
        server.env("SWITCHBOARD_PG_BIN", binaries);
    }
    become_it(&mut server)
}

/// Becomes the customer that writes to the server of [`run()`], by the binary that it has built.
///
/// # Errors
/// If there is none yet.
pub(crate) fn demo(arguments: &[String]) -> Result<(), Failure> {
    if !binary().is_file() {
        return Err(Failure::new(
            "no server has been built: `cargo xtask run` in another terminal comes first",
        ));
    }
    become_it(Command::new(binary()).arg("demo").args(arguments))
}

/// Switchboard as [`run()`] builds it.
fn binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    target.join(PROFILE).join("switchboard")
}

fn become_it(command: &mut Command) -> Result<(), Failure> {
    let error = command.exec();
    Err(Failure::new(format!("{} cannot be run: {error}", command.get_program().to_string_lossy())))
}
