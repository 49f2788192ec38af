//! The WebSocket of one connection: messages over a [`Wire`].

use super::{
    end::{End, close},
    wire::Wire,
};
use common::protocol::close as close_codes;
use futures_util::{Sink, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use ingress::TakeApart;
use std::{future::poll_fn, pin::Pin, task::Poll};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

/// The largest frame and message, in bytes: a session description of the largest size, escaped.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// The buffers of one socket. The library's defaults are 128 KiB each, most of
/// what an idle connection would cost.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// What may wait inside the library before it refuses. It holds no more than one frame behind its buffer,
/// since nothing is put into it that it is not [ready](WebSocket::ready) for.
const WRITE_BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A socket that speaks WebSocket.
pub(crate) struct WebSocket(WebSocketStream<Wire>);

impl WebSocket {
    pub(crate) async fn new(upgraded: Upgraded, take_apart: Option<TakeApart>) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX);
        let (wire, read) = Wire::new(upgraded, take_apart);
        Self(WebSocketStream::from_partially_read(wire, read.into(), Role::Server, Some(config)).await)
    }

    /// The next message; `None` if what was read must be [accounted for](Self::take_read) first. Cancelling
    /// loses nothing.
    pub(super) async fn receive(&mut self) -> Result<Option<Message>, End> {
        poll_fn(|cx| match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Ok(Some(message))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(broken(&error))),
            Poll::Ready(None) => Poll::Ready(Err(End::Gone)),
            Poll::Pending if self.0.get_ref().is_starved() => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Bytes read since this was last asked.
    pub(super) fn take_read(&mut self) -> usize {
        self.0.get_mut().take_read()
    }

    /// Bytes that the kernel has taken, in all.
    pub(super) fn written(&self) -> u64 {
        self.0.get_ref().written()
    }

    /// Waits until a message may be [put](Self::put). Cancelling loses nothing.
    pub(super) async fn ready(&mut self) -> Result<(), End> {
        poll_fn(|cx| Pin::new(&mut self.0).poll_ready(cx)).await.map_err(|error| broken(&error))
    }

    /// Puts a message behind those before it; [`ready`](Self::ready) comes first.
    pub(super) fn put(&mut self, message: Message) -> Result<(), End> {
        self.0.start_send_unpin(message).map_err(|error| broken(&error))
    }

    /// Waits until the kernel has everything. Cancelling loses nothing.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        self.0.flush().await.map_err(|error| broken(&error))
    }

    /// Puts a message and flushes.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), End> {
        self.ready().await?;
        self.put(message)?;
        self.flush().await
    }

    /// Says why nothing more comes, behind the rest of the frame that was being written.
    pub(super) async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), End> {
        self.send(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))).await
    }

    /// Ends the TCP connection in order.
    pub(super) async fn finish(&mut self) -> Result<(), End> {
        self.0.get_mut().finish().await.map_err(|_| End::Gone)
    }

    /// Ends it without.
    pub(super) fn reset(self) {
        self.0.into_inner().reset();
    }
}

/// The library's error as an end (the codes of RFC 6455, section 7.4.1).
const fn broken(error: &Error) -> End {
    match error {
        Error::Capacity(_) => close(close_codes::TOO_BIG, "the frame is too big"),
        Error::Utf8(_) => close(close_codes::INVALID_TEXT, "the text is not UTF-8"),
        // No violation: the client is gone, or it was us.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => {
            End::Gone
        }
        Error::Protocol(_) | Error::AttackAttempt => {
            close(close_codes::PROTOCOL_ERROR, "that is not WebSocket")
        }
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => End::Gone,
    }
}
