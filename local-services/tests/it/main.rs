//! Against the real binaries that `cargo xtask setup` provides.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod chromium;
mod firefox;
mod postgres;
mod redis;
