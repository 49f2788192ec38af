//! The real binary, started on an installation.

use crate::PATIENCE;
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

/// A running `switchboard serve`. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Where it listens, as `http://…`.
    pub base: String,
}

/// The binary that `cargo xtask test` has built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SWITCHBOARD_TEST_BINARY") {
        return path.into();
    }
    let mut path = std::env::current_exe().expect("a test knows itself");
    path.pop();
    path.pop();
    path.join("switchboard")
}

impl Server {
    /// Starts one with these variables and waits until it is ready.
    pub fn start(environment: &[(String, String)]) -> Self {
        Self::start_on(environment, "127.0.0.1:0")
    }

    /// Starts one at a given address: again where an earlier one was.
    pub fn start_on(environment: &[(String, String)], address: &str) -> Self {
        Self::start_by(&[], environment, address)
    }

    /// Starts one that plays a single role.
    pub fn start_role(environment: &[(String, String)], role: &str, address: &str) -> Self {
        Self::spawn(Command::new(binary()).args(["serve", "--roles", role]), environment, address)
    }

    /// Starts one by another program, which gets the binary and its arguments behind its own.
    pub fn start_by(program: &[&str], environment: &[(String, String)], address: &str) -> Self {
        let mut command = match program {
            [] => Command::new(binary()),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary());
                command
            }
        };
        Self::spawn(command.arg("serve"), environment, address)
    }

    fn spawn(command: &mut Command, environment: &[(String, String)], address: &str) -> Self {
        let mut child = command
            .envs(environment.iter().cloned())
            .env("SWITCHBOARD_HTTP__LISTEN", address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary().display()));
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, url)) = line.split_once(" s: ") {
                    let _nobody_waits = sender.send(url.to_owned());
                }
            }
        });
        let Ok(base) = receiver.recv_timeout(PATIENCE) else {
            let _dead_already = child.kill();
            panic!("the server did not become ready: {:?}", child.wait());
        };
        Self { child, base }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.base.trim_start_matches("http://").to_owned()
    }

    /// Asks it to end (SIGTERM) and returns at once.
    #[expect(unsafe_code, reason = "signals have no safe interface")]
    pub fn terminate(&self) {
        let id = libc::pid_t::try_from(self.id()).expect("a process id");
        // SAFETY: the process is our child and has not been waited for.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0, "it was running");
    }

    /// Waits for it to have ended by itself, and in order.
    pub fn ended(mut self) {
        assert!(self.child.wait().expect("it can be waited for").success(), "it ends in order");
    }

    /// `kill -9`: no drain, no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
