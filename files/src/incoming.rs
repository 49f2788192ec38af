//! A file that is coming in: bounded, hashed, and gone again unless it is kept.

use crate::kind::{HEAD_BYTES, Kind};
use aws_lc_rs::digest::{Context, SHA256};
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::{
    fs::{File, OpenOptions},
    io::AsyncWriteExt,
};

/// Why a file does not come in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It has more bytes than a file may have.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// As many are coming in as may.
    #[error("too many files are coming in")]
    Busy,
    /// As many are coming in from this user or guest as may.
    #[error("too many of your files are coming in")]
    UserBusy,
    /// The folder cannot be written to.
    #[error("the folder for files that come in cannot be written to")]
    Disk(#[from] io::Error),
}

/// A file on this machine that is removed when it is dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is found by the next look at the folder.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// A file of which part has come in. Dropped, it is gone.
pub struct Incoming<G> {
    file: File,
    at: Temporary,
    digest: Box<Context>,
    head: Vec<u8>,
    length: u64,
    length_max: u64,
    guard: G,
}

/// A file that has come in whole. Dropped, it is gone.
#[derive(Debug)]
pub struct Received<G> {
    at: Temporary,
    kind: Kind,
    length: u64,
    sha256: [u8; 32],
    /// Held until then: its place among those that come in.
    _guard: G,
}

impl<G> Incoming<G> {
    pub(crate) async fn begin(path: PathBuf, length_max: u64, guard: G) -> Result<Self, Refused> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
        let at = Temporary(path);
        let digest = Box::new(Context::new(&SHA256));
        Ok(Self { file, at, digest, head: Vec::new(), length: 0, length_max, guard })
    }

    /// Adds what has come.
    ///
    /// # Errors
    /// [`Refused::TooLarge`] or [`Refused::Disk`].
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Refused> {
        self.length = self.length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.length > self.length_max {
            return Err(Refused::TooLarge(self.length_max));
        }
        self.digest.update(piece);
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend(piece.iter().take(missing));
        Ok(self.file.write_all(piece).await?)
    }

    /// That was all.
    ///
    /// # Errors
    /// [`Refused::Disk`].
    pub async fn finish(mut self) -> Result<Received<G>, Refused> {
        self.file.flush().await?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.finish().as_ref());
        let kind = Kind::of(&self.head);
        Ok(Received { at: self.at, kind, length: self.length, sha256, _guard: self.guard })
    }
}

impl<G> Received<G> {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many bytes it has.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The hash of its bytes.
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at.0
    }
}
