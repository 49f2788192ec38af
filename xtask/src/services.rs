//! A Postgres and a Redis for one run of the tests, or for an afternoon.

use crate::{
    setup::{self, Tool},
    shell::{Failure, output, say, step},
};
use local_services::{
    child::Interrupts,
    find,
    postgres::{Postgres, PostgresOptions},
    redis::Redis,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

/// Free memory, in KiB, from which on the test data is kept there.
const MEMORY_MIN_KIB: u64 = 1024 * 1024;

/// What our directories' names begin with; the number of the process follows.
const PREFIX: &str = "switchboard-services-of-";

/// Both services, and their directory, until this is dropped.
#[derive(Debug)]
pub(crate) struct Services {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    dir: PathBuf,
}

impl Services {
    /// Starts them, empty, in memory if there is enough of it.
    ///
    /// # Errors
    /// If one does not start.
    pub(crate) fn start() -> Result<Self, Failure> {
        let parent = parent_dir();
        sweep(&parent);
        let dir = parent.join(format!("{PREFIX}{}", process::id()));
        fs::create_dir_all(&dir)?;
        let mut services = Self { postgres: None, redis: None, dir };
        step(&format!("start Postgres and Redis in {}", services.dir.display()), || {
            let options = PostgresOptions::for_tests(services.dir.join("postgres"));
            services.postgres = Some(Postgres::start(&options).map_err(|error| described(&error))?);
            services.redis = Some(Redis::start(&services.dir.join("redis"))?);
            Ok(())
        })?;
        Ok(services)
    }

    /// The Postgres.
    ///
    /// # Errors
    /// Never, once started.
    pub(crate) fn postgres(&self) -> Result<&Postgres, Failure> {
        self.postgres.as_ref().ok_or_else(|| Failure::new("Postgres is not running"))
    }

    /// Where files may be put that are deleted with the services.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The variables by which tests find the services and the binaries they start themselves.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        let postgres = self.postgres.as_ref().map(|it| it.url(Postgres::SUPERUSER, "postgres"));
        let all = [
            ("SWITCHBOARD_TEST_DATABASE_URL", postgres),
            ("SWITCHBOARD_TEST_REDIS_URL", self.redis.as_ref().map(Redis::url)),
            ("SWITCHBOARD_PG_BIN", text(find::postgres())),
            ("SWITCHBOARD_TEST_REDIS_SERVER", text(find::redis())),
            ("SWITCHBOARD_TEST_TURNSERVER", text(find::coturn())),
            ("SWITCHBOARD_TEST_CHROMIUM", text(find::chromium())),
            ("SWITCHBOARD_TEST_CHROMEDRIVER", text(find::chromedriver())),
            ("SWITCHBOARD_TEST_SCHEMATHESIS", text(find::schemathesis())),
            ("SWITCHBOARD_TEST_NODE", text(find::node())),
            ("SWITCHBOARD_TEST_FIREFOX", text(find::firefox())),
            ("SWITCHBOARD_TEST_AIORTC", text(find::aiortc())),
            ("SWITCHBOARD_TEST_LIBDATACHANNEL", text(find::libdatachannel())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.postgres = None;
        self.redis = None;
        // What cannot be deleted now is swept at the next start.
        let _left = fs::remove_dir_all(&self.dir);
    }
}

/// Starts the services, prints their variables, and stops them at Ctrl-C.
///
/// # Errors
/// If one cannot be fetched or started.
pub(crate) fn until_interrupted() -> Result<(), Failure> {
    setup::setup(&[Tool::Postgres, Tool::Redis])?;
    let interrupts = Interrupts::hold();
    let services = Services::start()?;
    say("\nRunning until Ctrl-C. In another terminal, `cargo test -p store` needs:\n");
    for (name, value) in services.variables() {
        say(&format!("export {name}='{value}'"));
    }
    interrupts.wait();
    step("stop", || {
        drop(services);
        Ok(())
    })
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> Failure {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Failure::new(words)
}

/// Memory if there is plenty: a database is then copied in a tenth of the time.
fn parent_dir() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let free = output(Command::new("df").args(["-Pk", "/dev/shm"])).ok();
    let free =
        free.as_deref().and_then(|said| said.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok());
    if free.is_some_and(|free| free >= MEMORY_MIN_KIB) { memory } else { std::env::temp_dir() }
}

/// Deletes what runs that were killed have left behind.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|number| number.parse::<u32>().ok());
        if owner.is_some_and(|process| {
            Path::new("/proc").exists() && !Path::new(&format!("/proc/{process}")).exists()
        }) {
            // Somebody else's stays.
            let _not_ours = fs::remove_dir_all(entry.path());
        }
    }
}
