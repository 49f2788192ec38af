//! All transports, found by what datagrams say of them, and by when they are due.

use crate::{
    address::{TcpConnection, TransportAddress},
    id::{ParticipantId, TransportId},
    schedule::Schedule,
    transport::{Transport, credentials::Credentials},
};
use slotmap::SlotMap;
use std::{collections::HashMap, net::SocketAddr, time::Instant};

struct Owned {
    owner: ParticipantId,
    transport: Transport,
}

/// All transports.
#[derive(Default)]
pub(crate) struct Transports {
    transports: SlotMap<TransportId, Owned>,
    by_ufrag: HashMap<String, TransportId>,
    by_address: HashMap<SocketAddr, TransportId>,
    by_connection: HashMap<TcpConnection, TransportId>,
    deadlines: Schedule<TransportId>,
}

impl Transports {
    pub(crate) fn get(&self, id: TransportId) -> Option<&Transport> {
        self.transports.get(id).map(|owned| &owned.transport)
    }

    pub(crate) fn get_mut(&mut self, id: TransportId) -> Option<&mut Transport> {
        self.transports.get_mut(id).map(|owned| &mut owned.transport)
    }

    /// Whose it is.
    pub(crate) fn owner(&self, id: TransportId) -> Option<ParticipantId> {
        self.transports.get(id).map(|owned| owned.owner)
    }

    /// The one whose ICE agent goes by this name with us.
    pub(crate) fn by_ufrag(&self, ufrag: &str) -> Option<TransportId> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// The one whose peer is at this address.
    pub(crate) fn by_address(&self, address: TransportAddress) -> Option<TransportId> {
        let found = match address {
            TransportAddress::Udp(address) => self.by_address.get(&address),
            TransportAddress::Tcp(_, connection) => self.by_connection.get(&connection),
        };
        found.copied()
    }

    pub(crate) fn insert(&mut self, owner: ParticipantId, transport: Transport) -> TransportId {
        let ufrag = transport.credentials().ufrag.clone();
        let id = self.transports.insert(Owned { owner, transport });
        self.by_ufrag.insert(ufrag, id);
        self.reschedule(id);
        id
    }

    /// Goes by these credentials of ours and of the client's from now on.
    pub(crate) fn restart(&mut self, id: TransportId, own: Credentials, remote: Credentials, now: Instant) {
        if let Some(Owned { transport, .. }) = self.transports.get_mut(id) {
            let ufrag = own.ufrag.clone();
            let unused = transport.restart(own, remote, now);
            self.rename(id, ufrag, unused);
        }
    }

    /// The client is offered these credentials of ours for a restart.
    pub(crate) fn expect_restart(&mut self, id: TransportId, own: Credentials) {
        if let Some(Owned { transport, .. }) = self.transports.get_mut(id) {
            let ufrag = own.ufrag.clone();
            let unused = transport.expect_restart(own);
            self.rename(id, ufrag, unused);
        }
    }

    /// Checks for a transport come under this name, too, and under that one no more.
    fn rename(&mut self, id: TransportId, ufrag: String, unused: Option<String>) {
        unused.and_then(|unused| self.by_ufrag.remove(&unused));
        self.by_ufrag.insert(ufrag, id);
    }

    pub(crate) fn remove(&mut self, id: TransportId) {
        if let Some(Owned { transport, .. }) = self.transports.remove(id) {
            for ufrag in transport.names() {
                self.by_ufrag.remove(ufrag);
            }
            for address in transport.addresses() {
                self.forget_address(address, id);
            }
            self.deadlines.remove(id);
        }
    }

    /// A transport's peer is at this address.
    pub(crate) fn note_address(&mut self, address: TransportAddress, id: TransportId) {
        match address {
            TransportAddress::Udp(address) => self.by_address.insert(address, id),
            TransportAddress::Tcp(_, connection) => self.by_connection.insert(connection, id),
        };
    }

    /// An address is this transport's no longer; it may have become another's.
    pub(crate) fn forget_address(&mut self, address: TransportAddress, id: TransportId) {
        if self.by_address(address) == Some(id) {
            match address {
                TransportAddress::Udp(address) => self.by_address.remove(&address),
                TransportAddress::Tcp(_, connection) => self.by_connection.remove(&connection),
            };
        }
    }

    /// Whether an address is in use on another transport than this. Where a check comes from can be
    /// forged: what is in use is not given to the next who says to be there.
    pub(crate) fn is_held_by_another(
        &self,
        address: TransportAddress,
        id: TransportId,
        now: Instant,
    ) -> bool {
        let holder = self.by_address(address).filter(|holder| *holder != id);
        holder.and_then(|holder| self.get(holder)).is_some_and(|holder| holder.holds(address, now))
    }

    /// When the first of them is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Takes one that is due; it is [rescheduled](Self::reschedule) afterwards.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<TransportId> {
        self.deadlines.take_due(now)
    }

    /// Something has happened to it: it is due when it says so now.
    pub(crate) fn reschedule(&mut self, id: TransportId) {
        match self.get(id).and_then(Transport::next_deadline) {
            Some(at) => self.deadlines.set(id, at),
            None => self.deadlines.remove(id),
        }
    }

    /// Packets went out on it: feedback is waited for no longer than that.
    pub(crate) fn note_sent(&mut self, id: TransportId) {
        let congestion = self.get(id).and_then(|transport| transport.congestion.as_ref());
        if let Some(at) = congestion.and_then(|congestion| congestion.next_deadline()) {
            self.deadlines.set_if_earlier(id, at);
        }
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Transport> {
        self.transports.values().map(|owned| &owned.transport)
    }

    /// Names by which transports are found.
    #[cfg(test)]
    pub(crate) fn names(&self) -> usize {
        self.by_ufrag.len()
    }

    /// Addresses by which transports are found.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn addresses(&self) -> usize {
        self.by_address.len().saturating_add(self.by_connection.len())
    }
}
