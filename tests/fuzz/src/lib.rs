//! What strangers can send, as fuzz targets.
//!
//! A [`Target`] takes any bytes and fails, by a panic, if something untrue is found: a parser that
//! panics, accepts what it must refuse, or says something else when asked again. The [`corpus`] of each
//! is replayed by the tests; `cargo xtask fuzz` explores further and keeps what reached new code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]

pub mod corpus;
mod targets;

pub use targets::TARGETS;

/// Something that reads what strangers send.
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Valid inputs, from which exploring starts.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes one input. Panics if something is not as it must be.
    pub run: fn(&[u8]),
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
