//! What an earlier Postgres on the same data left behind: itself, still running or about to
//! end, or only its lock files.

use crate::child;
use std::{fs, path::Path, time::Duration};

/// How long an instance that is neither ready nor gone is waited for: a fast
/// shutdown writes a checkpoint.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits while another instance on `data` is starting or stopping. True: it is ready to be used.
pub(super) fn outwait(data: &Path, answers: impl Fn() -> bool) -> bool {
    let settled = || answers() || !is_running(data);
    child::poll(PATIENCE, settled) && answers()
}

/// Whether the process that the lock file names is a Postgres on `data`.
pub(super) fn is_running(data: &Path) -> bool {
    let Some(process) = holder(data) else { return false };
    let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_encoded_bytes())
}

/// Removes lock files whose process is now another program.
///
/// Postgres itself only asks whether the number is in use. After a crash in a
/// container it soon is again, and Postgres would refuse to start.
pub(super) fn clear(data: &Path, socket: &Path) {
    let Some(process) = holder(data) else { return };
    let is_other =
        fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() != "postgres");
    if is_other {
        // What cannot be removed is reported by Postgres.
        let _data_lock = fs::remove_file(data.join("postmaster.pid"));
        let _socket_lock = fs::remove_file(socket.with_added_extension("lock"));
    }
}

fn holder(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}
