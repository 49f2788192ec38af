//! The console and the client library: types, rules and unit tests, by tools that `web/package-lock.json` pins.

use crate::shell::{Failure, root, run, step};
use local_services::find;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Checks all of it, after fetching the tools if they are not there or not those of the lock file.
///
/// # Errors
/// At the first thing that is not as it should be, or if Node.js is missing.
pub(crate) fn check() -> Result<(), Failure> {
    let web = root().join("web");
    step("console: types, lint, unit tests", || {
        let (node, npm) = tools()?;
        if !is_installed(&web)? {
            let mut install = Command::new(npm);
            // A package's own scripts would run with our rights; none of ours needs any.
            install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
            run(install.current_dir(&web).env("PATH", path_with(&node)?))?;
        }
        let tool = |script: &str, arguments: &[&str]| {
            run(Command::new(&node).arg(script).args(arguments).current_dir(&web))
        };
        // Last what a page in TypeScript gets of the library, and such a page.
        for project in [".", "client/declarations.json", "client/tests"] {
            tool("node_modules/typescript/bin/tsc", &["--project", project])?;
        }
        tool("node_modules/eslint/bin/eslint.js", &["--max-warnings", "0", "."])?;
        let mut test = Command::new(&node);
        run(test.args(["--test", "--test-reporter=dot"]).args(suites(&web)?).current_dir(&web))
    })
}

/// Node.js and npm.
///
/// # Errors
/// If one is missing.
pub(crate) fn tools() -> Result<(PathBuf, PathBuf), Failure> {
    let missing = || Failure::new("Node.js is missing: `cargo xtask setup node` fetches it");
    Ok((find::node().ok_or_else(missing)?, find::npm().ok_or_else(missing)?))
}

/// Whether npm has installed what the lock file says: it keeps a copy of what it was given, and writes it last.
fn is_installed(web: &Path) -> Result<bool, Failure> {
    let lock = fs::metadata(web.join("package-lock.json"))?.modified()?;
    let installed = fs::metadata(web.join("node_modules/.package-lock.json"));
    Ok(installed.and_then(|it| it.modified()).is_ok_and(|installed| installed >= lock))
}

/// npm is a script that looks for `node` there.
///
/// # Errors
/// If the path cannot be written as one.
pub(crate) fn path_with(node: &Path) -> Result<std::ffi::OsString, Failure> {
    let before = env::var_os("PATH").unwrap_or_default();
    let places = node.parent().map(Path::to_owned).into_iter().chain(env::split_paths(&before));
    env::join_paths(places).map_err(|error| Failure::new(error.to_string()))
}

/// By name, as not every Node.js takes a pattern.
fn suites(web: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut suites = Vec::new();
    for directory in ["tests", "client/tests"] {
        let before = suites.len();
        for entry in fs::read_dir(web.join(directory))? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".test.js") {
                suites.push(path);
            }
        }
        if suites.len() == before {
            return Err(Failure::new(format!("web/{directory}: there are no tests")));
        }
    }
    suites.sort();
    Ok(suites)
}
