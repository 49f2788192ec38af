//! The addresses clients are told to send media to.

use crate::{Config, socket::local_addresses};
use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// More would make every client check needless pairs; a machine with many
/// container networks has dozens of addresses that nobody can reach.
const CANDIDATES_MAX: usize = 8;

/// Where one shard can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// What clients are told (ICE candidates), the likeliest first.
    pub(crate) candidates: Vec<SocketAddr>,
    /// Likewise those to which they open TCP connections.
    pub(crate) tcp_candidates: Vec<SocketAddr>,
    /// Whether the machine has several addresses, so that an answer must say from which it comes.
    pub(crate) pins_source: bool,
}

impl Addresses {
    /// What to announce for a socket bound to `local`.
    ///
    /// # Errors
    /// If the machine's addresses are needed and the system does not tell them.
    pub(crate) fn of(config: &Config, local: SocketAddr) -> io::Result<Self> {
        let own = if config.announce.is_empty() && local.ip().is_unspecified() {
            local_addresses()?
        } else {
            Vec::new()
        };
        Ok(Self::choose(&config.announce, own, local))
    }

    /// Announces the same for connections to this port.
    pub(crate) fn with_tcp(mut self, port: Option<u16>) -> Self {
        let ips = self.candidates.iter().map(SocketAddr::ip);
        self.tcp_candidates = port.map_or_else(Vec::new, |port| ips.map(|ip| (ip, port).into()).collect());
        self
    }

    fn choose(announce: &[IpAddr], mut own: Vec<IpAddr>, local: SocketAddr) -> Self {
        if local.is_ipv4() {
            own.retain(IpAddr::is_ipv4);
        }
        let addresses = match (announce, own.as_slice()) {
            ([], []) => vec![local.ip()],
            ([], own) => own.to_vec(),
            (announced, _) => announced.to_vec(),
        };
        let candidates = addresses
            .into_iter()
            .take(CANDIDATES_MAX)
            .map(|address| SocketAddr::new(address, local.port()))
            .collect();
        Self { candidates, tcp_candidates: Vec::new(), pins_source: own.len() > 1 }
    }

    /// The candidate that a datagram to `destination` was meant for: behind NAT
    /// the datagram carries the machine's address and not the one announced.
    pub(crate) fn candidate_for(&self, destination: SocketAddr) -> SocketAddr {
        if self.candidates.contains(&destination) {
            return destination;
        }
        let same_family = self.candidates.iter().find(|it| it.is_ipv4() == destination.is_ipv4());
        same_family.or(self.candidates.first()).copied().unwrap_or(destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn without_settings_every_address_of_the_machine_is_told() {
        let own = addresses(&["192.0.2.5", "2001:db8::5", "127.0.0.1"]);
        let v4 = Addresses::choose(&[], own.clone(), "0.0.0.0:7882".parse().unwrap());
        assert_eq!(v4.candidates, sockets(&["192.0.2.5:7882", "127.0.0.1:7882"]));
        let both = Addresses::choose(&[], own, "[::]:7882".parse().unwrap());
        assert_eq!(both.candidates.len(), 3);
        let tcp = v4.with_tcp(Some(443));
        assert_eq!(tcp.tcp_candidates, sockets(&["192.0.2.5:443", "127.0.0.1:443"]));
        assert!(tcp.with_tcp(None).tcp_candidates.is_empty());
    }

    #[test]
    fn an_announced_address_takes_the_place_of_all_others() {
        let own = addresses(&["10.0.0.5", "127.0.0.1"]);
        let chosen = Addresses::choose(&addresses(&["203.0.113.9"]), own, "0.0.0.0:7882".parse().unwrap());
        assert_eq!(chosen.candidates, sockets(&["203.0.113.9:7882"]));
        assert_eq!(chosen.candidate_for("10.0.0.5:7882".parse().unwrap()), chosen.candidates[0]);
    }

    #[test]
    fn a_socket_of_one_address_tells_that_one() {
        let chosen = Addresses::choose(&[], Vec::new(), "127.0.0.1:4000".parse().unwrap());
        assert_eq!(chosen.candidates, sockets(&["127.0.0.1:4000"]));
        assert!(!chosen.pins_source);
    }
}
