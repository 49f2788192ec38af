//! A child process that ends with its handle, and with this process if that is killed.

use crate::find;
use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often something that is about to happen is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A signal by which a service stops.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// SIGINT: to Postgres, a fast shutdown.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL: no goodbye.
    Kill,
}

/// An unprivileged account that a service runs under when we are root.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// `postgres` if there is such a user, else `nobody`; `None` unless we are root.
pub fn unprivileged() -> Option<Account> {
    if !system::is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next()? == name;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            found.then_some(Account { uid, gid })
        })
    };
    find("postgres").or_else(|| find("nobody"))
}

/// A command with nothing of our environment but what the binary needs.
pub fn command(binary: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new(binary);
    command
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    if let Some(path) = find::library_path(binary) {
        command.env("LD_LIBRARY_PATH", path);
    }
    if let Some(Account { uid, gid }) = account {
        command.gid(gid).uid(uid);
    }
    command
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    child: Child,
    stop: Signal,
}

impl Service {
    /// Starts `command`, its output in `log`. Ctrl-C in our terminal does not
    /// reach it; `stop` does, when the handle is dropped or when the thread
    /// that called this dies.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn start(mut command: Command, log: &Path, stop: Signal) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        system::end_with_this_thread(&mut command, stop);
        Ok(Self { child: command.spawn()?, stop })
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// If the service ends before, or `patience` does.
    pub fn wait_until(&mut self, patience: Duration, ready: impl Fn() -> bool) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "waits for a process of the outside world")]
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended: {status}")));
            }
            if started.elapsed() > patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn stop(&mut self, signal: Signal) -> io::Result<ExitStatus> {
        system::send(self.child.id(), signal);
        self.child.wait()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.stop(self.stop);
    }
}

/// The few calls that the standard library does not offer.
#[expect(
    unsafe_code,
    reason = "signals, the user's number, and the parent-death signal have no safe interface"
)]
mod system {
    use super::Signal;
    use std::{os::unix::process::CommandExt, process::Command};

    pub(super) fn is_root() -> bool {
        // SAFETY: takes no arguments and cannot fail.
        unsafe { libc::geteuid() == 0 }
    }

    const fn number(signal: Signal) -> libc::c_int {
        match signal {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Kill => libc::SIGKILL,
        }
    }

    pub(super) fn send(process: u32, signal: Signal) {
        if let Ok(process) = libc::pid_t::try_from(process) {
            // SAFETY: a signal to a child that has not been waited for, so the number is still its own.
            unsafe { libc::kill(process, number(signal)) };
        }
    }

    /// On Linux; elsewhere an orphan is adopted at the next start.
    pub(super) fn end_with_this_thread(command: &mut Command, signal: Signal) {
        #[cfg(target_os = "linux")]
        {
            let parent = std::process::id();
            // SAFETY: prctl and getppid are async-signal-safe, and nothing is allocated.
            unsafe {
                command.pre_exec(move || {
                    libc::prctl(libc::PR_SET_PDEATHSIG, number(signal));
                    // We may have died between fork and prctl.
                    if u32::try_from(libc::getppid()) == Ok(parent) {
                        Ok(())
                    } else {
                        Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe))
                    }
                });
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _adopted_instead = (command, signal);
    }
}
