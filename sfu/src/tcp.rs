//! Media by TCP, for clients whose network lets no UDP through (RFC 6544): one port for all shards.
//!
//! The [`door`] accepts connections, and keeps each until its first connectivity check says whose shard it is for.
//! From then on the shard's thread has it ([`Connections`]): packets come and go on it in frames (RFC 4571), as
//! datagrams do on the shard's socket, and past the same engine. What the peer does not read in time is dropped as a
//! full network would drop it, so that nobody else waits for it.

mod admission;
mod connection;
mod connections;
pub(crate) mod door;
mod framing;
mod outgoing;

pub(crate) use admission::{Admission, Refused, UNPROVED_MAX};
pub(crate) use connections::{Connections, Tally};
pub(crate) use outgoing::{MEDIA_WAITING_MAX, WAITING_MAX};

use admission::Place;
use socket2::SockRef;
use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The longest packet of a frame, in bytes: as much as one datagram may have.
pub(crate) const FRAME_BYTES_MAX: usize = 2048;

/// How long a connection is kept on which nothing authentic comes.
///
/// Clients check the paths that they keep every 2.5 to 25 s. Shorter closes spare ones; longer keeps those that
/// clients have forgotten from others.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Connections that wait for their shard to take them. The next one is refused.
pub(crate) const NEWCOMERS_MAX: usize = 64;

/// What the kernel may keep of a connection that it has not sent yet, in bytes (`TCP_NOTSENT_LOWAT`).
///
/// More is late where the network is slow, and cannot be dropped; less costs more calls where it is fast.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 32 * 1024;

/// What the kernel keeps of a connection that was sent and is not acknowledged, in bytes; the system doubles it for its
/// own needs (`SO_SNDBUF`, socket(7)).
///
/// Left to itself it keeps megabytes for a peer that vanishes. A peer is sent no more than this in a round trip: 20
/// Mbit/s at 100 ms.
const SENT_BYTES_MAX: usize = 256 * 1024;

/// A connection on its way to its shard.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) stream: TcpStream,
    /// Where it was opened from, and to where.
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The check that came first.
    pub(crate) check: Vec<u8>,
    pub(crate) place: Place,
}

/// Has the system send at once what is written, keep little of it, and forget it when the connection ends: it is worth
/// nothing then, and memory of the kernel's until somebody who is gone has taken it.
fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_send_buffer_size(SENT_BYTES_MAX)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

#[cfg(test)]
mod tests;
