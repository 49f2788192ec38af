//! Where the binaries of a service may be.

use crate::child;
use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Where `cargo xtask setup` puts what it fetches for root, whose home others cannot enter.
pub const ROOT_DEPS: &str = "/var/lib/switchboard/deps";

/// The oldest Postgres that will do.
pub const POSTGRES_MIN: u32 = 15;

/// The newest Postgres that is looked for by version.
const POSTGRES_MAX: u32 = 19;

/// The directory with `postgres` and `initdb`, version [`POSTGRES_MIN`] or newer.
///
/// `SWITCHBOARD_PG_BIN` decides if it is set; else what was fetched comes first,
/// then distributions' places from the newest version down, `PATH`, Homebrew
/// and Postgres.app. Each candidate is run once, as the account that will run
/// it: one that does not fit this system, or is out of reach, does not count.
pub fn postgres() -> Option<PathBuf> {
    let places = match env::var_os("SWITCHBOARD_PG_BIN") {
        Some(chosen) => vec![chosen.into()],
        None => postgres_places(),
    };
    places.into_iter().find(|place| {
        place.join("initdb").is_file()
            && postgres_version(&place.join("postgres")).is_some_and(|version| version >= POSTGRES_MIN)
    })
}

fn postgres_places() -> Vec<PathBuf> {
    let versions = || (POSTGRES_MIN..=POSTGRES_MAX).rev();
    let mut places: Vec<PathBuf> = deps().into_iter().map(|deps| deps.join("bin")).collect();
    places.extend(versions().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()));
    places.extend(search_path());
    for version in versions() {
        for root in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
            places.push(format!("{root}/postgresql@{version}/bin").into());
        }
        places.push(format!("/usr/pgsql-{version}/bin").into());
        places.push(format!("/Applications/Postgres.app/Contents/Versions/{version}/bin").into());
    }
    places
}

/// The major version that a Postgres says it is.
fn postgres_version(binary: &Path) -> Option<u32> {
    let said = says(child::command(binary, child::unprivileged()).arg("--version"))?;
    let number =
        said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

/// `redis-server`, or Valkey, which speaks the same. `SWITCHBOARD_TEST_REDIS_SERVER` decides.
pub fn redis() -> Option<PathBuf> {
    binary("SWITCHBOARD_TEST_REDIS_SERVER", &["redis-server", "valkey-server"])
}

/// coturn's `turnserver`. `SWITCHBOARD_TEST_TURNSERVER` decides.
pub fn coturn() -> Option<PathBuf> {
    binary("SWITCHBOARD_TEST_TURNSERVER", &["turnserver"])
}

/// One of coturn's tools, such as `turnutils_uclient`: beside its `turnserver`, or wherever it is.
pub fn turnutils(name: &str) -> Option<PathBuf> {
    let beside = coturn().and_then(|server| Some(server.parent()?.join(name))).filter(|path| path.is_file());
    beside.or_else(|| binary("SWITCHBOARD_TEST_TURNUTILS", &[name]))
}

/// A Chromium or Chrome that runs. `SWITCHBOARD_TEST_CHROMIUM` decides.
///
/// Some distributions ship a script of this name that only tells where to get it.
pub fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
    let bundle = PathBuf::from("/Applications/Chromium.app/Contents/MacOS/Chromium");
    candidates("SWITCHBOARD_TEST_CHROMIUM", &names).into_iter().chain([bundle]).find(|path| runs(path))
}

/// The WebDriver of [`chromium`]. `SWITCHBOARD_TEST_CHROMEDRIVER` decides.
pub fn chromedriver() -> Option<PathBuf> {
    let names = ["chromedriver", "chromium.chromedriver"];
    candidates("SWITCHBOARD_TEST_CHROMEDRIVER", &names).into_iter().find(|path| runs(path))
}

/// A Firefox that runs. `SWITCHBOARD_TEST_FIREFOX` decides.
pub fn firefox() -> Option<PathBuf> {
    let bundle = PathBuf::from("/Applications/Firefox.app/Contents/MacOS/firefox");
    let names = ["firefox-esr", "firefox"];
    candidates("SWITCHBOARD_TEST_FIREFOX", &names).into_iter().chain([bundle]).find(|path| runs(path))
}

