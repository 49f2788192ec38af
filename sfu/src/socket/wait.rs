//! Waiting until a datagram, a wake-up or something on a connection comes, or a deadline passes.

#![expect(unsafe_code, reason = "poll(2) is offered by no safe interface of the standard library")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::Duration,
};

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) socket: bool,
    pub(crate) waker: bool,
    pub(crate) connections: bool,
}

/// Returns once `socket`, `waker` or what watches `connections` is readable, or after `timeout`; without one it waits
/// for ever.
///
/// An error that waits at a socket counts as readable: reading tells it.
///
/// # Errors
/// What poll(2) fails with, interruption by a signal excepted.
pub(crate) fn wait(
    socket: &impl AsFd,
    waker: &impl AsFd,
    connections: Option<RawFd>,
    timeout: Option<Duration>,
) -> io::Result<Ready> {
    let entry = |fd: RawFd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // The system passes over a negative descriptor.
    let connections = connections.unwrap_or(-1);
    let mut entries = [socket.as_fd().as_raw_fd(), waker.as_fd().as_raw_fd(), connections].map(entry);
    if poll(&mut entries, timeout) == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let [socket, waker, connections] = entries.map(|entry| entry.revents != 0);
    Ok(Ready { socket, waker, connections })
}

/// Timers of the media plane are finer than poll's millisecond.
#[cfg(target_os = "linux")]
fn poll(entries: &mut [libc::pollfd; 3], timeout: Option<Duration>) -> libc::c_int {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let pointer = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both pointers are to live values of the right type and count; the
    // signal mask is allowed to be null.
    unsafe { libc::ppoll(entries.as_mut_ptr(), 3, pointer, std::ptr::null()) }
}

#[cfg(not(target_os = "linux"))]
fn poll(entries: &mut [libc::pollfd; 3], timeout: Option<Duration>) -> libc::c_int {
    // Rounded up, so that the deadline has passed when it returns.
    let milliseconds = timeout.map_or(-1, |timeout| {
        libc::c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: the pointer is to three live entries.
    unsafe { libc::poll(entries.as_mut_ptr(), 3, milliseconds) }
}
