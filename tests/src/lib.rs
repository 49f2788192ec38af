//! What the black-box tests share: a real server, and everybody who talks to it.
//!
//! An [`installation`] is a fresh database with an account; a [`server`] is the
//! real binary on it. Everybody who speaks the wire protocol does so by
//! `signalling_client`: a [`socket`] fails the test where anything is not as
//! expected, a [`tenacious`] client comes back. Two speak it by themselves:
//! [`raw`] has no manners, [`event_stream`] no WebSocket. [`rest`] is the other
//! API, a [`middlebox`] stands between, [`kernel`] says what a server holds and
//! uses, [`native`] is a participant in a call without a browser, [`stack`] is
//! one of which everything is somebody else's, [`browser`] is a Chromium or a
//! Firefox with the console open, [`graph`] stands in for Meta and
//! [`webhook`] signs what Meta would send. A [`load`] of tenacious clients and
//! [`answers`] goes on through faults and keeps a [`ledger`] of what was
//! promised. [`description`] is for simulations of the media engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]

mod answers;
pub mod browser;
pub mod description;
pub mod event_stream;
pub mod graph;
pub mod installation;
pub mod kernel;
pub mod ledger;
pub mod load;
pub mod middlebox;
pub mod narrow;
pub mod native;
pub mod people;
pub mod push;
pub mod raw;
mod replay;
pub mod rest;
pub mod server;
pub mod socket;
pub mod stack;
pub mod tcp_line;
pub mod tenacious;
pub mod webhook;
pub mod whip;

use std::time::Duration;

/// How long anything that a test waits for may take. Generous: it only bounds failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The same for what pages and other stacks show. On a machine without idle time packets arrive as over a network that
/// carries little: pictures pause, and come back once there was room for a while.
pub const MEDIA_PATIENCE: Duration = Duration::from_secs(90);

/// Waits for something that nobody tells of, by looking again and again. `what` is what has not come
/// to be when `patience` ends.
///
/// # Panics
/// If it does not come to be.
pub async fn eventually(what: &str, patience: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    assert!(tokio::time::timeout(patience, looks).await.is_ok(), "{what}");
}

/// How soon [`eventually`] looks again: often enough to add little, seldom enough to cost the machine nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Says what a test has measured, or what it had to leave out, where it is read also if the test passes: what the
/// print macros write is shown of failures only.
pub fn report(text: &str) {
    use std::io::Write as _;
    // Without anybody to read it there is nothing to report.
    let _nobody_reads = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether there is time for the long form of a test: `cargo xtask test long`.
pub fn is_long() -> bool {
    std::env::var_os("SWITCHBOARD_TEST_LONG").is_some()
}

/// The value of a variable that `cargo xtask test` sets.
///
/// # Panics
/// If it is not set: a missing service is a failure, never a skip.
pub fn provided(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask test`, or `cargo xtask services` for single tests")
    })
}
