//! What goes out and what does not, with real sockets on loopback.
//!
//! 127.0.0.1 plays the public address (it is allowed where a test says so), 127.0.0.2 the one that
//! must not be reached.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: whatever is not as expected is a failure"
)]

mod client;
mod dialler;
mod stranger;
