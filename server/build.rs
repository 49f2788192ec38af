//! Prepares the console's files for embedding: pages that name their assets by a version, assets compressed.
//!
//! All assets are served below `assets/<version>/`, where the version is a hash of all of them: modules
//! find each other by their relative paths as they do on disk, and what was once fetched never changes.
//! The client library has a lasting name beside that, which says where its version is.

use flate2::{Compression, write::GzEncoder};
use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// What is embedded of `web`: neither its tests nor its tools.
const SERVED: [&str; 7] =
    ["client/src", "css", "js", "favicon.svg", "index.html", "join.html", "reference.html"];

/// The client library's first module, and the name that pages of other sites import it by.
const LIBRARY: &str = "client/src/index.js";
const LIBRARY_NAME: &str = "client/index.js";

/// The service worker's first module, and the name that browsers know it by: what it may do is told from where it is.
const WORKER: &str = "js/worker.js";
const WORKER_NAME: &str = "worker.js";

/// Of these a page needs one at most, and only the browser knows which.
const CATALOGUES: &str = "js/words/";

/// Files by their paths below `web`, in order.
type Files = BTreeMap<String, Vec<u8>>;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?).join("console");
    let web = manifest.join("../web").canonicalize()?;
    let mut files = Files::new();
    for name in SERVED {
        let path = web.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&web, &path, &mut files)?;
    }
    let (pages, mut assets): (Files, Files) =
        files.into_iter().partition(|(path, _)| path.ends_with(".html"));
    // Before they are read for imports: those of types, in comments, are for nobody here.
    for (_, asset) in assets.iter_mut().filter(|(path, _)| path.ends_with(".js")) {
        *asset = without_comments(&String::from_utf8_lossy(asset)).into_bytes();
    }
    let version = hash(&assets);

    let mut source = format!("const VERSION: &str = {version:?};\n");
    source.push_str("static PAGES: &[Asset] = &[\n");
    for (path, page) in &pages {
        let page = page_with_versions(&String::from_utf8_lossy(page), &version, &assets)?;
        source.push_str(&embed(&out, path, page.as_bytes())?);
    }
    for path in [LIBRARY, WORKER] {
        if !assets.contains_key(path) {
            return Err(io::Error::other(format!("there is no {path}")));
        }
    }
    let library = format!("export * from '../assets/{version}/{LIBRARY}';\n");
    source.push_str(&embed(&out, LIBRARY_NAME, library.as_bytes())?);
    let worker = format!("import './assets/{version}/{WORKER}';\n");
    source.push_str(&embed(&out, WORKER_NAME, worker.as_bytes())?);
    source.push_str("];\nstatic ASSETS: &[Asset] = &[\n");
    for (path, asset) in &assets {
        source.push_str(&embed(&out, path, asset)?);
    }
    source.push_str("];\n");
    fs::write(out.join("assets.rs"), source)
}

fn collect(web: &Path, path: &Path, files: &mut Files) -> io::Result<()> {
    if path.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| collect(web, &entry?.path(), files));
    }
    if let (Some(_), Ok(name)) = (content_type(path), path.strip_prefix(web)) {
        files.insert(name.to_string_lossy().into_owned(), fs::read(path)?);
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
        _ => None,
    }
}

fn hash(content: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Names assets by where they are served, and every module that the page's own import, so that the
/// browser asks for all of them at once instead of finding them one import after the other.
fn page_with_versions(page: &str, version: &str, assets: &Files) -> io::Result<String> {
    let mut page = page.to_owned();
    let mut modules = Vec::new();
    for path in assets.keys() {
        if page.contains(&format!("<script type=\"module\" src=\"{path}\">")) {
            follow(path, assets, &mut modules)?;
        }
        for attribute in ["href", "src"] {
            let named = format!("{attribute}=\"{path}\"");
            page = page.replace(&named, &format!("{attribute}=\"assets/{version}/{path}\""));
        }
    }
    let mut preloads = String::new();
    for module in modules {
        let link = format!("<link rel=\"modulepreload\" href=\"assets/{version}/{module}\">\n    ");
        preloads.push_str(&link);
    }
    Ok(page.replacen("<script type=\"module\"", &format!("{preloads}<script type=\"module\""), 1))
}

/// Adds `module` and what it imports to `found`, what is needed first before what is needed later.
fn follow(module: &str, assets: &Files, found: &mut Vec<String>) -> io::Result<()> {
    if found.iter().any(|known| known == module) {
        return Ok(());
    }
    let missing = || io::Error::other(format!("{module} is imported, and there is no such module"));
    let text = String::from_utf8_lossy(assets.get(module).ok_or_else(missing)?);
    found.push(module.to_owned());
    for target in imports(&text, module, &["from '", "import '"]) {
        follow(&target, assets, found)?;
    }
    // What is needed in a moment is fetched after what is needed now.
    let later = imports(&text, module, &["import('"]);
    later
        .iter()
        .filter(|target| !target.starts_with(CATALOGUES))
        .try_for_each(|target| follow(target, assets, found))
}

/// What `module` names after one of `openings`. The console quotes with `'` throughout.
fn imports(text: &str, module: &str, openings: &[&str]) -> Vec<String> {
    let beside = Path::new(module).parent().unwrap_or(Path::new(""));
    let after = openings.iter().flat_map(|opening| text.split(opening).skip(1));
    let names = after.filter_map(|rest| rest.split('\'').next()).filter(|name| name.starts_with('.'));
    names.map(|name| without_dots(&beside.join(name))).collect()
}

/// `js/views/../dom.js` as `js/dom.js`.
fn without_dots(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.iter().filter_map(|part| part.to_str()) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Types and reasons are for those who read the modules in `web`: a third of it, and of no use to a browser. Lines that
/// are nothing but comment become empty, so that every other one keeps its number. In a template that spans
/// lines one may look like a comment: the console's rules allow none.
fn without_comments(text: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let word = line.trim();
        let begins = !is_inside && word.starts_with("/*") && (word.ends_with("*/") || !word.contains("*/"));
        let is_comment = is_inside || begins || word.starts_with("//");
        if is_inside || begins {
            is_inside = !word.ends_with("*/");
        }
        if !is_comment {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    kept
}

/// Writes a file and its compressed form, and returns the source of its entry.
fn embed(out: &Path, path: &str, body: &[u8]) -> io::Result<String> {
    let plain = out.join(path);
    let packed = out.join(format!("{path}.gz"));
    fs::create_dir_all(plain.parent().unwrap_or(out))?;
    fs::write(&plain, body)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    fs::write(&packed, encoder.finish()?)?;
    let mut entry = String::new();
    writeln!(
        entry,
        "    Asset {{ path: {path:?}, content_type: {:?}, plain: include_bytes!({plain:?}), \
         gzip: include_bytes!({packed:?}), tags: [\"\\\"{tag}\\\"\", \"\\\"{tag}-gzip\\\"\"] }},",
        content_type(Path::new(path)).unwrap_or_default(),
        tag = hash(&body),
    )
    .map_err(io::Error::other)?;
    Ok(entry)
}
