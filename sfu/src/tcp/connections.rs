//! The connections of one shard, on its thread.
//!
//! The kernel says which of them have something to read or take something again (edge-triggered, by way of `mio`); the
//! shard's thread waits for that as it waits for datagrams. Connections on which nothing happens cost nothing.

use super::{
    Newcomer, Refused, SILENCE_MAX,
    connection::{Connection, End, Rest},
};
use mio::{Events, Interest, Poll, Token};
use sfu_core::{Run, TcpConnection, TransportAddress};
use slotmap::{Key, KeyData, SlotMap, new_key_type};
use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Room for what is read at once: several frames.
const READ_BYTES: usize = 16 * 1024;

/// Connections of which is heard at once that they are ready.
const EVENTS_MAX: usize = 256;

/// Connections that are taken from the door before packets have their turn again.
const WELCOMED_AT_ONCE: usize = 8;

new_key_type! {
    /// Each means one connection for ever: the next in the same slot has another.
    struct ConnectionKey;
}

/// What became of packets that were to be sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Added to what goes.
    pub(crate) frames: u64,
    /// Dropped because the peer reads too slowly, or is gone.
    pub(crate) bytes_dropped: u64,
}

/// What the engine says of a packet: whether it is authentic.
pub(super) type Verdict = bool;

/// The connections of a shard.
pub(crate) struct Connections {
    poll: Poll,
    events: Events,
    newcomers: mpsc::Receiver<Newcomer>,
    open: SlotMap<ConnectionKey, Connection>,
    /// Those of which there is more to read than one turn takes.
    unread: Vec<ConnectionKey>,
    /// Those with something to write.
    noted: Vec<ConnectionKey>,
    /// Those that have ended, and the engine has not heard it.
    gone: Vec<TransportAddress>,
    room: Box<[u8]>,
    pub(crate) tally: Tally,
}

