//! The media server's settings.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The media server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address and UDP port for media; `[::]:7882` listens on IPv6 and IPv4. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The addresses that clients are told to send to, where they differ from the machine's own: behind NAT the
    /// public one. Empty: every address of the machine's interfaces, loopback included so that a browser on the same
    /// machine works.
    ///
    /// An address that clients cannot reach leaves calls through the server at "Connecting…".
    ///
    /// Example: `["203.0.113.7"]`
    pub announce: Vec<IpAddr>,
    /// How many threads forward media. Each has a UDP port of its own, counted up from `listen`'s,
    /// and takes whole sessions.
    pub shards: u16,
    /// The most participants in one session.
    pub participants_max: usize,
    /// Of these, the most of one user.
    ///
    /// Higher lets one person be there with more devices; lower keeps a guest with many
    /// connections from taking the others' places.
    pub participants_per_user_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7882)),
            announce: Vec::new(),
            shards: 1,
            participants_max: 100,
            participants_per_user_max: 5,
        }
    }
}
