//! Running commands: what is being done, how long it took, what went wrong.

use std::{
    cell::RefCell,
    env, fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Why a command did not do what it should, in words for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// One that says this.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Prints a line on standard error, where progress belongs.
pub(crate) fn say(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _closed = writeln!(io::stderr(), "{line}");
}

/// The directory of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds with the development profile: beside this program.
pub(crate) fn debug_dir() -> Result<PathBuf, Failure> {
    let program = env::current_exe()?;
    program.parent().map(Path::to_owned).ok_or_else(|| Failure::new("this program has no directory"))
}

/// The cargo that runs us, in the checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    cargo_in(&root(), arguments)
}

/// The same, in another directory.
pub(crate) fn cargo_in(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(directory);
    // Set by cargo for this program; left in place they would make every build script run again.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// What has taken how long.
#[derive(Clone)]
struct Ended {
    name: String,
    took: Duration,
    /// Of the step before it in the list, whose time has this in it.
    is_part: bool,
}

thread_local! {
    /// The steps that have ended, and how many have not.
    static STEPS: RefCell<(Vec<Ended>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// Does something, printing what and how long it took.
///
/// # Errors
/// Whatever `action` fails with.
#[expect(clippy::disallowed_methods, reason = "measures what the developer waited for")]
pub(crate) fn step<T>(name: &str, action: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    say(&format!("==> {name}"));
    let started = Instant::now();
    let before = STEPS.with_borrow_mut(|(ended, depth)| {
        *depth = depth.saturating_add(1);
        ended.len()
    });
    let outcome = action();
    let took = started.elapsed();
    STEPS.with_borrow_mut(|(ended, depth)| {
        *depth = depth.saturating_sub(1);
        ended.insert(before, Ended { name: name.to_owned(), took, is_part: *depth > 0 });
    });
    let ended = if outcome.is_ok() { "done" } else { "FAILED" };
    say(&format!("    {ended}: {name}, {:.1} s", took.as_secs_f64()));
    outcome
}

/// Notes what a part of the step that is being done has taken.
pub(crate) fn part(name: &str, took: Duration) {
    STEPS.with_borrow_mut(|(ended, _)| ended.push(Ended { name: name.to_owned(), took, is_part: true }));
}

/// Prints how long each step and its parts have taken, and all of them.
pub(crate) fn say_times() {
    let ended = STEPS.with_borrow(|(ended, _)| ended.clone());
    let line = |took: Duration, name: &str| say(&format!("{:8.1} s  {name}", took.as_secs_f64()));
    say("");
    for Ended { name, took, is_part } in &ended {
        line(*took, &format!("{}{name}", if *is_part { "         " } else { "" }));
    }
    line(ended.iter().filter(|step| !step.is_part).map(|step| step.took).sum(), "all steps");
}

/// Runs a command with its output on the terminal.
///
/// # Errors
/// If it cannot be run or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_run(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed: {status}", words(command))))
    }
}

/// Runs a command and returns what it prints.
///
/// # Errors
/// If it cannot be run or does not succeed, with what it said on standard error.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::new(format!("`{}` failed: {}\n{}", words(command), output.status, said.trim_end())))
    }
}

/// Whether there is a command of this name.
pub(crate) fn has(name: &str) -> bool {
    env::var_os("PATH").iter().flat_map(env::split_paths).any(|place| place.join(name).is_file())
}

/// The same command, with what others leave of the processors.
pub(crate) fn patiently(command: &Command) -> Command {
    let mut patient = Command::new("nice");
    patient.args(["-n", "19"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => patient.env(name, value),
            None => patient.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        patient.current_dir(directory);
    }
    patient
}

/// Why a command has not even begun.
pub(crate) fn cannot_run(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be run: {error}", words(command)))
}

/// A command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
