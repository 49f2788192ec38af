//! Where a peer is, by UDP or on a TCP connection.

use std::net::SocketAddr;

/// One TCP connection, by the number that the engine's owner gives it: none comes twice, so that nothing
/// that was proved on one counts on the next that comes from the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpConnection(u64);

impl TcpConnection {
    /// The connection of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number that the owner gave it.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A peer's transport address (RFC 8445, section 4): the same address and port are another one by TCP than by
/// UDP, and another one on each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransportAddress {
    /// Datagrams come from there and go there.
    Udp(SocketAddr),
    /// Frames come and go on a connection that was opened from there (RFC 6544).
    Tcp(SocketAddr, TcpConnection),
}

impl TransportAddress {
    /// Address and port.
    pub const fn socket(self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp(address, _) => address,
        }
    }

    /// The port.
    pub const fn port(self) -> u16 {
        self.socket().port()
    }
}

impl From<SocketAddr> for TransportAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Udp(address)
    }
}
