//! The media server's shell: sockets, shards, control over the bus.
//!
//! A packet's journey: [`socket`] takes it in a batch, the packet loop of a
//! [`shard`] hands it to the media plane of `sfu-core` and gives what comes out
//! back to the socket. No lock, no await, no channel on the way. Where no UDP goes through, packets come and go on
//! connections of the same thread ([`tcp`]).
//!
//! A participant's journey: the hub asks [`control`] over the bus; the session's
//! owner decides by the rules of [`session`] who is in and which way media
//! travels, tells the shard, and announces the outcome.

mod addresses;
mod config;
mod control;
mod ledger;
mod limits;
mod meter;
mod recording;
mod role;
mod session;
mod shard;
mod socket;
mod tcp;

pub use config::Config;
pub use ledger::Ledger;
pub use limits::limits;
pub use recording::FinishedRecording;
pub use role::{Deps, Media, RunError, StartError, run};
