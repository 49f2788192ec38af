//! A child process that ends with its handle, and with this process if that is killed.

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

/// Looks again and again until something is so. False if `patience` ends first.
#[expect(clippy::disallowed_methods, reason = "waits for a process of the outside world")]
pub fn poll(patience: Duration, mut so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !so() {
        if started.elapsed() > patience {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// How long a service may take to end: a fast shutdown of Postgres writes a checkpoint.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

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
    if user() != 0 {
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

/// The number of the user that we run as.
pub fn user() -> u32 {
    system::user()
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
    if let Some(Account { uid, gid }) = account {
        command.gid(gid).uid(uid);
    }
    command
}

/// Ctrl-C and SIGTERM, held back from this process so that it can clean up.
///
/// Commands that are started meanwhile get them as usual.
#[derive(Debug)]
pub struct Interrupts(());

impl Interrupts {
    /// From now on, for as long as the process lives.
    pub fn hold() -> Self {
        system::hold_interrupts();
        Self(())
    }

    /// Waits for one.
    pub fn wait(&self) {
        while !system::was_interrupted() {
            thread::sleep(POLL);
        }
    }
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
        let mut ended = Ok(None);
        let settled = poll(patience, || {
            ended = self.child.try_wait();
            !matches!(ended, Ok(None)) || ready()
        });
        match ended? {
            Some(status) => Err(io::Error::other(format!("it ended: {status}"))),
            None if settled => Ok(()),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it and its children, and waits for its end, which is
    /// brought about if it does not come.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn stop(&mut self, signal: Signal) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        system::send(self.child.id(), signal);
        if !poll(STOP_TIMEOUT, || !matches!(self.child.try_wait(), Ok(None))) {
            system::send(self.child.id(), Signal::Kill);
        }
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
    use std::{
        os::unix::process::CommandExt,
        process::Command,
        sync::atomic::{AtomicBool, Ordering},
    };

    pub(super) fn user() -> u32 {
        // SAFETY: takes no arguments and cannot fail.
        unsafe { libc::geteuid() }
    }

    static INTERRUPTED: AtomicBool = AtomicBool::new(false);

    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_interrupted() -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }

    pub(super) fn hold_interrupts() {
        let handler = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe {
            libc::signal(libc::SIGINT, handler);
            libc::signal(libc::SIGTERM, handler);
        }
    }

    const fn number(signal: Signal) -> libc::c_int {
        match signal {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Kill => libc::SIGKILL,
        }
    }

    /// To a process that leads its group, and to what it has started in it.
    pub(super) fn send(leader: u32, signal: Signal) {
        if let Ok(leader) = libc::pid_t::try_from(leader) {
            // SAFETY: a signal to a child that has not been waited for, so the number is still its own.
            unsafe { libc::kill(-leader, number(signal)) };
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