impl Connections {
    /// None yet; they come from `newcomers`.
    ///
    /// # Errors
    /// If the system cannot watch over any.
    pub(crate) fn new(newcomers: mpsc::Receiver<Newcomer>) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            newcomers,
            open: SlotMap::with_key(),
            unread: Vec::new(),
            noted: Vec::new(),
            gone: Vec::new(),
            room: vec![0; READ_BYTES].into_boxed_slice(),
            tally: Tally::default(),
        })
    }

    /// What to wait for so as to hear of them; nothing while there are none.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        (!self.open.is_empty()).then(|| self.poll.as_raw_fd())
    }

    /// Whether there is something to do though nothing comes.
    pub(crate) fn has_work(&self) -> bool {
        !self.unread.is_empty() || !self.gone.is_empty() || !self.newcomers.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes some of those that come from the door, with their first packets, and hands these to `handle`. False if none
    /// waited.
    pub(crate) fn welcome(
        &mut self,
        now: Instant,
        mut handle: impl FnMut(TransportAddress, SocketAddr, &mut [u8]) -> Verdict,
    ) -> bool {
        for taken in 0..WELCOMED_AT_ONCE {
            let Ok(newcomer) = self.newcomers.try_recv() else { return taken > 0 };
            if let Err(refused) = self.adopt(newcomer, now, &mut handle) {
                refused.count();
            }
        }
        true
    }

    fn adopt(
        &mut self,
        newcomer: Newcomer,
        now: Instant,
        handle: impl FnOnce(TransportAddress, SocketAddr, &mut [u8]) -> Verdict,
    ) -> Result<(), Refused> {
        let Newcomer { stream, remote, local, mut check, mut place } = newcomer;
        place.prove()?;
        let stream = mio::net::TcpStream::from_std(stream);
        let key = self.open.insert(Connection::new(stream, (local, remote), place, now));
        if !handle(address(key, remote), local, &mut check) {
            self.open.remove(key);
            return Err(Refused::Unknown);
        }
        // What has come since the check was read is told then.
        self.register(key).inspect_err(|_| {
            self.open.remove(key);
            self.gone.push(address(key, remote));
        })
    }

    fn register(&mut self, key: ConnectionKey) -> Result<(), Refused> {
        let connection = self.open.get_mut(key).ok_or(Refused::Ended)?;
        let token = usize::try_from(key.data().as_ffi()).map_err(|_| Refused::Full)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut connection.stream, Token(token), interest);
        registered.map_err(|_| Refused::Ended)
    }

    /// Hands what has come to `handle`, and lets those write that can again. True if something was handed on.
    ///
    /// # Errors
    /// If the system does not say which are ready.
    pub(crate) fn take_packets(
        &mut self,
        now: Instant,
        mut handle: impl FnMut(TransportAddress, SocketAddr, &mut [u8]) -> Verdict,
    ) -> io::Result<bool> {
        let mut unread = std::mem::take(&mut self.unread);
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &self.events {
            let key = key(event.token());
            let Some(connection) = self.open.get_mut(key) else { continue };
            if event.is_writable() {
                connection.outgoing.unblock();
                note(&mut self.noted, key, connection);
            }
            if !std::mem::replace(&mut connection.is_unread, true) {
                unread.push(key);
            }
        }
        let has_any = !unread.is_empty();
        for key in unread {
            let Some(connection) = self.open.get_mut(key) else { continue };
            connection.is_unread = false;
            let (from, local) = (address(key, connection.remote), connection.local);
            match connection.read(&mut self.room, now, |packet| handle(from, local, packet)) {
                Ok(Rest::Nothing) => {}
                Ok(Rest::More) => {
                    connection.is_unread = true;
                    self.unread.push(key);
                }
                Err(end) => self.end(key, end),
            }
        }
        Ok(has_any)
    }

    /// Sends those `runs` that go to connections.
    pub(crate) fn send<'a>(&mut self, runs: impl Iterator<Item = Run<'a>>) {
        for run in runs {
            let TransportAddress::Tcp(_, connection) = run.destination else { continue };
            let key = ConnectionKey::from(KeyData::from_ffi(connection.number()));
            for packet in run.bytes.chunks(run.segment.max(1)) {
                self.send_one(key, packet);
            }
        }
        while let Some(key) = self.noted.pop() {
            if let Some(Err(end)) = self.open.get_mut(key).map(Connection::write) {
                self.end(key, end);
            }
        }
    }

    fn send_one(&mut self, key: ConnectionKey, packet: &[u8]) {
        let sent = self.open.get_mut(key).map(|connection| {
            let sent = connection.send(packet);
            note(&mut self.noted, key, connection);
            sent
        });
        match sent {
            Some(Ok(true)) => self.tally.frames += 1,
            // Until consent ends or the peer is elsewhere, the engine sends to where it was.
            Some(Ok(false)) | None => {
                self.tally.bytes_dropped += u64::try_from(packet.len()).unwrap_or(u64::MAX);
            }
            Some(Err(end)) => self.end(key, end),
        }
    }

    /// Ends those of which nothing was heard for too long, and those that no transport `knows`.
    pub(crate) fn look_after(&mut self, now: Instant, knows: impl Fn(TransportAddress) -> bool) {
        let overdue = |(key, connection): (ConnectionKey, &mut Connection)| {
            connection.outgoing.shrink();
            if now.saturating_duration_since(connection.heard_at) > SILENCE_MAX {
                return Some((key, End::Silent));
            }
            (!knows(address(key, connection.remote))).then_some((key, End::Forgotten))
        };
        let ended: Vec<_> = self.open.iter_mut().filter_map(overdue).collect();
        for (key, end) in ended {
            self.end(key, end);
        }
    }

    /// One that has ended, for the engine to hear it.
    pub(crate) fn take_gone(&mut self) -> Option<TransportAddress> {
        self.gone.pop()
    }

    fn end(&mut self, key: ConnectionKey, end: End) {
        if let Some(connection) = self.open.remove(key) {
            self.gone.push(address(key, connection.remote));
            metrics::counter!("sfu_tcp_ended_total", "reason" => end.reason()).increment(1);
        }
    }
}

/// A connection has something to write.
fn note(noted: &mut Vec<ConnectionKey>, key: ConnectionKey, connection: &mut Connection) {
    if !std::mem::replace(&mut connection.outgoing.is_noted, true) {
        noted.push(key);
    }
}

fn address(key: ConnectionKey, remote: SocketAddr) -> TransportAddress {
    TransportAddress::Tcp(remote, TcpConnection::new(key.data().as_ffi()))
}

fn key(token: Token) -> ConnectionKey {
    // Tokens are made of keys; as many bits on the machines that this runs on.
    KeyData::from_ffi(u64::try_from(token.0).unwrap_or_default()).into()
}
