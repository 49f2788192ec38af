//! The memory that hashing works in: made when it is first needed, then used again and again.
//!
//! An allocator that gets 19 MiB back from one thread after the other keeps
//! them for each: thirty sign-ins at once would cost half a gigabyte for good.

use argon2::{Block, Params};
use std::sync::{Mutex, PoisonError};

/// The workspaces that nobody is in.
#[derive(Default)]
pub(super) struct Workspaces(Mutex<Vec<Vec<Block>>>);

impl Workspaces {
    /// One for the caller alone. Callers take turns, so there are never more than turns.
    pub(super) fn take(&self) -> Vec<Block> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(fresh)
    }

    /// How many there are that nobody is in.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn put_back(&self, workspace: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }
}

/// Memory for the parameters that all our hashes have.
pub(super) fn fresh() -> Vec<Block> {
    vec![Block::new(); Params::DEFAULT.block_count()]
}
