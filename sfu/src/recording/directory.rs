//! The directories of recordings: whose they are, their manifests, and how much room there is.
//!
//! Each media node has one of its own, `NODE/RECORDING/`, and holds a lock in it for as long as it lives: the system
//! takes that back from a process that is killed. So several nodes may have theirs in one place, and what is left
//! behind is told from what is being written. Whatever else lies there is somebody else's, and left alone. Nobody but
//! the server's own user reads here.

use super::{file, finished::FinishedRecording};
use common::{
    error::Chain,
    id::{NodeId, RecordingId},
    recording::{MANIFEST_FILE, Manifest, RecordingEnd, RecordingStatus},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};
use tracing::warn;

/// Of directories: whoever owns them may do all, and nobody else anything.
const DIRECTORY_MODE: u32 = 0o700;

/// The same of files.
const FILE_MODE: u32 = 0o600;

/// The mark of a directory in which everybody has something, such as `/tmp`.
const STICKY: u32 = 0o1000;

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
    pub(super) fn own(root: &Path, node: NodeId) -> io::Result<Arc<Self>> {
        make(root)?;
        if let Err(error) = keep_private(root) {
            let root = root.display();
            warn!(error = %Chain(&error), "Others may see which recordings lie in {root}, and none of what was said");
        }
        let path = root.join(node.to_string());
        loop {
            make(&path)?;
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
        let lock = match keep_private(&path).and_then(|()| open_lock(&path)) {
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
        if !self.is_left_behind {
            return Ok(());
        }
        match entries(&self.path) {
            Ok(entries) if entries.is_empty() => {
                fs::remove_file(self.path.join(LOCK_FILE))?;
                fs::remove_dir(&self.path)
            }
            Ok(_) => Ok(()),
            // It was left before.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Makes a directory that only its owner sees into, and those that lead to it, unless it is there.
///
/// # Errors
/// The system's refusal.
pub(super) fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// Takes from others what they may do in a directory that is there, unless it is everybody's.
fn keep_private(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.mode();
    if mode & STICKY != 0 || mode & 0o777 == DIRECTORY_MODE {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))
}

/// How files are made: only their owner reads them.
pub(super) fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(FILE_MODE);
    options
}

fn open_lock(directory: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(directory.join(LOCK_FILE))
}

/// Writes a manifest in the place of the last: whoever reads finds the one or the other, even if the machine loses its
/// power meanwhile.
///
/// # Errors
/// The system's refusal.
pub(super) fn write_manifest(directory: &Path, manifest: &Manifest) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(manifest)?;
    let new = directory.join(NEW_MANIFEST_FILE);
    let mut file = private().create(true).truncate(true).open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(new, directory.join(MANIFEST_FILE))?;
    File::open(directory)?.sync_all()
}

/// Removes the directory of a recording, the manifest after all else: as long as something is there, whoever finds it
/// knows what it is. One that is not there is removed already.
///
/// # Errors
/// The system's refusal.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if !path.ends_with(MANIFEST_FILE) {
            fs::remove_file(path)?;
        }
    }
    fs::remove_dir_all(directory)
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
/// What cannot be read is left where it is, and so is what is no recording: it is somebody else's.
///
/// # Errors
/// The system's refusal to show what is there.
pub(super) fn left_behind(root: &Path) -> io::Result<Vec<FinishedRecording>> {
    let (nodes, foreign) = named::<NodeId>(entries(root)?);
    if let Some(one) = foreign.first() {
        let (count, one) = (foreign.len(), one.display());
        warn!(count, "Some folders beside the recordings are none, and left alone: {one}");
    }
    let mut found = Vec::new();
    for path in nodes {
        let shown = path.display().to_string();
        if let Err(error) = left_behind_by(path, &mut found) {
            warn!(error = %Chain(&error), "What was left behind in {shown} cannot be read; it stays there");
        }
    }
    Ok(found)
}

/// What one node left behind.
fn left_behind_by(path: PathBuf, found: &mut Vec<FinishedRecording>) -> io::Result<()> {
    let Some(node) = NodeDirectory::left_behind(path)? else { return Ok(()) };
    for directory in named::<RecordingId>(entries(&node.path)?).0 {
        let Ok(text) = fs::read(directory.join(MANIFEST_FILE)) else { continue };
        let Ok(mut manifest) = serde_json::from_slice::<Manifest>(&text) else { continue };
        if manifest.status == RecordingStatus::Recording {
            interrupt(&mut manifest);
        }
        let id = manifest.recording_id;
        match finish(directory, manifest, Arc::clone(&node)) {
            Ok(recording) => found.push(recording),
            Err(error) => {
                warn!(recording.id = %id, error = %Chain(&error), "Recording {id} was left behind and cannot be read; it stays");
            }
        }
    }
    node.leave_if_empty()
}

/// Those whose name is an id, and the others.
fn named<T: FromStr>(paths: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_named = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<T>().is_ok())
    };
    paths.into_iter().partition(is_named)
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
