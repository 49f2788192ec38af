//! The repository: what is read from it, and why nothing can be made from that.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a file cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Where it should be.
        path: &'static str,
        /// Why it cannot.
        source: io::Error,
    },
    /// The code says too little, or contradicts itself.
    #[error("{0}")]
    Code(String),
    /// Our own documents are not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Reads a file of the repository.
pub(crate) fn read(path: &'static str) -> Result<String, Error> {
    fs::read_to_string(root().join(path)).map_err(|source| Error::File { path, source })
}
