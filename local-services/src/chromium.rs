//! Chromium's WebDriver on a free port of loopback.

use crate::{
    child::{self, Service, Signal},
    find,
};
use std::{fs, io, path::Path, time::Duration};

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is started that ends by itself: it takes a port that is free over IPv4 and ends if somebody has the
/// same one over IPv6.
const ATTEMPTS: u32 = 5;

/// A running chromedriver. Dropping it stops it, and it its browsers.
#[derive(Debug)]
pub struct Chromedriver {
    _service: Service,
    port: u16,
}

impl Chromedriver {
    /// Starts one whose log is in `dir`, which is made if missing.
    ///
    /// # Errors
    /// If there is no chromedriver on this machine or it does not start.
    pub fn start(dir: &Path) -> io::Result<Self> {
        let binary = find::chromedriver().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no chromedriver: run `cargo xtask setup chromium`")
        })?;
        fs::create_dir_all(dir)?;
        let log = dir.join("chromedriver.log");
        let mut attempts = 1;
        loop {
            match Self::try_start(&binary, dir, &log) {
                Err(error) if error.kind() == io::ErrorKind::Other && attempts < ATTEMPTS => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    fn try_start(binary: &Path, dir: &Path, log: &Path) -> io::Result<Self> {
        let mut command = child::command(binary, None);
        // Chromium keeps what it must write under its home, and profiles where things are temporary.
        command.arg("--port=0").env("HOME", dir).env("TMPDIR", dir);
        let started_at = fs::metadata(log).map_or(0, |it| it.len());
        let mut service = Service::start(command, log, Signal::Terminate)?;
        let port = || named_port(log, started_at);
        service.wait_until(START_TIMEOUT, || port().is_some())?;
        let port = port().ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self { _service: service, port })
    }

    /// Where WebDriver commands go.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port of [`Self::url`].
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// The port in `ChromeDriver was started successfully on port 40123.`, past what earlier runs wrote.
fn named_port(log: &Path, from: u64) -> Option<u16> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(text.get(usize::try_from(from).ok()?..)?).into_owned();
    text.lines()
        .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok())
}
