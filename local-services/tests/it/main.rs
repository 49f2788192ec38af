//! Against the real binaries that `cargo xtask setup` provides.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod chromium;
mod postgres;
mod redis;

use std::{
    fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory for one test, deleted at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("switchboard-services-{}-{number}", process::id()));
        fs::create_dir_all(&dir).expect("a directory can be made");
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("nothing holds the directory any more");
    }
}
