//! How many files and sockets this process may have open.

#![expect(unsafe_code, reason = "limits of a process have no safe interface")]

use std::io;

/// Raises the limit as far as the system allows, and says what it is then.
///
/// Systems hand out a low one, which suits programs that use `select`, and a
/// high one to whoever asks.
///
/// # Errors
/// If the limit cannot be read or raised.
pub fn raise() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local of the right type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        // macOS refuses "without limit" and says what it has by `OPEN_MAX`.
        let wanted = if cfg!(target_os = "macos") { limit.rlim_max.min(10_240) } else { limit.rlim_max };
        let raised = libc::rlimit { rlim_cur: wanted.max(limit.rlim_cur), rlim_max: limit.rlim_max };
        // SAFETY: the pointer is to a local of the right type.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } != 0 {
            return Err(io::Error::last_os_error());
        }
        limit = raised;
    }
    Ok(limit.rlim_cur)
}

/// Whether an error says that descriptors or memory for them have run out, here or on the whole machine.
pub fn is_exhausted(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM].contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_what_is_allowed_and_stays_there() {
        let raised = raise().unwrap();
        assert!(raised >= 64);
        assert_eq!(raise().unwrap(), raised);
    }
}
