//! Waiting until a datagram or a wake-up comes, or a deadline passes.

#![expect(unsafe_code, reason = "poll(2) is offered by no safe interface of the standard library")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) socket: bool,
    pub(crate) waker: bool,
}

/// Returns once `socket` or `waker` is readable, or after `timeout`; without one it waits for ever.
///
/// An error that waits at a socket counts as readable: reading tells it.
///
/// # Errors
/// What poll(2) fails with, interruption by a signal excepted.
pub(crate) fn wait(socket: &impl AsFd, waker: &impl AsFd, timeout: Option<Duration>) -> io::Result<Ready> {
    let entry = |fd: &dyn AsRawFd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut entries = [entry(&socket.as_fd()), entry(&waker.as_fd())];
    if poll(&mut entries, timeout) == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let [socket, waker] = entries.map(|entry| entry.revents != 0);
    Ok(Ready { socket, waker })
}

/// Timers of the media plane are finer than poll's millisecond.
#[cfg(target_os = "linux")]
fn poll(entries: &mut [libc::pollfd; 2], timeout: Option<Duration>) -> libc::c_int {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let pointer = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both pointers are to live values of the right type and count; the
    // signal mask is allowed to be null.
    unsafe { libc::ppoll(entries.as_mut_ptr(), 2, pointer, std::ptr::null()) }
}

#[cfg(not(target_os = "linux"))]
fn poll(entries: &mut [libc::pollfd; 2], timeout: Option<Duration>) -> libc::c_int {
    // Rounded up, so that the deadline has passed when it returns.
    let milliseconds = timeout.map_or(-1, |timeout| {
        libc::c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: the pointer is to two live entries.
    unsafe { libc::poll(entries.as_mut_ptr(), 2, milliseconds) }
}
