//! The bytes of one socket: how much the kernel may hold of them, and how many went through.

use axum::body::Bytes;
use common::error::Chain;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ingress::{Socket, TakeApart};
use socket2::SockRef;
use std::{
    any::Any,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
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

/// What is read before it must be accounted for, in bytes.
const GRANT_BYTES: usize = 16 * 1024;

/// What is read of somebody to whom nothing is said any more, in bytes.
const LEFTOVER_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Wire {
    stream: Stream,
    /// Read since it was last accounted for.
    read: usize,
    written: u64,
    /// The listener's.
    _held: Option<Box<dyn Any + Send>>,
}

enum Stream {
    Tcp(TcpStream),
    /// The listener has wrapped it: it works, but cannot be tuned or reset.
    Other(TokioIo<Upgraded>),
}

impl Wire {
    /// The wire below an upgraded connection, and what was read of it already.
    pub(super) fn new(upgraded: Upgraded, take_apart: Option<TakeApart>) -> (Self, Bytes) {
        let taken = match take_apart {
            Some(TakeApart(take_apart)) => take_apart(upgraded),
            None => Err(upgraded),
        };
        let (stream, read, held) = match taken {
            Ok(Socket { tcp, read, held }) => (Stream::Tcp(tcp), read, Some(held)),
            Err(upgraded) => (Stream::Other(TokioIo::new(upgraded)), Bytes::new(), None),
        };
        if let Stream::Tcp(tcp) = &stream
            && let Err(error) = tune(tcp)
        {
            debug!(error = %Chain(&error), "A socket keeps the system's settings");
        }
        (Self { stream, read: read.len(), written: 0, _held: held }, read)
    }

    /// What was read since this was last asked.
    pub(super) const fn take_read(&mut self) -> usize {
        std::mem::replace(&mut self.read, 0)
    }

    /// Whether nothing is read any more until what was read is accounted for.
    pub(super) const fn is_starved(&self) -> bool {
        self.read >= GRANT_BYTES
    }

    /// What the kernel has taken, in all.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Ends the sending side and reads until the other side has ended too (RFC 6455, section 7.1.1): a socket
    /// that is closed with bytes unread takes back what was sent.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.shutdown().await?;
        let mut left = LEFTOVER_BYTES_MAX;
        let mut scratch = [0; 1024];
        while left > 0 {
            self.read = 0;
            match self.read(&mut scratch).await? {
                0 => return Ok(()),
                count => left = left.saturating_sub(count),
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Gives up what could not be sent: the kernel drops it at once and tells the other side by a reset.
    pub(super) fn reset(self) {
        if let Stream::Tcp(tcp) = &self.stream
            && let Err(error) = SockRef::from(tcp).set_linger(Some(Duration::ZERO))
        {
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

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_starved() {
            // Nobody is woken: who reads looks at `is_starved`.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = match &mut self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Other(other) => Pin::new(other).poll_read(cx, buf),
        };
        self.read += buf.filled().len() - before;
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match &mut self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Other(other) => Pin::new(other).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(count)) = &polled {
            self.written += u64::try_from(*count).unwrap_or(0);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Other(other) => Pin::new(other).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Other(other) => Pin::new(other).poll_shutdown(cx),
        }
    }
}
