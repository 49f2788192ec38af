//! A Postgres of our own on a unix socket, for one data directory.

mod kept;
mod leftover;
mod protocol;

pub use kept::{Event, Kept};

use crate::{
    child::{self, Account, Service, Signal},
    find,
};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

/// The port that names the socket; nothing listens on TCP.
const PORT: u16 = 5432;

/// How long a start may take: recovery after a crash included.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest path of a unix socket that all systems accept, in bytes (macOS: 103).
const SOCKET_PATH_MAX: usize = 100;

/// What kind of Postgres to start.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Its data, log and socket; made if missing.
    pub dir: PathBuf,
    /// False for tests: fast, and lost with the machine.
    pub durable: bool,
    /// Connections at most.
    pub max_connections: u32,
}

impl PostgresOptions {
    /// One that keeps what it has confirmed.
    pub fn durable(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), durable: true, max_connections: 200 }
    }

    /// One for a test run.
    pub fn for_tests(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), durable: false, max_connections: 400 }
    }
}

/// Why Postgres does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// There is none of version 15 or newer on this machine.
    NotFound,
    /// A file, directory or process is not as it should be.
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// `initdb` failed.
    Initdb(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => write!(
                out,
                "no Postgres {} or newer found: run `cargo xtask setup postgres`, install one, or set SWITCHBOARD_PG_BIN",
                find::POSTGRES_MIN
            ),
            Self::Io { doing, .. } => write!(out, "Postgres does not start: {doing}"),
            Self::Initdb(said) => write!(out, "initdb failed: {said}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::NotFound | Self::Initdb(_) => None,
        }
    }
}

/// A running Postgres. Dropping it stops it, unless it was running before us.
#[derive(Debug)]
pub struct Postgres {
    data: PathBuf,
    run: PathBuf,
    service: Option<Service>,
}

impl Postgres {
    /// The role that may do everything.
    pub const SUPERUSER: &'static str = "postgres";

    /// Starts Postgres on `options.dir`, or adopts one that is running there already.
    ///
    /// As root it runs as `postgres` or `nobody`, which Postgres insists on.
    /// Call it from a thread that lives as long as the server should.
    ///
    /// # Errors
    /// [`StartError`], saying what to do.
    pub fn start(options: &PostgresOptions) -> Result<Self, StartError> {
        let account = child::unprivileged();
        let data = options.dir.join("data");
        let run = run_dir(&options.dir);
        for dir in [&options.dir, &run, &data] {
            own(dir, account)
                .map_err(|source| failed(format!("cannot prepare {}", dir.display()), source))?;
        }
        let socket = socket(&run);
        if leftover::outwait(&data, || protocol::answers(&socket)) {
            return Ok(Self { data, run, service: None });
        }
        leftover::clear(&data, &socket);
        let binaries = find::postgres().ok_or(StartError::NotFound)?;
        if !data.join("PG_VERSION").exists() {
            initdb(&binaries, &data, account)?;
        }
        let log = options.dir.join("postgres.log");
        let mut command = child::command(&binaries.join("postgres"), account);
        command.arg("-D").arg(&data).args(["-p", &PORT.to_string()]);
        for setting in settings(options, &run) {
            command.arg("-c").arg(setting);
        }
        let see_log = |source| failed(format!("see {}", log.display()), source);
        let mut service = Service::start(command, &log, Signal::Interrupt).map_err(see_log)?;
        service.wait_until(START_TIMEOUT, || protocol::answers(&socket)).map_err(see_log)?;
        Ok(Self { data, run, service: Some(service) })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        match &mut self.service {
            Some(service) => service.is_running(),
            None => leftover::is_running(&self.data),
        }
    }

    /// The process that started all its others; `None` if it was running before us.
    pub fn id(&self) -> Option<u32> {
        self.service.as_ref().map(Service::id)
    }

    /// Runs SQL as the superuser in `database`, for tools that have no client of their own.
    ///
    /// # Errors
    /// The first error that the server reports, in its words, or a broken connection.
    pub fn execute(&self, database: &str, sql: &str) -> io::Result<()> {
        protocol::execute(&socket(&self.run), database, sql)
    }

    /// A URL for `role` and `database`.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@localhost:{PORT}/{database}?host={}&sslmode=disable", self.run.display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.service.take().is_some() {
            // Empty now. Under `/tmp` nobody else would ever tidy it away.
            let _in_use = fs::remove_dir(&self.run);
        }
    }
}

fn socket(run: &Path) -> PathBuf {
    run.join(format!(".s.PGSQL.{PORT}"))
}

fn failed(doing: String, source: io::Error) -> StartError {
    StartError::Io { doing, source }
}

fn settings(options: &PostgresOptions, run: &Path) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories={}", run.display()),
        format!("max_connections={}", options.max_connections),
    ];
    if !options.durable {
        let fast = [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        ];
        settings.extend(fast.map(str::to_owned));
    }
    settings
}

/// Beside the data; under `/tmp` if that path is too long for a socket.
fn run_dir(dir: &Path) -> PathBuf {
    let run = dir.join("run");
    if run.as_os_str().len() + ".s.PGSQL.5432.lock".len() <= SOCKET_PATH_MAX {
        return run;
    }
    // FNV-1a: the same directory has the same name in every version of this program.
    let hash = dir.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Path::new("/tmp").join(format!("switchboard-{}-{hash:016x}", child::user()))
}

/// Makes `dir` if it is missing, and private to the account that Postgres runs under.
fn own(dir: &Path, account: Option<Account>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    // Under `/tmp` somebody else may have been there first.
    let found = fs::symlink_metadata(dir)?;
    let owners = [child::user(), account.map_or(0, |account| account.uid)];
    if !found.is_dir() || !owners.contains(&found.uid()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a directory of ours"));
    }
    if let Some(Account { uid, gid }) = account {
        chown(dir, Some(uid), Some(gid))?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn initdb(binaries: &Path, data: &Path, account: Option<Account>) -> Result<(), StartError> {
    // Made under another name first: a directory that is only half there is never taken for data.
    let draft = data.with_extension("draft");
    let file_error = |source| failed(format!("cannot prepare {}", draft.display()), source);
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(file_error)?;
    }
    let output = child::command(&binaries.join("initdb"), account)
        .args([
            "-U",
            Postgres::SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
            "-D",
        ])
        .arg(&draft)
        .output()
        .map_err(|source| failed("initdb cannot be run".to_owned(), source))?;
    if !output.status.success() {
        return Err(StartError::Initdb(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    // Over the empty directory that is there.
    fs::rename(&draft, data).map_err(file_error)
}
