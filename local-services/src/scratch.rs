//! Directories for what is gone with the process that wrote it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// What their names begin with; the number of the process follows, and one of the directory. Short: unix sockets are in
/// them, whose paths may have 107 bytes.
const PREFIX: &str = "sb-";

/// A directory that is deleted when this is dropped. What a process that was killed has left is deleted when another one
/// makes its first.
#[derive(Debug)]
pub struct Scratch(PathBuf);

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
                // Of a process that had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self(path)),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file or directory in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What somebody still writes to is swept later.
        let _in_use = fs::remove_dir_all(&self.0);
    }
}

/// Deletes what processes that are gone have left in `parent`.
fn sweep(parent: &Path) {
    // Elsewhere nobody knows who is gone.
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
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
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let of = |owner: u32| parent.join(format!("{PREFIX}{owner}-7"));
        let others =
            [of(std::process::id()), parent.join("sb-file"), parent.join("sb-x-1"), parent.join("else")];
        for path in others.iter().chain([&of(ended.id())]) {
            fs::create_dir(path).unwrap();
            fs::write(path.join("log"), "x").unwrap();
        }
        sweep(parent.path());
        assert!(!of(ended.id()).exists());
        assert!(others.iter().all(|path| path.join("log").exists()));
    }
}
