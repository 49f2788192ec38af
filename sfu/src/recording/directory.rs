//! The directories of recordings: whose they are, their manifests, and how much room there is.
//!
//! Each media node has one of its own, `NODE/RECORDING/`, and holds a lock in it for as long as it lives: the system
//! takes that back from a process that is killed. So several nodes may have theirs in one place, and what is left
//! behind is told from what is being written.

use super::{file, finished::FinishedRecording};
use common::{
    id::RecordingId,
    recording::{MANIFEST_FILE, Manifest, RecordingEnd, RecordingStatus},
};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A new manifest, until it takes the place of the last.
const NEW_MANIFEST_FILE: &str = "manifest.json.new";

/// Locked while its node lives, or somebody takes care of what it left behind.
const LOCK_FILE: &str = "lock";

/// The directory of one node's recordings, which nobody else touches meanwhile.
#[derive(Debug)]
pub(super) struct NodeDirectory {
    path: PathBuf,
    /// Of a node that is gone.
    is_left_behind: bool,
    _lock: File,
}

impl NodeDirectory {
    /// Makes and takes the directory of this node.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn own(root: &Path, node: &str) -> io::Result<Arc<Self>> {
        let path = root.join(node);
        loop {
            fs::create_dir_all(&path)?;
            let lock = open_lock(&path)?;
            lock.lock()?;
            // Somebody may have taken it for left behind before it was locked, and removed it.
            let there = fs::metadata(path.join(LOCK_FILE));
            if there.is_ok_and(|there| lock.metadata().is_ok_and(|own| own.ino() == there.ino())) {
                return Ok(Arc::new(Self { path, is_left_behind: false, _lock: lock }));
            }
        }
    }

    /// Takes the directory of a node that is gone; `None` if it is not, or somebody else has taken it.
    fn left_behind(path: PathBuf) -> io::Result<Option<Arc<Self>>> {
        let lock = match open_lock(&path) {
            Ok(lock) => lock,
            // Its last recording was just taken care of.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Some(Arc::new(Self { path, is_left_behind: true, _lock: lock }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files of a recording are.
    pub(super) fn of(&self, recording: RecordingId) -> PathBuf {
        self.path.join(recording.to_string())
    }

    /// Removes the directory if its node is gone and nothing is in it any more.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn leave_if_empty(&self) -> io::Result<()> {
        if self.is_left_behind && entries(&self.path)?.is_empty() {
            fs::remove_file(self.path.join(LOCK_FILE))?;
            fs::remove_dir(&self.path)?;
        }
        Ok(())
    }
}

fn open_lock(directory: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(directory.join(LOCK_FILE))
}

/// Writes a manifest in the place of the last: whoever reads finds the one or the other.
///
/// # Errors
/// The system's refusal.
pub(super) fn write_manifest(directory: &Path, manifest: &Manifest) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(manifest)?;
    let new = directory.join(NEW_MANIFEST_FILE);
    fs::write(&new, text)?;
    fs::rename(new, directory.join(MANIFEST_FILE))
}

/// How many bytes may still be written where this directory is.
///
/// # Errors
/// The system's refusal.
pub(super) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let about = nix::sys::statvfs::statvfs(directory)?;
    Ok(about.blocks_available().saturating_mul(about.fragment_size()))
}

/// Measures the files of a recording that has ended, and writes down what they are. Takes as long as reading them:
/// not for the recorder's thread.
///
/// # Errors
/// The system's refusal.
pub(super) fn finish(
    directory: PathBuf,
    mut manifest: Manifest,
    node: Arc<NodeDirectory>,
) -> io::Result<FinishedRecording> {
    for track in &mut manifest.tracks {
        let Some(name) = &track.file else { continue };
        match file::measure(&directory.join(name)) {
            Ok((length, digest)) => (track.size_bytes, track.sha256) = (Some(length), Some(digest)),
            // Nothing of it was written before the disk refused.
            Err(error) if error.kind() == ErrorKind::NotFound => track.file = None,
            Err(error) => return Err(error),
        }
    }
    match write_manifest(&directory, &manifest) {
        // The files are whole, and what they are is said here. Were the process killed now, they would be measured anew.
        Err(error) if error.kind() == ErrorKind::StorageFull => {}
        outcome => outcome?,
    }
    Ok(FinishedRecording { directory, manifest, node })
}

/// The recordings that processes left behind which ended in the middle, as whoever finds them keeps them.
///
/// What cannot be read is left where it is: it is somebody's, and no recording.
///
/// # Errors
/// The system's refusal to show what is there.
pub(super) fn left_behind(root: &Path) -> io::Result<Vec<FinishedRecording>> {
    let mut found = Vec::new();
    for path in entries(root)? {
        let Some(node) = NodeDirectory::left_behind(path)? else { continue };
        for directory in entries(&node.path)? {
            let Ok(text) = fs::read(directory.join(MANIFEST_FILE)) else { continue };
            let Ok(mut manifest) = serde_json::from_slice::<Manifest>(&text) else { continue };
            if manifest.status == RecordingStatus::Recording {
                interrupt(&mut manifest);
            }
            found.push(finish(directory, manifest, Arc::clone(&node))?);
        }
        node.leave_if_empty()?;
    }
    Ok(found)
}

/// Says of a recording whose node is gone how it has ended.
fn interrupt(manifest: &mut Manifest) {
    manifest.status = RecordingStatus::Interrupted;
    manifest.end_reason = Some(RecordingEnd::Interrupted);
    for track in &mut manifest.tracks {
        track.end_reason.get_or_insert(RecordingEnd::Interrupted);
    }
}

/// The directories in one, in the order of their names.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}
