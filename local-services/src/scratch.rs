//! Directories for what is gone with the process that wrote it.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// What their names begin with; the number of the process follows, and one of the directory. Short: unix sockets are in
/// them, whose paths may have 107 bytes.
const PREFIX: &str = "sb.";

/// A directory that is deleted when this is dropped. What a process that was killed has left is deleted when another one
/// makes its first.
///
/// Whether somebody uses one shows by a lock on it, which ends with its process, and not by the process' number: those
/// who share a directory for what is temporary need not see each other's processes, as in containers.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Locked; `None` where the file system has no locks, and nothing is swept.
    _lock: Option<File>,
}

impl Scratch {
    /// A new one where the system keeps what is temporary.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    /// A new one in `parent`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new_in(parent: &Path) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            if number == 0 {
                sweep(parent);
            }
            let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                // Of a process that had the same number, or has it elsewhere.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            match lock(&path) {
                Ok(lock) if path.exists() => return Ok(Self { path, _lock: Some(lock) }),
                Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::NotFound => {
                    return Ok(Self { path, _lock: None });
                }
                // Somebody has swept it before it was locked.
                Ok(_) | Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or directory in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What somebody still writes to is swept later.
        let _in_use = fs::remove_dir_all(&self.path);
    }
}

/// Locks a directory for as long as the file is open (flock(2)); programs that are started do not inherit it.
fn lock(directory: &Path) -> Result<File, TryLockError> {
    let file = File::open(directory).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

/// Deletes what processes that are gone have left in `parent`.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        // Held until it is deleted: nobody takes it for theirs meanwhile.
        if numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
            // A pipe of that name, which anybody may leave there, would be opened for as long as nobody writes to it.
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(_lock) = lock(&entry.path())
        {
            // Somebody else's stays.
            let _not_ours = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn it_is_gone_with_its_handle_and_no_two_are_the_same() {
        let (one, other) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.path(), other.path());
        let file = one.join("deep/file");
        fs::create_dir(one.join("deep")).unwrap();
        fs::write(&file, "x").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists() && other.path().exists());
    }

    #[test]
    fn what_the_killed_have_left_is_swept_and_what_the_living_use_is_not() {
        let parent = Scratch::new().unwrap();
        let of = |process: u32| parent.join(format!("{PREFIX}{process}-7"));
        // Wherever its process can be seen: no machine has so many.
        let (used, elsewhere) = (Scratch::new_in(parent.path()).unwrap(), of(u32::MAX));
        let others =
            [parent.join("sb.file"), parent.join("sb.x-1"), parent.join("sb.1"), parent.join("else")];
        let left = of(std::process::id());
        for path in others.iter().chain([&left, &elsewhere]) {
            fs::create_dir(path).unwrap();
            fs::write(path.join("log"), "x").unwrap();
        }
        let pipe = of(u32::MAX - 1);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let lock = lock(&elsewhere).unwrap();
        sweep(parent.path());
        assert!(!left.exists() && used.path().exists() && elsewhere.exists());
        assert!(others.iter().all(|path| path.join("log").exists()));
        drop(lock);
        sweep(parent.path());
        assert!(!elsewhere.exists() && used.path().exists() && pipe.exists());
    }
}
