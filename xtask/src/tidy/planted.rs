//! Trees of files in which tests plant faults.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory that is deleted when the test ends.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// One with these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let tree = Self(env::temp_dir().join(format!("planted-{}-{number}", process::id())));
        for (path, text) in files {
            tree.plant(path, text);
        }
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
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
        let mut directories = vec![self.0.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    files.push(path.strip_prefix(&self.0).unwrap().to_owned());
                }
            }
        }
        files
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _gone_already = fs::remove_dir_all(&self.0);
    }
}
