//! A Postgres of our own on a unix socket, for one data directory.

use crate::{
    child::{self, Account, Service, Signal},
    find,
};
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
    },
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
    run: PathBuf,
    _service: Option<Service>,
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
        for dir in [&options.dir, &data, &run] {
            own(dir, account)
                .map_err(|source| failed(format!("cannot prepare {}", dir.display()), source))?;
        }
        let socket = run.join(format!(".s.PGSQL.{PORT}"));
        if answers(&socket) {
            return Ok(Self { run, _service: None });
        }
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
        service.wait_until(START_TIMEOUT, || answers(&socket)).map_err(see_log)?;
        Ok(Self { run, _service: Some(service) })
    }

    /// A URL for `role` and `database`.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@localhost:{PORT}/{database}?host={}&sslmode=disable", self.run.display())
    }
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
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    std::env::temp_dir().join(format!("switchboard-{:016x}", hasher.finish()))
}

/// Makes `dir` if it is missing, and private to the account that Postgres runs under.
fn own(dir: &Path, account: Option<Account>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if let Some(Account { uid, gid }) = account {
        chown(dir, Some(uid), Some(gid))?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn initdb(binaries: &Path, data: &Path, account: Option<Account>) -> Result<(), StartError> {
    let output = child::command(&binaries.join("initdb"), account)
        .args(["-U", Postgres::SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
        .arg(data)
        .output()
        .map_err(|source| failed("initdb cannot be run".to_owned(), source))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(StartError::Initdb(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

/// Whether a server on `socket` lets the superuser in: the start-up message of
/// the protocol, version 3.0, is answered by an authentication request.
fn answers(socket: &Path) -> bool {
    const VERSION_3_0: u32 = 196_608;
    let attempt = || -> io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut message = VERSION_3_0.to_be_bytes().to_vec();
        for word in ["user", Postgres::SUPERUSER, "database", "postgres", ""] {
            message.extend_from_slice(word.as_bytes());
            message.push(0);
        }
        let length = u32::try_from(message.len() + 4).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&message)?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        // Terminate, so that the server does not log a broken connection.
        stream.write_all(&[b'X', 0, 0, 0, 4])?;
        Ok(kind == *b"R")
    };
    attempt().unwrap_or(false)
}
