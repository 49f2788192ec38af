//! Lets connections in: each has so much time for its first frame, a connectivity check that says whose shard it is for.
//!
//! Whatever else comes ends the connection at once, by its first two bytes mostly. Nothing is answered and nothing is
//! kept but the check.

use super::{Admission, Newcomer, Place, Refused, framing, prepare};
use crate::{shard::ShardHandle, socket::canonical};
use common::{address::ClientAddress, error::Chain};
use sfu_core::asked_shard;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// How long the first check may take after the connection was accepted.
///
/// Clients send it at once. Longer forgives a network on which it is lost twice; shorter frees what says nothing.
pub(crate) const CHECK_TIME: Duration = Duration::from_secs(10);

/// The longest first check, in bytes. A browser's has about 120.
pub(crate) const CHECK_BYTES_MAX: usize = 600;

/// The shortest: a header (RFC 8489, section 5).
const CHECK_BYTES_MIN: usize = 20;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;

/// How long no connection is accepted after the process or the machine has run out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Binds the port.
///
/// # Errors
/// If the address is taken, or not one of this machine's.
pub(crate) fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of a process that was here before do not keep the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Where connections are let in.
pub(crate) struct Door {
    listener: TcpListener,
    admission: Admission,
    /// In the order of their numbers.
    shards: Vec<ShardHandle>,
}

impl Door {
    /// A door to these shards.
    ///
    /// # Errors
    /// If the listener cannot be used.
    pub(crate) fn new(
        listener: StdListener,
        admission: Admission,
        shards: Vec<ShardHandle>,
    ) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::from_std(listener)?, admission, shards })
    }

    /// Lets connections in until it is `closed`. Those that have not said by then whose they are end with it; `tasks`
    /// waits for them.
    pub(crate) async fn run(self, closed: CancellationToken, tasks: TaskTracker) {
        while let Some(accepted) = closed.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, remote)) => match self.admission.take(ClientAddress(remote.ip()).network()) {
                    Ok(place) => {
                        let shards = self.shards.clone();
                        tasks.spawn(closed.clone().run_until_cancelled_owned(async move {
                            if let Err(refused) = receive(stream, canonical(remote), place, &shards).await {
                                refused.count();
                            }
                        }));
                    }
                    Err(refused) => refused.count(),
                },
                Err(error) if is_exhausted(&error) => {
                    warn!(error = %Chain(&error), "No connection for media can be accepted; will go on");
                    // Whoever opened the connections does not close them for us.
                    self.admission.evict();
                    closed.run_until_cancelled(sleep(PAUSE)).await;
                }
                // Of one connection: it was gone before it was accepted.
                Err(error) => debug!(error = %Chain(&error), "A connection for media was not accepted"),
            }
        }
    }
}

/// Waits for a connection's first check, and hands the connection to the shard that it asks.
async fn receive(
    mut stream: TcpStream,
    remote: SocketAddr,
    place: Place,
    shards: &[ShardHandle],
) -> Result<(), Refused> {
    prepare(&SockRef::from(&stream)).map_err(|_| Refused::Ended)?;
    let evicted = Arc::clone(&place.evicted);
    let check = tokio::select! {
        check = timeout(CHECK_TIME, read_check(&mut stream)) => check.map_err(|_| Refused::Late)??,
        () = evicted.notified() => return Err(Refused::Unproved),
    };
    let shard = asked_shard(&check).ok_or(Refused::NoCheck)?;
    let shard = shards.get(usize::from(shard)).ok_or(Refused::Unknown)?;
    let local = canonical(stream.local_addr().map_err(|_| Refused::Ended)?);
    let stream = stream.into_std().map_err(|_| Refused::Ended)?;
    shard.welcome(Newcomer { stream, remote, local, check, place }).map_err(|_| Refused::Busy)
}

/// Reads the first frame and nothing beyond it.
async fn read_check(stream: &mut TcpStream) -> Result<Vec<u8>, Refused> {
    let mut length = [0; framing::LENGTH_BYTES];
    stream.read_exact(&mut length).await.map_err(|_| Refused::Ended)?;
    let length = usize::from(u16::from_be_bytes(length));
    if !(CHECK_BYTES_MIN..=CHECK_BYTES_MAX).contains(&length) {
        return Err(Refused::NoCheck);
    }
    let mut check = vec![0; length];
    stream.read_exact(&mut check).await.map_err(|_| Refused::Ended)?;
    Ok(check)
}

/// Whether there is nothing left of what a connection needs.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
