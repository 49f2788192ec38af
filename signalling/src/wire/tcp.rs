//! The TCP connection of one socket: how much the kernel may hold of it, and how it ends.

use axum::body::Bytes;
use common::error::Chain;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ingress::{Socket, TakeApart};
use socket2::SockRef;
use std::{
    any::Any,
    cell::RefCell,
    io::{self, IoSlice, Read},
    time::Duration,
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::TcpStream,
};
use tracing::debug;

/// What the kernel may keep for a socket until the other side has acknowledged it, in bytes; it allows
/// itself twice as much for its own bookkeeping (socket(7), SO_SNDBUF).
///
/// More lets one who is far away receive faster (this much per round trip); less bounds what those hold
/// who acknowledge nothing. Left to itself, Linux goes up to 4 MiB.
pub(crate) const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// What it may keep that it could not send yet, in bytes (tcp(7), TCP_NOTSENT_LOWAT): all that somebody
/// holds who has stopped to read.
///
/// Less says sooner that somebody reads slowly, and costs more wake-ups when much is sent.
pub(crate) const UNSENT_BYTES: usize = 64 * 1024;

/// How long the other side may acknowledge nothing, or take nothing (tcp(7), TCP_USER_TIMEOUT).
///
/// Longer survives longer tunnels; shorter gives the kernel's memory back sooner.
pub(crate) const SILENT_PEER_TIME: Duration = Duration::from_secs(30);

/// What is read of somebody to whom nothing is said any more, in bytes.
const LEFTOVER_BYTES_MAX: usize = 1024 * 1024;

/// What is read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where whoever reads next on this thread reads to.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Read and written by whoever has it, without waiting; who [waits](Self::writable) is its connection.
pub(crate) struct Tcp(TcpStream);

/// What the listener wants back when the connection has ended.
pub(crate) type Held = Option<Box<dyn Any + Send>>;

impl Tcp {
    /// The TCP connection below an upgraded one, what was read of it already, and what is to be kept as long.
    ///
    /// # Errors
    /// Gives back what is no TCP connection that this server has accepted.
    pub(crate) fn new(
        upgraded: Upgraded,
        take_apart: Option<TakeApart>,
    ) -> Result<(Self, Bytes, Held), Upgraded> {
        let (tcp, read, held) = match take_apart {
            Some(TakeApart(take_apart)) => {
                let Socket { tcp, read, held } = take_apart(upgraded)?;
                (tcp, read, Some(held))
            }
            None => {
                let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
                (parts.io.into_inner(), parts.read_buf, None)
            }
        };
        if let Err(error) = tune(&tcp) {
            debug!(error = %Chain(&error), "A socket keeps the system's settings");
        }
        Ok((Self(tcp), read, held))
    }

    /// One of a test.
    #[cfg(test)]
    pub(crate) const fn of(tcp: TcpStream) -> Self {
        Self(tcp)
    }

    /// Appends what has come to `bytes`; how much it was, 0 at the end.
    ///
    /// What is less than there was room for was all of it: the kernel is not asked again before more has come.
    pub(crate) fn try_read(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let mut all = None;
        let read = self.0.try_io(Interest::READABLE, || {
            ROOM.with_borrow_mut(|room| {
                let count = (&*SockRef::from(&self.0)).read(room)?;
                bytes.extend_from_slice(room.get(..count).unwrap_or_default());
                if (1..room.len()).contains(&count) {
                    all = Some(count);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(count)
            })
        });
        all.map_or(read, Ok)
    }

    /// Hands the kernel what it takes of this; how many bytes it was.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match SockRef::from(&self.0).send(bytes) {
            // Whoever waits until it takes more waits by what this has found.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.try_write(bytes),
            sent => sent,
        }
    }

    /// The same for several in a row.
    pub(crate) fn try_write_many(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    /// Waits until something may be read. Cancelling loses nothing.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Waits until the kernel may take something. Cancelling loses nothing.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Hands the kernel all of this.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.try_write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends the sending side and reads until the other side has ended too (RFC 6455, section 7.1.1): a socket
    /// that is closed with bytes unread takes back what was sent.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown().await?;
        let mut left = LEFTOVER_BYTES_MAX;
        let mut scratch = [0; 1024];
        while left > 0 {
            self.readable().await?;
            match self.0.try_read(&mut scratch) {
                Ok(0) => return Ok(()),
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Gives up what could not be sent: the kernel drops it at once and tells the other side by a reset.
    pub(crate) fn reset(self) {
        if let Err(error) = SockRef::from(&self.0).set_linger(Some(Duration::ZERO)) {
            debug!(error = %Chain(&error), "A socket cannot be reset");
        }
    }
}

fn tune(tcp: &TcpStream) -> io::Result<()> {
    // Frames are gathered before they are written; what is written must not wait for an acknowledgement.
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(u32::try_from(UNSENT_BYTES).unwrap_or(u32::MAX))?;
        socket.set_tcp_user_timeout(Some(SILENT_PEER_TIME))?;
    }
    Ok(())
}
