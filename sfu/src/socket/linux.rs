//! Many datagrams per system call: recvmmsg(2), sendmmsg(2), and UDP segmentation in the kernel.

#![expect(
    unsafe_code,
    reason = "these system calls are offered by no safe interface of the standard library"
)]

mod control;
mod receive;
mod send;

pub(crate) use receive::Received;
pub(crate) use send::Sender;
