//! How long each test program takes, as cargo names it when it starts it.

use super::failures::Failures;
use crate::shell::{Failure, cannot_run, part, say, words};
use std::{
    convert::Infallible,
    io::{self, BufRead, BufReader, IsTerminal as _, Read},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether cargo has ended.
const EVERY: Duration = Duration::from_millis(200);

/// Lines that wait to be shown; cargo waits when there are more.
const LINES_MAX: usize = 256;

/// What takes less is not worth a line.
const SHORT: Duration = Duration::from_secs(1);

/// Says by being dropped that tests run.
pub(super) type Begun = SyncSender<Infallible>;

/// Runs `cargo test`, and notes the times of its programs as parts of the step that it is in. `begun` is dropped
/// when the first of them runs; until then, this cargo keeps any other waiting. What it prints goes out on standard
/// error, all of it in the order in which it was printed.
///
/// # Errors
/// If it cannot be run or does not succeed, with the tests that failed and what they said.
#[expect(clippy::disallowed_methods, reason = "measures what the developer waited for")]
pub(super) fn run(command: &mut Command, begun: Begun) -> Result<(), Failure> {
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    // Cargo names the programs on the one, they report on the other.
    let (output, writer) = io::pipe()?;
    let command = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().map_err(|error| cannot_run(command, &error))?;
    let (sender, lines) = sync_channel(LINES_MAX);
    thread::spawn(move || read(output, &sender));
    let mut failures = Failures::default();
    let mut started: Option<(String, Instant)> = None;
    let mut begun = Some(begun);
    let mut note = |next: Option<String>| {
        let ended = started.take().filter(|(_, since)| since.elapsed() >= SHORT);
        if let Some((name, since)) = ended {
            part(&name, since.elapsed());
        }
        if next.is_some() {
            begun = None;
        }
        started = next.map(|name| (name, Instant::now()));
    };
    // What a test has left running holds the pipe: not its end counts, but cargo's.
    let status = loop {
        let ended = child.try_wait()?;
        show(&lines, &mut note, &mut failures);
        if let Some(status) = ended {
            break status;
        }
    };
    note(None);
    drop(begun);
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed: {status}{failures}", words(command))))
    }
}

/// Shows the lines that are there, and what comes within [`EVERY`].
fn show(lines: &Receiver<String>, note: &mut impl FnMut(Option<String>), failures: &mut Failures) {
    loop {
        match lines.recv_timeout(EVERY) {
            Ok(line) => {
                if let Some(name) = suite(&line) {
                    failures.suite(&name);
                    note(Some(name));
                }
                failures.line(&line);
                say(&line);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn read(output: impl Read, sender: &SyncSender<String>) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}

/// The program that cargo says it runs: `store, tests/it/main.rs`.
fn suite(line: &str) -> Option<String> {
    let line = line.replace("\u{1b}[1m", "").replace("\u{1b}[92m", "").replace("\u{1b}[32m", "");
    let line = line.replace("\u{1b}[0m", "");
    let text = line.trim_start();
    if let Some(name) = text.strip_prefix("Doc-tests ") {
        return Some(format!("examples of {name}"));
    }
    let (source, program) = text.strip_prefix("Running ")?.split_once(" (")?;
    let program = program.rsplit('/').next()?.trim_end_matches(')');
    let (name, _hash) = program.rsplit_once('-')?;
    Some(format!("{name}, {}", source.trim_start_matches("unittests ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_services::scratch::Scratch;
    use std::fs;

    #[test]
    fn the_tests_that_failed_are_named_in_the_end() {
        let script = "echo '  Running tests/it/main.rs (target/debug/deps/it-0f)' >&2; echo failures:;
            echo '---- plans::all stdout ----'; echo why; echo 'test result: FAILED.'; exit 101";
        let failure = run(Command::new("sh").args(["-c", script]), sync_channel(0).0).unwrap_err();
        let told = "exit status: 101\n    FAILED: it, tests/it/main.rs: plans::all\n        why\n";
        assert!(failure.to_string().ends_with(told), "{failure}");
    }

    /// Would take a minute if it were waited for.
    #[test]
    fn what_a_test_has_left_running_is_not_waited_for() {
        let failure =
            run(Command::new("sh").args(["-c", "sleep 60 & exit 3"]), sync_channel(0).0).unwrap_err();
        assert!(failure.to_string().contains("exit status: 3"), "{failure}");
    }

    #[test]
    fn others_hear_when_the_first_test_program_runs() {
        let (begun, waits) = sync_channel(0);
        let directory = Scratch::new().unwrap();
        let go_on = directory.join("go on");
        let line = "     Running unittests src/lib.rs (target/debug/deps/store-0f7835e6a88b5979)";
        let script = format!(
            "echo Compiling >&2; echo '{line}' >&2; until [ -e '{}' ]; do sleep 0.01; done",
            go_on.display()
        );
        thread::scope(|scope| {
            let suites = scope.spawn(|| run(Command::new("sh").args(["-c", &script]), begun).unwrap());
            let heard = waits.recv_timeout(Duration::from_secs(20));
            // Whatever was heard: the program waits for it.
            fs::write(&go_on, "").unwrap();
            suites.join().unwrap();
            assert_eq!(heard, Err(RecvTimeoutError::Disconnected));
        });
    }

    #[test]
    fn a_test_program_is_named_by_its_crate_and_its_source() {
        let line = "     Running unittests src/lib.rs (target/debug/deps/store-0f7835e6a88b5979)";
        assert_eq!(suite(line).unwrap(), "store, src/lib.rs");
        let line =
            "\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/e2e.rs (target/debug/deps/e2e-fd2ddd8af962c530)";
        assert_eq!(suite(line).unwrap(), "e2e, tests/e2e.rs");
        assert_eq!(suite("   Doc-tests common").unwrap(), "examples of common");
        assert_eq!(suite("Running out of memory"), None);
    }
}
