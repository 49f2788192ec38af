//! A recording that has ended, until somebody has stored it.

use super::directory::{self, NodeDirectory};
use common::recording::Manifest;
use std::{io, path::PathBuf, sync::Arc};

/// A recording that has ended: its directory, and what lies there.
///
/// Whoever has it stores the files and [`discards`](Self::discard) the directory. Of one that is dropped the directory
/// stays, and is found by the next media server that starts where it lies.
#[derive(Debug, Clone)]
pub struct FinishedRecording {
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
    /// Keeps others from the directory of the node that recorded.
    pub(super) node: Arc<NodeDirectory>,
}

impl FinishedRecording {
    /// What it is. Sizes and hashes are those of the files.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its files: of each the name that it has in the manifest, and where it lies.
    pub fn files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let names = self.manifest.tracks.iter().filter_map(|track| track.file.as_deref());
        names.map(|name| (name, self.directory.join(name)))
    }

    /// Removes its directory, unless it is removed already. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn discard(&self) -> io::Result<()> {
        directory::remove(&self.directory)?;
        self.node.leave_if_empty()
    }
}
