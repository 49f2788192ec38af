//! What takes longer than a change can wait for: the same tests in their long form, and exploring.

use crate::{
    fuzz,
    services::Services,
    setup::{self, Tool},
    shell::{Failure, cargo, debug_dir, run, step},
};
use local_services::child::Interrupts;
use std::process::Command;

/// Read by the tests that have a long form.
const LONG_VARIABLE: &str = "SWITCHBOARD_TEST_LONG";

/// The parts, in the order in which they run.
const PARTS: [(&str, Part); 4] =
    [("faults", faults), ("plans", plans), ("answers", answers), ("fuzz", explore)];

/// What is left of the arguments goes to the part: names of tests, or of targets.
type Part = fn(&[String]) -> Result<(), Failure>;

/// Runs the named part, or all.
///
/// # Errors
/// At the first thing that is not as it should be.
pub(crate) fn long(arguments: &[String]) -> Result<(), Failure> {
    let _cleanup_first = Interrupts::hold();
    let Some((name, rest)) = arguments.split_first() else {
        return PARTS.iter().try_for_each(|(_, part)| part(&[]));
    };
    match PARTS.iter().find(|(part, _)| part == name) {
        Some((_, part)) => part(rest),
        None => Err(Failure::new(format!("there are no long tests called `{name}`"))),
    }
}

/// Each fault ten times and for longer, one after the other, with as many clients as only an optimized server bears.
fn faults(names: &[String]) -> Result<(), Failure> {
    against_a_server("faults", Profile::Release, &[Tool::Postgres, Tool::Redis], || {
        tests("faults", &["--nocapture", "--test-threads=1"], names)
    })
}

/// Every statement and every claim beside a million messages.
fn plans(names: &[String]) -> Result<(), Failure> {
    step("find or fetch what the tests need", || setup::setup(&[Tool::Postgres, Tool::Redis]))?;
    let services = Services::start()?;
    step("plans", || {
        let mut command = cargo(&["test", "--locked", "--package", "store", "--test", "it", "--"]);
        run(command.args(filters(&["plans::"], names)).envs(services.variables()).env(LONG_VARIABLE, "1"))
    })
}

/// Answers of the REST layer to many more requests that the OpenAPI document allows, or does not.
fn answers(names: &[String]) -> Result<(), Failure> {
    against_a_server("answers", Profile::Dev, &Tool::ALL, || tests("e2e", &[], &filters(&["fuzz::"], names)))
}

/// How the server is built that is tested.
#[derive(Clone, Copy)]
enum Profile {
    Dev,
    Release,
}

/// Runs the black-box tests that `command` names, with the server that they start and the services that they share.
fn against_a_server(
    name: &str,
    profile: Profile,
    tools: &[Tool],
    command: impl FnOnce() -> Command,
) -> Result<(), Failure> {
    step("find or fetch what the tests need", || setup::setup(tools))?;
    let services = Services::start()?;
    let build = ["build", "--locked", "--package", "switchboard"];
    let (build, directory) = match profile {
        Profile::Dev => (build.to_vec(), debug_dir()?),
        Profile::Release => ([&build[..], &["--release"]].concat(), debug_dir()?.with_file_name("release")),
    };
    step("build", || run(&mut cargo(&build)))?;
    let binary = directory.join("switchboard");
    step(name, || run(command().envs(services.variables()).env("SWITCHBOARD_TEST_BINARY", binary)))
}

/// What is asked for, or all: tests that fit any of several names are run.
fn filters(all: &[&str], names: &[String]) -> Vec<String> {
    if names.is_empty() { all.iter().map(ToString::to_string).collect() } else { names.to_vec() }
}

/// The fuzz targets, explored as `cargo xtask fuzz` does.
fn explore(names: &[String]) -> Result<(), Failure> {
    fuzz::fuzz(names)
}

/// The tests of a file among the black-box tests, in their long form.
fn tests(file: &str, options: &[&str], names: &[String]) -> Command {
    let mut command = cargo(&["test", "--locked", "--package", "switchboard-tests", "--test", file, "--"]);
    command.args(options).args(names).env(LONG_VARIABLE, "1");
    command
}
