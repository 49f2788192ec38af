//! CPU time and memory, of this thread and of another process.

use std::{fs, io, time::Duration};

/// The CPU time that this thread has used.
#[expect(unsafe_code, reason = "thread CPU time has no safe interface")]
pub(crate) fn of_this_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What another process has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Of both, in nanoseconds and not in ticks, by those of its threads that are alive.
    pub(crate) running: Duration,
    pub(crate) resident_bytes: u64,
}

/// Clock ticks a second in `/proc`, the same on every Linux (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// Reads what a process has used from `/proc`.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub(crate) fn of_process(id: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in brackets may contain blanks; the numbers come after it.
    let fields: Vec<u64> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    let ticks =
        |at: usize| Duration::from_millis(fields.get(at).copied().unwrap_or(0) * 1000 / TICKS_PER_SECOND);
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    Ok(Usage {
        user: ticks(11),
        system: ticks(12),
        running: running(id)?,
        resident_bytes: resident.unwrap_or(0) * 1024,
    })
}

/// The first figure of each thread's `schedstat` is the time it has run, in nanoseconds.
fn running(id: u32) -> io::Result<Duration> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        // A thread may have ended meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}
