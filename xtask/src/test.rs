//! Everything that a change must pass, cheap things first; [`long`] is what takes longer than that.

mod failures;
mod long;
mod reading;
mod suites;

use crate::{
    advisories, console,
    services::Services,
    setup::{self, Tool},
    shell::{Failure, cargo, debug_dir, has, run, say, say_times, step},
    tidy,
};
use local_services::child::Interrupts;
use std::{num::NonZero, thread};

/// Fetches what is missing, checks, starts private services, tests, and stops and deletes them.
///
/// # Errors
/// At the first thing that is not as it should be.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    let outcome = match arguments.split_first() {
        None => everything(),
        Some((what, rest)) if what == "long" => long::long(rest),
        Some((other, _)) => Err(Failure::new(format!("there are no tests called `{other}`"))),
    };
    say_times();
    outcome
}

fn everything() -> Result<(), Failure> {
    // Ctrl-C ends the command that runs; then we clean up.
    let _cleanup_first = Interrupts::hold();
    step("find or fetch what the tests need", || setup::setup(&Tool::ALL))?;
    step("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    tidy::tidy()?;
    console::check()?;
    step("known faults of crates", advisories::check)?;
    step("licences, sources and duplicate crates", dependencies)?;
    let services = Services::start()?;
    let binary = debug_dir()?.join("switchboard");
    step("build", || run(&mut cargo(&["build", "--locked", "--workspace", "--all-targets"])))?;
    reading::beside(&services, |begun| {
        step("tests", || {
            let mut command = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
            command.envs(services.variables()).env("SWITCHBOARD_TEST_BINARY", &binary);
            suites::run(command.env("RUST_TEST_THREADS", threads().to_string()), begun)
        })
    })?;
    step("stop and delete the services", || {
        drop(services);
        Ok(())
    })?;
    say("\nEverything passes.");
    Ok(())
}

/// Tests that run at once: twice as many as there are processors, since most wait for others most of the time.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).saturating_mul(2)
}

/// `deny.toml`, as far as this machine can check it without the network.
fn dependencies() -> Result<(), Failure> {
    if !has("cargo-deny") {
        // Licences are also held by `tidy`, everywhere.
        say("    cargo-deny is not installed here: duplicates, sources and yanked versions are NOT CHECKED");
        say("    (`cargo install --locked cargo-deny` takes some minutes, then they are)");
        return Ok(());
    }
    run(&mut cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]))?;
    say("    yanked versions are NOT CHECKED here: `cargo deny check advisories` asks the registry");
    Ok(())
}
