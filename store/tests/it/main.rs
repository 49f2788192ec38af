//! What the store promises, against a real Postgres.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod administration;
mod backlog;
mod changes;
mod connect;
mod fair;
mod fixture;
mod inbox;
mod isolation;
mod locks;
mod plans;
mod queues;
mod reseal;
mod rooms;
mod shares;
mod sign_ins;
mod standing;
mod upgrade;
