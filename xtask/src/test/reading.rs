//! What only reads the code runs beside the tests: they wait more than they compute, and it gets what they
//! leave of the processors.
//!
//! On two cores and from nothing that is a fifth of the time of all steps. What it finds is said at once,
//! and the tests go on.

use super::suites::Begun;
use crate::{
    generate,
    services::Services,
    shell::{Failure, cargo, output, part, patiently, say, step},
    tidy::PURE,
};
use std::{
    convert::Infallible,
    process::Command,
    sync::mpsc::sync_channel,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

/// One of the checks: its name, how long it took, and whether it found nothing.
type Outcome = (&'static str, Duration, bool);

/// Runs `tests`, and everything that only reads the code beside them.
///
/// # Errors
/// If either is not as it should be; the tests' first.
pub(super) fn beside(
    services: &Services,
    tests: impl FnOnce(Begun) -> Result<(), Failure>,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let (begun, begins) = sync_channel::<Infallible>(0);
        let checks = scope.spawn(move || {
            let _dropped = begins.recv();
            check(services)
        });
        let tests = tests(begun);
        let checks = step("wait for what was checked beside the tests", || outcome(checks));
        tests.and(checks)
    })
}

/// In this order: clippy leaves to the others what they need of the dependencies.
#[expect(clippy::disallowed_methods, reason = "measures what the developer waited for")]
fn check(services: &Services) -> Vec<Outcome> {
    type Check<'a> = &'a dyn Fn() -> Result<(), Failure>;
    let checks: [(&str, Check<'_>); 4] = [
        ("clippy", &clippy),
        ("pure crates, each alone", &pure),
        ("documentation", &documentation),
        ("queries against Postgres and store/.sqlx", &|| generate::check(services)),
    ];
    let mut outcomes = Vec::new();
    for (name, check) in checks {
        let started = Instant::now();
        let found = check();
        let is_wrong = found.is_err();
        if let Err(failure) = &found {
            say(&format!("    FAILED beside the tests: {name}\n{failure}"));
        }
        outcomes.push((name, started.elapsed(), found.is_ok()));
        // It may have been interrupted, and the next would have to be, too.
        if is_wrong {
            break;
        }
    }
    outcomes
}

fn outcome(checks: ScopedJoinHandle<'_, Vec<Outcome>>) -> Result<(), Failure> {
    let all = checks.join().map_err(|_panic| Failure::new("the checks beside the tests broke off"))?;
    let mut outcome = Ok(());
    for (name, took, is_right) in all {
        part(&format!("{name} (beside the tests)"), took);
        if !is_right {
            outcome = Err(Failure::new(format!("{name}: see above")));
        }
    }
    outcome
}

fn clippy() -> Result<(), Failure> {
    quietly(&cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn pure() -> Result<(), Failure> {
    // Together, one crate's features could hide that another lacks them.
    PURE.iter().try_for_each(|name| quietly(&cargo(&["check", "--locked", "--package", name])))
}

fn documentation() -> Result<(), Failure> {
    let mut command = cargo(&["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    // It is for readers of the code: links to private items are what they need.
    command.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private-intra-doc-links");
    quietly(&command)
}

/// What it prints is shown only if it fails: the terminal is the tests'.
fn quietly(command: &Command) -> Result<(), Failure> {
    output(&mut patiently(command)).map(drop)
}
