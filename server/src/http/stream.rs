//! A client's connection with deadlines: for the first byte of a request, for its head, and for taking what is sent.
//!
//! The deadlines of reading hold only while a request is waited for; a body has
//! its own (see [`super::body`]), and sockets of the hub ping.

use super::slots::Slot;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ingress::Socket;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// For the head of a request, from its first byte; also for the first byte of the first request.
    pub(super) head: Duration,
    /// Between an answer and the next request.
    pub(super) idle: Duration,
    /// For taking anything of what is sent.
    pub(super) write: Duration,
}

/// A connection, and its slot.
pub(super) struct Stream {
    socket: TcpStream,
    slot: Slot,
    deadlines: Deadlines,
    /// Whether a byte of the request that is waited for has arrived.
    has_begun: bool,
    /// The wait that `has_begun` and `reading` are about.
    round: u32,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) const fn new(socket: TcpStream, slot: Slot, deadlines: Deadlines) -> Self {
        Self { socket, slot, deadlines, has_begun: false, round: 0, reading: None, writing: None }
    }

    /// Gives the socket below an upgraded connection to whoever serves it by rules of its own.
    pub(super) fn take_apart(upgraded: Upgraded) -> Result<Socket, Upgraded> {
        let parts = upgraded.downcast::<TokioIo<Self>>()?;
        let Self { socket: tcp, slot, .. } = parts.io.into_inner();
        Ok(Socket { tcp, read: parts.read_buf, held: Box::new(slot) })
    }

    /// Waits for bytes, for as long as the deadlines allow.
    fn wait_to_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.slot.state.is_busy() {
            self.reading = None;
            return Poll::Pending;
        }
        self.look_at_round();
        // Who has just connected has something to ask.
        let is_fresh = self.has_begun || self.round == 0;
        let patience = if is_fresh { self.deadlines.head } else { self.deadlines.idle };
        ready!(self.reading.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn look_at_round(&mut self) {
        let round = self.slot.state.rounds();
        if round != self.round {
            (self.round, self.has_begun, self.reading) = (round, false, None);
        }
    }

    /// Bytes arrived: the head's deadline runs from the first of them.
    fn note_read(&mut self) {
        if self.slot.state.is_busy() {
            return;
        }
        self.look_at_round();
        if !self.has_begun {
            (self.has_begun, self.reading) = (true, None);
        }
    }

    /// Ends a wait for the client to take something, or goes on with it.
    fn wait_to_write<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.writing = None;
            if self.slot.note_writing(false) {
                // The wait for the next request begins now, and nobody has polled for it.
                context.waker().wake_by_ref();
            }
            return outcome;
        }
        self.slot.note_writing(true);
        let patience = self.deadlines.write;
        ready!(self.writing.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.socket).poll_read(context, buffer) {
            Poll::Ready(done) => {
                if buffer.filled().len() > before {
                    self.note_read();
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.wait_to_read(context),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.wait_to_write(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.wait_to_write(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
