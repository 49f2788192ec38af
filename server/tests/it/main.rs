//! The REST layer, through its router, on a real database.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod administration;
mod audit;
mod beginnings;
mod bodies;
mod connections;
mod crossing;
mod desk;
mod doors;
mod elevation;
mod events;
mod feed;
mod gate;
mod harness;
mod hooks;
mod imports;
mod isolation;
mod join_links;
mod listener;
mod names;
mod operations;
mod people;
mod privacy;
mod recordings;
mod resources;
mod rules;
mod sign_in;
mod speak;
mod statuses;
mod things;
mod trust;
