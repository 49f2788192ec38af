//! For simulations: transports that are connected from the start.
//!
//! DTLS draws randomness that no seed of ours decides. With keys chosen
//! by the simulation every byte that follows is the same for the same seed.

mod check;

pub use check::{check, reply};

use super::Engine;
use crate::{
    address::TransportAddress,
    negotiation::offering::Offering,
    output::Output,
    srtp::{Profile, contexts},
    transport::Transport,
};
use common::id::ConnectionId;
use std::{net::SocketAddr, time::Instant};

/// One of a participant's transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// On which it sends.
    Publish,
    /// On which it receives.
    Subscribe,
}

/// What an engine remembers, in entries. None of it may grow with what strangers or participants send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Transports.
    pub transports: usize,
    /// Remote addresses by which transports are found.
    pub addresses: usize,
    /// The most that one transport has.
    pub addresses_per_transport: usize,
    /// Encodings of incoming tracks.
    pub encodings: usize,
    /// Incoming streams.
    pub streams: usize,
    /// Outgoing streams.
    pub feedback: usize,
    /// The most streams whose packets one transport remembers.
    pub windows_per_transport: usize,
    /// The most sections that anybody is offered.
    pub sections: usize,
    /// Associations of data channels.
    pub associations: usize,
}

impl Engine {
    /// What the engine remembers.
    pub fn footprint(&self) -> Footprint {
        let (streams, feedback) = self.forwarding.streams();
        let most = |of: &dyn Fn(&Transport) -> usize| self.transports.iter().map(of).max().unwrap_or(0);
        Footprint {
            transports: self.transports.iter().count(),
            addresses: self.transports.addresses(),
            addresses_per_transport: most(&|it| it.addresses().count()),
            encodings: self.forwarding.encodings(),
            streams,
            feedback,
            windows_per_transport: most(&Transport::remembered_streams),
            sections: self.negotiations.offerings().map(Offering::sections).max().unwrap_or(0),
            associations: self.data.len(),
        }
    }

    /// Connects a transport that an offer or answer has opened; false if there is none.
    ///
    /// It sends from the first address to the second. `material` is what DTLS would export for AEAD_AES_128_GCM; the engine is the DTLS server.
    pub fn connect_directly(
        &mut self,
        participant: ConnectionId,
        side: Side,
        material: &[u8],
        (local, remote): (SocketAddr, impl Into<TransportAddress>),
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let remote = remote.into();
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get(id));
        let id = known.and_then(|known| match side {
            Side::Publish => known.publish,
            Side::Subscribe => known.subscribe,
        });
        let keys = contexts(Profile::Aes128Gcm, material, false);
        let (Some(id), Some(keys)) = (id, keys) else { return false };
        let Some(transport) = self.transports.get_mut(id) else { return false };
        transport.connect_directly(keys, local, remote, now);
        self.transports.note_address(remote, id);
        self.transports.reschedule(id);
        self.connected(id, now, output);
        true
    }
}
