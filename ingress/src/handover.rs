//! A socket as the listener hands it over: the TCP connection itself, and what must live as long.

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use std::any::Any;
use tokio::net::TcpStream;

/// The socket below an upgraded connection.
pub struct Socket {
    /// The TCP connection, once nobody else reads it.
    pub tcp: TcpStream,
    /// Bytes that were read from it already.
    pub read: Bytes,
    /// The listener's own: its slot in the listener's limits. Dropped with the socket.
    pub held: Box<dyn Any + Send>,
}

/// How the listener's stream is taken apart. It puts this into the extensions of its requests; without it a
/// socket works, but cannot be tuned or reset.
#[derive(Clone, Copy)]
pub struct TakeApart(pub fn(Upgraded) -> Result<Socket, Upgraded>);
