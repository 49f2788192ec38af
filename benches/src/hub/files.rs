//! Enough file descriptors for thousands of sockets, here and in the servers, which inherit the limit.

use std::io;

/// Raises the limit as far as the system allows, and returns it.
///
/// # Errors
/// If the system says no.
#[expect(unsafe_code, reason = "limits have no safe interface")]
pub(super) fn raise_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as before.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}
