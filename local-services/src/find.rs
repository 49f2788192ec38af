//! Where the binaries of a service may be.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Where `cargo xtask setup` puts what it fetches for root, whose home others cannot enter.
pub const ROOT_DEPS: &str = "/var/lib/switchboard/deps";

/// The oldest Postgres that will do.
pub const POSTGRES_MIN: u32 = 15;

/// The newest Postgres that is looked for by version.
const POSTGRES_MAX: u32 = 19;

/// The directory with `postgres` and `initdb`, version [`POSTGRES_MIN`] or newer.
///
/// `SWITCHBOARD_PG_BIN` decides; then what was fetched, distributions' places
/// from the newest version down, `PATH`, Homebrew and Postgres.app.
pub fn postgres() -> Option<PathBuf> {
    if let Some(chosen) = env::var_os("SWITCHBOARD_PG_BIN") {
        return Some(chosen.into());
    }
    let versions = || (POSTGRES_MIN..=POSTGRES_MAX).rev();
    let mut places = Vec::new();
    for deps in deps() {
        places.push(deps.join("postgres/bin"));
        places.extend(versions().map(|version| deps.join(format!("root/usr/lib/postgresql/{version}/bin"))));
    }
    places.extend(versions().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()));
    places.extend(search_path());
    for version in versions() {
        for root in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
            places.push(format!("{root}/postgresql@{version}/bin").into());
        }
        places.push(format!("/usr/pgsql-{version}/bin").into());
        places.push(format!("/Applications/Postgres.app/Contents/Versions/{version}/bin").into());
    }
    places.into_iter().find(|place| {
        place.join("initdb").is_file()
            && version(&place.join("postgres")).is_some_and(|version| version >= POSTGRES_MIN)
    })
}

/// A binary by the variable that names it, in what was fetched, or on the `PATH`.
pub fn binary(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(chosen) = env::var_os(variable) {
        return Some(chosen.into());
    }
    let fetched = deps().into_iter().flat_map(|deps| [deps.join("root/usr/bin"), deps.join("root/usr/sbin")]);
    let system = ["/usr/bin", "/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from);
    let places: Vec<PathBuf> = fetched.chain(search_path()).chain(system).collect();
    names.iter().flat_map(|name| places.iter().map(move |place| place.join(name))).find(|path| path.is_file())
}

/// The directories that `cargo xtask setup` fetches into.
pub fn deps() -> Vec<PathBuf> {
    let checkout = env::current_dir().ok().and_then(|here| {
        here.ancestors().map(|place| place.join(".local/deps")).find(|place| place.is_dir())
    });
    checkout.into_iter().chain([PathBuf::from(ROOT_DEPS)]).collect()
}

/// What the dynamic linker needs for a binary that was unpacked and not installed; `None` for others.
pub fn library_path(binary: &Path) -> Option<OsString> {
    let root = binary.ancestors().find(|place| {
        place.ends_with("root") && place.parent().is_some_and(|parent| parent.ends_with("deps"))
    })?;
    let mut places = Vec::new();
    for lib in [root.join("usr/lib"), root.join("lib")] {
        let entries = fs::read_dir(&lib).into_iter().flatten().flatten();
        places.extend(
            entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("-linux-gnu")),
        );
    }
    places.extend(env::var_os("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
    env::join_paths(places).ok()
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").iter().flat_map(env::split_paths).collect()
}

/// The major version that a Postgres says it is. Running it also shows that it fits this system.
fn version(binary: &Path) -> Option<u32> {
    if !binary.is_file() {
        return None;
    }
    let mut command = std::process::Command::new(binary);
    if let Some(path) = library_path(binary) {
        command.env("LD_LIBRARY_PATH", path);
    }
    let output = command.arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number =
        text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}
