//! Trees of files in which tests plant faults.

use local_services::scratch::Scratch;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A directory that is deleted when the test ends.
pub(crate) struct Tree(Scratch);

impl Tree {
    /// One with these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self(Scratch::new().unwrap());
        for (path, text) in files {
            tree.plant(path, text);
        }
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, whatever was there.
    pub(crate) fn plant(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).unwrap();
    }

    /// All files, relative to the root.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.0.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    files.push(path.strip_prefix(self.0.path()).unwrap().to_owned());
                }
            }
        }
        files
    }
}
