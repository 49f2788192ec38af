//! The file of one track: appended to, and mended in a few places when it ends.

use super::directory;
use aws_lc_rs::digest::{Context, SHA256};
use sfu_core::recording::Patch;
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Bytes that are read at once to be hashed.
const READ_BYTES: usize = 64 * 1024;

/// A file that is written.
#[derive(Debug)]
pub(super) struct TrackFile {
    file: File,
    length: u64,
}

impl TrackFile {
    /// Makes a file that must not be there.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: directory::private().create_new(true).open(path)?, length: 0 })
    }

    /// How many bytes it has.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes at its end.
    ///
    /// # Errors
    /// The system's refusal; then some of them may be there.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        Ok(())
    }

    /// Writes what is known only now over the places that were kept for it.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn mend(mut self, patches: &[Patch]) -> io::Result<()> {
        for Patch { at, bytes } in patches {
            self.file.seek(SeekFrom::Start(*at))?;
            self.file.write_all(bytes)?;
        }
        Ok(())
    }
}

/// How many bytes a file has, and their SHA-256 in hexadecimal digits; the file lies on the disk then.
///
/// # Errors
/// The system's refusal.
pub(super) fn measure(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; READ_BYTES];
    let mut length: u64 = 0;
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
        length = length.saturating_add(u64::try_from(count).unwrap_or(0));
    }
    file.sync_all()?;
    let mut text = String::with_capacity(64);
    for byte in digest.finish().as_ref() {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    Ok((length, text))
}
