//! The UDP socket of a shard: datagrams in and out in batches.
//!
//! Linux takes and gives many datagrams per system call and splits runs to one
//! destination in the kernel; elsewhere it is one call per datagram. This
//! module and those below it are the only ones that call the system directly.

mod interfaces;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
mod wait;

pub(crate) use interfaces::local_addresses;
#[cfg(target_os = "linux")]
pub(crate) use linux::{Received, Sender};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{Received, Sender};
pub(crate) use wait::{Ready, wait};

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// The most datagrams taken with one call, and the most runs given with one.
pub(crate) const BATCH: usize = 64;

/// Room for one datagram: more than a path MTU of 1,500 lets through.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// How much may wait in the kernel per direction, in bytes: about 100 ms of
/// 300 Mbit/s. The system may grant less (`net.core.rmem_max`, `wmem_max`).
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Datagrams for one destination that lie one behind the other in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// The local address to send from; it matters on a machine with several.
    pub(crate) source: IpAddr,
    /// Where to.
    pub(crate) destination: SocketAddr,
    /// The size of each datagram but the last, which may be shorter.
    pub(crate) segment: usize,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Run<'a> {
    /// The single datagrams.
    fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.chunks(self.segment.max(1))
    }
}

/// One received datagram.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    /// Who sent it.
    pub(crate) source: SocketAddr,
    /// The local address it was sent to.
    pub(crate) destination: SocketAddr,
    /// What it says.
    pub(crate) bytes: &'a mut [u8],
}

/// What became of datagrams that were to be sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Given to the system.
    pub(crate) datagrams: u64,
    /// Refused by it, and gone: media that waits is worth nothing.
    pub(crate) dropped: u64,
    /// System calls.
    pub(crate) calls: u64,
}

/// Binds the socket of a shard.
///
/// # Errors
/// If the address is taken, or not one of this machine's.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    // Granting less is the system's right; the size is a wish.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// The address in the form that the rest of Switchboard knows it by: IPv4 as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address in the form that a socket of `local`'s family sends to.
fn mapped(address: SocketAddr, local: SocketAddr) -> SocketAddr {
    match (address, local) {
        (SocketAddr::V4(v4), SocketAddr::V6(_)) => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests;
