//! One system call per datagram: what every system can do.

use super::{DATAGRAM_BYTES_MAX, Datagram, Run, Sent, canonical, mapped};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

/// The datagram that was received last.
pub(crate) struct Received {
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
    /// Source and length.
    taken: Option<(SocketAddr, usize)>,
    local: SocketAddr,
}

impl Received {
    /// Nothing yet.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) fn new(socket: &UdpSocket) -> io::Result<Self> {
        Ok(Self { buffer: Box::new([0; DATAGRAM_BYTES_MAX]), taken: None, local: socket.local_addr()? })
    }

    /// Takes what waits in the socket, in place of what was here. Returns how many datagrams.
    ///
    /// # Errors
    /// What the system fails with; that nothing waits is no error.
    pub(crate) fn fill(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.taken = match socket.recv_from(&mut self.buffer[..]) {
            Ok((length, source)) => Some((canonical(source), length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => return Err(error),
        };
        Ok(usize::from(self.taken.is_some()))
    }

    /// What was taken. The destination is the socket's own address.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        let destination = canonical(self.local);
        self.taken
            .and_then(|(source, length)| Some((source, self.buffer.get_mut(..length)?)))
            .map(|(source, bytes)| Datagram { source, destination, bytes })
            .into_iter()
    }
}

/// Sends one datagram per call.
pub(crate) struct Sender {
    local: SocketAddr,
}

impl Sender {
    /// A sender over `socket`. Where several addresses could be the source, the system chooses.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) fn new(socket: &UdpSocket, _pins_source: bool) -> io::Result<Self> {
        Ok(Self { local: socket.local_addr()? })
    }

    /// Sends all `runs`.
    pub(crate) fn send<'a>(&mut self, socket: &UdpSocket, runs: impl Iterator<Item = Run<'a>>) -> Sent {
        let mut sent = Sent::default();
        for run in runs {
            for datagram in run.datagrams() {
                sent.calls += 1;
                match socket.send_to(datagram, mapped(run.destination, self.local)) {
                    Ok(_) => sent.datagrams += 1,
                    Err(_) => sent.dropped += 1,
                }
            }
        }
        sent
    }
}
