//! How far a build is: one line that changes on a terminal, a line now and then elsewhere.
//!
//! Cargo counts its own steps and prints them for people, on terminals only. It is asked to print them always
//! (`term.progress`), and what it prints is read here; a line that is not understood goes out as it is.

use crate::shell::{Failure, cannot_run, say, words};
use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _, Read, Write as _},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// How often the line on a terminal changes.
const TERMINAL_EVERY: Duration = Duration::from_millis(500);

/// How often a line is written to a file.
const FILE_EVERY: Duration = Duration::from_secs(15);

/// What cargo prints for people.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// So many steps of so many, and what is being worked on.
    Steps { done: usize, all: usize, at: String },
    /// That a step was begun or a crate fetched: the count says it shorter.
    Begun,
    /// Anything else, errors and warnings among it.
    Other(String),
}

/// Runs a build, showing how far it is.
///
/// # Errors
/// If it cannot be run or does not succeed.
#[expect(clippy::disallowed_methods, reason = "tells the developer how long it has taken")]
pub(crate) fn build(command: &mut Command) -> Result<(), Failure> {
    let is_terminal = io::stderr().is_terminal();
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "120");
    command.env("CARGO_TERM_COLOR", if is_terminal { "always" } else { "never" });
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_run(command, &error))?;
    let (sender, lines) = sync_channel(64);
    let output = child.stderr.take();
    let reader = thread::spawn(move || output.map(|output| read(output, &sender)));
    show(&lines, is_terminal, Instant::now());
    let status = child.wait()?;
    // It ended with cargo's last word; what a broken pipe left out is in the status.
    let _read = reader.join();
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed: {status}", words(command))))
    }
}

/// Shows lines until there are no more.
#[expect(clippy::disallowed_methods, reason = "tells the developer how long it has taken")]
fn show(lines: &Receiver<Line>, is_terminal: bool, started: Instant) {
    let every = if is_terminal { TERMINAL_EVERY } else { FILE_EVERY };
    let mut steps = None;
    let mut shown_at = started;
    loop {
        match lines.recv_timeout(every) {
            Ok(Line::Steps { done, all, at }) => steps = Some((done, all, at)),
            Ok(Line::Begun) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Line::Other(text)) => {
                erase(is_terminal);
                say(&text);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if shown_at.elapsed() < every {
            continue;
        }
        if let Some((done, all, at)) = &steps {
            let line = format!("    {done} of {all} steps, {} s: {at}", started.elapsed().as_secs());
            if is_terminal {
                erase(true);
                let short: String = line.chars().take(78).collect();
                let _closed = write!(io::stderr(), "{short}");
            } else {
                say(&line);
            }
            shown_at = Instant::now();
        }
    }
    erase(is_terminal);
}

/// Makes room for another line where the last one was.
fn erase(is_terminal: bool) {
    if is_terminal {
        let _closed = write!(io::stderr(), "\r\u{1b}[K");
    }
}

/// Sends every line, until the output or the receiver has ended.
fn read(mut output: impl Read, sender: &SyncSender<Line>) {
    let mut bytes = VecDeque::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = output.read(&mut chunk) {
        bytes.extend(chunk.iter().take(read));
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let line: Vec<u8> = bytes.drain(..=end).take(end).collect();
            let line = String::from_utf8_lossy(&line);
            if !plain(&line).trim().is_empty() && sender.send(parse(&line)).is_err() {
                return;
            }
        }
    }
    if !bytes.is_empty() {
        let unended = String::from_utf8_lossy(bytes.make_contiguous()).into_owned();
        let _nobody_listens = sender.send(parse(&unended));
    }
}

fn parse(line: &str) -> Line {
    let text = plain(line);
    match text.trim().split_once(' ') {
        Some(("Compiling" | "Downloaded" | "Fresh" | "Dirty" | "Adding" | "Locking", _)) => Line::Begun,
        Some(("Building", rest)) => match steps(rest) {
            Some((done, all, at)) => Line::Steps { done, all, at },
            None => Line::Begun,
        },
        Some(_) | None => Line::Other(line.trim_end().to_owned()),
    }
}

/// The numbers of `[====>   ] 12/345: serde, syn`.
fn steps(text: &str) -> Option<(usize, usize, String)> {
    let (_bar, rest) = text.split_once("] ")?;
    let (count, at) = rest.split_once(": ").unwrap_or((rest, ""));
    let (done, all) = count.trim().split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?, at.trim().to_owned()))
}

/// The line without colours and cursor movements.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // `ESC [ parameters final`: the final byte is a letter.
            let _escape = characters.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_cargo_is_found_with_and_without_colour() {
        let expected = || Line::Steps { done: 12, all: 345, at: "serde, syn(build)".to_owned() };
        assert_eq!(parse("    Building [=>       ] 12/345: serde, syn(build)"), expected());
        let coloured =
            "\u{1b}[K\u{1b}[1m\u{1b}[36m    Building\u{1b}[0m [=>       ] 12/345: serde, syn(build)";
        assert_eq!(parse(coloured), expected());
    }

    #[test]
    fn what_is_no_count_goes_out_as_it_is() {
        let error = "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: no such file";
        assert_eq!(parse(error), Line::Other(error.to_owned()));
        assert_eq!(parse("   Compiling serde v1.0.0"), Line::Begun);
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        let (sender, lines) = sync_channel(8);
        read(&b"  Building [> ] 1/2: a\r\r\nerror: b\nunended"[..], &sender);
        drop(sender);
        let lines: Vec<_> = lines.iter().collect();
        let steps = Line::Steps { done: 1, all: 2, at: "a".to_owned() };
        let others = ["error: b", "unended"].map(|text| Line::Other(text.to_owned()));
        assert_eq!(lines.split_first(), Some((&steps, &others[..])));
    }
}
