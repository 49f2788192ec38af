//! For simulations: transports that are connected from the start.
//!
//! ICE and DTLS draw randomness that no seed of ours decides. With keys chosen
//! by the simulation every byte that follows is the same for the same seed.

use super::Engine;
use crate::{
    output::Output,
    srtp::{Profile, contexts},
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

impl Engine {
    /// Connects a transport that an offer or answer has opened; false if there is none.
    ///
    /// It sends from the first address to the second. `material` is what DTLS would export for AEAD_AES_128_GCM; the engine is the DTLS server.
    pub fn connect_directly(
        &mut self,
        participant: ConnectionId,
        side: Side,
        material: &[u8],
        (local, remote): (SocketAddr, SocketAddr),
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let place = self.participants.get(&participant).and_then(|known| match side {
            Side::Publish => known.publish,
            Side::Subscribe => known.subscribe,
        });
        let keys = contexts(Profile::Aes128Gcm, material, false);
        let (Some(place), Some(keys)) = (place, keys) else { return false };
        let Some(Some(transport)) = self.transports.get_mut(place) else { return false };
        transport.connect_directly(keys, local, remote, now);
        self.by_address.insert(remote, place);
        self.wake_subscriptions(place, now, output);
        true
    }
}
