//! The REST layer, through its router, on a real database.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod administration;
mod bodies;
mod connections;
mod crossing;
mod desk;
mod elevation;
mod feed;
mod gate;
mod harness;
mod imports;
mod isolation;
mod operations;
mod privacy;
mod resources;
mod rules;
mod sign_in;
mod speak;
mod things;
mod trust;
