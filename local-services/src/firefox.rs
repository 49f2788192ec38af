//! Firefox without a window, with WebDriver BiDi on a free port of loopback.
//!
//! It speaks that by itself: WebDriver's older protocol needs a program beside it that neither distributions nor
//! registries of packages have ready to run.

use crate::{
    child::{self, Service, Signal},
    find,
};
use std::{fs, io, path::Path, time::Duration};

/// How long a start may take. A first one writes a profile, and several may start at once.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A running Firefox. Dropping it ends it.
#[derive(Debug)]
pub struct Firefox {
    _service: Service,
    address: String,
}

impl Firefox {
    /// Starts one whose profile and log are in `dir`, which is made if missing. `preferences` are names and values as
    /// `about:config` has them, the latter in JavaScript.
    ///
    /// # Errors
    /// If there is no Firefox on this machine or it does not start.
    pub fn start(dir: &Path, preferences: &[(&str, &str)]) -> io::Result<Self> {
        let binary = find::firefox().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no Firefox: run `cargo xtask setup firefox`")
        })?;
        let profile = dir.join("profile");
        fs::create_dir_all(&profile)?;
        let lines = preferences.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"));
        fs::write(profile.join("user.js"), lines.collect::<String>())?;
        let mut command = child::command(&binary, None);
        command
            .args(["--headless", "--no-remote", "--width", "1280", "--height", "800"])
            .args(["--remote-debugging-port", "0", "--profile"])
            .arg(&profile)
            // What it keeps is its user's, and what crashes is nobody's to be told.
            .env("HOME", dir)
            .env("TMPDIR", dir)
            .env("MOZ_CRASHREPORTER_DISABLE", "1");
        let log = dir.join("firefox.log");
        // Its profile is thrown away: nothing in it is worth a goodbye.
        let mut service = Service::start(command, &log, Signal::Kill)?;
        service.wait_until(START_TIMEOUT, || listening_address(&log).is_some())?;
        let address = listening_address(&log).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self { _service: service, address })
    }

    /// Where it speaks WebDriver BiDi, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The address in `WebDriver BiDi listening on ws://127.0.0.1:40123`.
fn listening_address(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut addresses = lines.filter_map(|line| line.split_once("listening on ws://"));
    addresses.next().map(|(_, address)| address.trim_end().to_owned())
}
