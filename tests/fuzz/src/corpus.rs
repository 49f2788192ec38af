//! Corpora: inputs that reach different code, one per line in base64, so that they can be reviewed and merged.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Where the corpus of a target is kept.
pub fn path(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).with_extension("txt")
}

/// The inputs of a target's corpus; none if it has no corpus yet.
///
/// # Errors
/// If the file cannot be read, or a line of it is no base64.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let text = match fs::read_to_string(path(target)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    text.lines().map(|line| BASE64.decode(line).map_err(io::Error::other)).collect()
}

/// Makes the files of `directory` a target's corpus, in an order that does not depend on their names.
///
/// # Errors
/// Whatever the file system says.
pub fn pack(target: &str, directory: &Path) -> io::Result<usize> {
    let files = fs::read_dir(directory)?.map(|entry| fs::read(entry?.path()));
    let inputs: BTreeSet<(usize, Vec<u8>)> =
        files.map(|bytes| bytes.map(|bytes| (bytes.len(), bytes))).collect::<io::Result<_>>()?;
    let lines: String = inputs.iter().map(|(_, bytes)| BASE64.encode(bytes) + "\n").collect();
    fs::write(path(target), lines)?;
    Ok(inputs.len())
}

/// Writes a target's corpus and seeds into `directory`, a file each.
///
/// # Errors
/// Whatever the file system says.
pub fn unpack(target: &crate::Target, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (number, bytes) in read(target.name)?.into_iter().chain((target.seeds)()).enumerate() {
        fs::write(directory.join(number.to_string()), bytes)?;
    }
    Ok(())
}
