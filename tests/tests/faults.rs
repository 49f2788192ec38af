//! What breaks around Switchboard, broken for real under load: nothing acknowledged is lost or heard twice,
//! and service is back by itself within ten seconds of the fault's end.
//!
//! `cargo xtask test` runs each fault once; `cargo xtask test long faults` runs these alone, for longer
//! (`SWITCHBOARD_TEST_LONG=1`). Each has threads beside the test's own: starting a service stops that one, and
//! the clients of the load go on. A fault that this machine does not let us make is said to be left out,
//! by name and reason, on standard error.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "black boxes play the outside: they dial, wait and measure in the time of the real world"
)]

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/crowd.rs"]
mod crowd;
#[path = "faults/descriptors.rs"]
mod descriptors;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/embedded.rs"]
mod embedded;
#[path = "faults/followers.rs"]
mod followers;
#[path = "faults/postgres.rs"]
mod postgres;
#[path = "faults/redis.rs"]
mod redis;
#[path = "faults/rolling.rs"]
mod rolling;
#[path = "faults/servers.rs"]
mod servers;
#[path = "faults/stage.rs"]
mod stage;
