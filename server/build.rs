//! Lists the console's files for embedding: every file under `web/` that a browser loads.

use std::{
    env,
    fmt::Write,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let web = manifest.join("../web").canonicalize()?;
    let mut files = Vec::new();
    collect(&web, &mut files)?;
    files.sort();
    let mut source = String::from("static ASSETS: &[Asset] = &[\n");
    for file in &files {
        let (Some(content_type), Ok(path)) = (content_type(file), file.strip_prefix(&web)) else { continue };
        let mut hasher = DefaultHasher::new();
        fs::read(file)?.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let path = path.to_string_lossy();
        writeln!(source, "    Asset {{ path: {path:?}, content_type: {content_type:?}, body: include_bytes!({file:?}), etag: {etag:?} }},")
            .map_err(io::Error::other)?;
    }
    source.push_str("];\n");
    println!("cargo::rerun-if-changed={}", web.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("console_assets.rs"), source)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// `None` for files that are not served.
fn content_type(file: &Path) -> Option<&'static str> {
    match file.extension()?.to_str()? {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}