/// A Python that has aiortc and what its participant in a call needs beside. `SWITCHBOARD_TEST_AIORTC` decides.
pub fn aiortc() -> Option<PathBuf> {
    let imports =
        |python: &PathBuf| says(Command::new(python).args(["-c", "import aiortc, av, websockets"])).is_some();
    places("SWITCHBOARD_TEST_AIORTC", "aiortc/bin/python").into_iter().find(imports)
}

/// What [`libdatachannel`] is called where things are fetched to.
pub const LIBDATACHANNEL: &str = "libdatachannel";

/// The directory in which npm has installed libdatachannel. `SWITCHBOARD_TEST_LIBDATACHANNEL` decides.
pub fn libdatachannel() -> Option<PathBuf> {
    let node = node()?;
    let loads = |home: &PathBuf| {
        says(Command::new(&node).args(["-e", "require('node-datachannel')"]).current_dir(home)).is_some()
    };
    places("SWITCHBOARD_TEST_LIBDATACHANNEL", LIBDATACHANNEL)
        .into_iter()
        .find(|home| home.is_dir() && loads(home))
}

/// The schema-driven fuzzer of REST layers. `SWITCHBOARD_TEST_SCHEMATHESIS` decides.
pub fn schemathesis() -> Option<PathBuf> {
    candidates("SWITCHBOARD_TEST_SCHEMATHESIS", &["schemathesis"]).into_iter().find(|path| runs(path))
}

/// The oldest Node.js that runs the console's tools, as major and minor version.
const NODE_MIN: (u32, u32) = (20, 19);

/// Node.js, new enough for the console's tools. `SWITCHBOARD_TEST_NODE` decides.
pub fn node() -> Option<PathBuf> {
    candidates("SWITCHBOARD_TEST_NODE", &["node", "nodejs"])
        .into_iter()
        .find(|path| node_version(path).is_some_and(|version| version >= NODE_MIN))
}

/// What installs the console's tools. `SWITCHBOARD_TEST_NPM` decides.
pub fn npm() -> Option<PathBuf> {
    candidates("SWITCHBOARD_TEST_NPM", &["npm"]).into_iter().find(|path| runs(path))
}

/// The major and minor version that a Node.js says it is: `v20.19.2`.
fn node_version(binary: &Path) -> Option<(u32, u32)> {
    let said = says(Command::new(binary).arg("--version"))?;
    let mut numbers = said.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn binary(variable: &str, names: &[&str]) -> Option<PathBuf> {
    candidates(variable, names).into_iter().next()
}

/// What the variable names, or else where it may have been fetched to.
fn places(variable: &str, fetched: &str) -> Vec<PathBuf> {
    match env::var_os(variable) {
        Some(chosen) => vec![chosen.into()],
        None => deps().into_iter().map(|deps| deps.join(fetched)).collect(),
    }
}

/// Binaries by the variable that names one, or else in what was fetched and where systems keep theirs.
fn candidates(variable: &str, names: &[&str]) -> Vec<PathBuf> {
    if let Some(chosen) = env::var_os(variable) {
        return vec![chosen.into()];
    }
    let fetched = deps().into_iter().map(|deps| deps.join("bin"));
    let system =
        ["/usr/bin", "/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin", "/snap/bin"].map(PathBuf::from);
    let places: Vec<PathBuf> = fetched.chain(search_path()).chain(system).collect();
    let paths = names.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    paths.filter(|path| path.is_file()).collect()
}

fn runs(binary: &Path) -> bool {
    says(Command::new(binary).arg("--version")).is_some()
}

/// Where `cargo xtask setup` puts what it fetches for `checkout`.
///
/// A service that root starts runs as somebody else, who must be able to reach its files.
pub fn deps_of(checkout: &Path) -> PathBuf {
    if child::unprivileged().is_some() { PathBuf::from(ROOT_DEPS) } else { checkout.join(".local/deps") }
}

/// Everywhere that `cargo xtask setup` may have fetched something to, for this program.
///
/// The checkout is found from the program's own path, never from the current
/// directory, and must belong to us or root: what is found there is run.
fn deps() -> Vec<PathBuf> {
    let origins = [env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from), env::current_exe().ok()];
    let checkouts = origins.iter().flatten().flat_map(|origin| origin.ancestors());
    checkouts
        .map(|place| place.join(".local/deps"))
        .chain([PathBuf::from(ROOT_DEPS)])
        .filter(|place| fs::metadata(place).is_ok_and(|it| it.uid() == 0 || it.uid() == child::user()))
        .collect()
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").iter().flat_map(env::split_paths).collect()
}

/// What a command that succeeds prints.
fn says(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
