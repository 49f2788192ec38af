//! Recording: what shards hand over is written to disk by a thread of its own, and nobody on a packet's way waits for
//! it.
//!
//! A shard gives what came of recorded sessions to the [`recorder`] by a ring with a bound. The recorder has a
//! [`directory`] for each recording, with a [`file`](mod@file) for each track and the manifest, which is written
//! whenever a track begins or ends: a process that is killed leaves files that can be played, and says which. Of what
//! has [`finished`] somebody else takes care.

mod directory;
mod file;
mod finished;
mod ongoing;
mod recorder;

pub use finished::FinishedRecording;
pub(crate) use ongoing::Begin;
pub(crate) use recorder::{Bounds, Closed, Feed, MESSAGES_MAX, Recorder, Refused, RefusedByDisk};

#[cfg(test)]
mod tests;

/// Tracks of one recording at most, one that was published again counted again. More are not recorded.
pub(crate) const TRACKS_MAX: usize = 500;

/// Of these, how many one participant may have, with however many connections: whoever publishes again and again takes
/// no place of the others.
pub(crate) const TRACKS_PER_PARTICIPANT_MAX: usize = 100;
