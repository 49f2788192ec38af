//! One connection of a shard: what comes in frames, and what waits to go.

use super::{Place, framing, outgoing::Outgoing};
use mio::net::TcpStream;
use std::{
    io::{self, Read},
    net::SocketAddr,
    time::Instant,
};

/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 4;

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its peer closed it.
    Closed,
    /// The system says that it is of no use any more.
    Failed,
    /// A frame was longer than any packet.
    Oversize,
    /// Nothing authentic came for too long.
    Silent,
    /// The transport that it was for is gone, or uses others.
    Forgotten,
}

impl End {
    /// Its name in metrics.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Oversize => "oversize",
            Self::Silent => "silent",
            Self::Forgotten => "forgotten",
        }
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Failed
    }
}

/// Whether there is more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    More,
}

pub(super) struct Connection {
    /// Given back when it ends, and before the peer can know of that: fields end in this order.
    _place: Place,
    pub(super) stream: TcpStream,
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    pub(super) outgoing: Outgoing,
    /// When something authentic came last.
    pub(super) heard_at: Instant,
    /// It is among those of which there is more to read.
    pub(super) is_unread: bool,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        (local, remote): (SocketAddr, SocketAddr),
        place: Place,
        now: Instant,
    ) -> Self {
        Self {
            stream,
            remote,
            local,
            partial: Vec::new(),
            outgoing: Outgoing::default(),
            heard_at: now,
            is_unread: false,
            _place: place,
        }
    }

    /// Reads what has come, as far as it is this connection's turn, and hands packets to `handle`, which says whether
    /// they are authentic. `room` is longer than any frame.
    ///
    /// # Errors
    /// [`End`].
    pub(super) fn read(
        &mut self,
        room: &mut [u8],
        now: Instant,
        mut handle: impl FnMut(&mut [u8]) -> bool,
    ) -> Result<Rest, End> {
        for _ in 0..READS_MAX {
            let (kept, free) = room.split_at_mut_checked(self.partial.len()).ok_or(End::Oversize)?;
            kept.copy_from_slice(&self.partial);
            let read = match self.stream.read(free) {
                Ok(0) => return Err(End::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Rest::Nothing),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = room.get_mut(..self.partial.len() + read).unwrap_or_default();
            let taken = framing::take_packets(bytes, |packet| {
                if handle(packet) {
                    self.heard_at = now;
                }
            });
            let rest = bytes.get(taken.map_err(|framing::Oversize| End::Oversize)?..);
            self.partial.clear();
            self.partial.extend_from_slice(rest.unwrap_or_default());
        }
        Ok(Rest::More)
    }

    /// Adds a packet to what waits. False if it is dropped.
    ///
    /// # Errors
    /// [`End`].
    pub(super) fn send(&mut self, packet: &[u8]) -> Result<bool, End> {
        Ok(self.outgoing.add(packet, &mut self.stream)?)
    }

    /// Gives the kernel what it takes.
    ///
    /// # Errors
    /// [`End`].
    pub(super) fn write(&mut self) -> Result<(), End> {
        self.outgoing.is_noted = false;
        self.outgoing.write(&mut self.stream)?;
        Ok(())
    }
}
