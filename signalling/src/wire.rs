//! What a connection is read from and written to: a TCP connection that speaks WebSocket, or the [pipe](crate::pipe)
//! of a client whose network lets no WebSocket through. Nothing above this knows which of the two it is.

mod tcp;

pub(crate) use tcp::{Held, SEND_BUFFER_BYTES, SILENT_PEER_TIME, Tcp, UNSENT_BYTES};

use crate::{frame::Frame, pipe::End};
use std::io;

/// A closed set, told apart by one branch where frames are written: no call by pointer, no allocation for a delivery.
pub(crate) enum Wire {
    Tcp(Tcp),
    Events(End),
}

impl Wire {
    /// Appends what has come to `bytes`; how much it was, 0 at the end.
    pub(crate) fn try_read(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_read(bytes),
            Self::Events(end) => end.try_read(bytes),
        }
    }

    /// Waits until something may be read. Cancelling loses nothing.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.readable().await,
            Self::Events(end) => {
                // Boxed: what waits for a TCP connection is not to grow for the sake of the others.
                Box::pin(end.readable()).await;
                Ok(())
            }
        }
    }

    /// Waits until something may be written. Cancelling loses nothing.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.writable().await,
            Self::Events(end) => {
                Box::pin(end.writable()).await;
                Ok(())
            }
        }
    }

    /// Hands over all of a frame of which so many bytes were written already.
    pub(crate) async fn write(&self, frame: &Frame, written: usize) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.write(frame.as_bytes().get(written..).unwrap_or_default()).await,
            Self::Events(end) => {
                Box::pin(end.write(frame)).await;
                Ok(())
            }
        }
    }

    /// Nothing more is written: waits until the other side has taken what was, and has ended too.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.finish().await,
            Self::Events(end) => {
                Box::pin(end.finish()).await;
                Ok(())
            }
        }
    }

    /// Gives up what could not be sent.
    pub(crate) fn reset(self) {
        match self {
            Self::Tcp(tcp) => tcp.reset(),
            Self::Events(end) => drop(end),
        }
    }
}
