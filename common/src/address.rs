//! Network addresses of clients, for limits, the audit log and sign-ins.

use std::net::{IpAddr, Ipv6Addr};

/// The network address of the client that made a request or opened a socket.
///
/// The listener puts it into a request's extensions, after what trusted proxies say was taken into
/// account; nobody else reads headers about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The unit that a limit per address counts by: one IPv4 address, or the 64 bits of IPv6 that a client's
/// network provider hands out as one (RFC 6177): whoever has them has 2⁶⁴ addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network as a part of a name: its address, or the first one in it.
    pub fn key(self) -> String {
        self.0.to_string()
    }
}

impl ClientAddress {
    /// The network that its limits are counted by. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is the
    /// IPv4 address.
    pub fn network(self) -> ClientNetwork {
        self.prefix(64)
    }

    /// By what is counted that one line must not have all of: 48 bits of IPv6 are the most that a provider
    /// hands out with one line (RFC 6177), and have 65,536 networks.
    pub fn site(self) -> ClientNetwork {
        self.prefix(48)
    }

    fn prefix(self, bits: u32) -> ClientNetwork {
        match self.0.to_canonical() {
            IpAddr::V4(address) => ClientNetwork(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & !(u128::MAX >> bits);
                ClientNetwork(IpAddr::V6(Ipv6Addr::from_bits(prefix)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientNetwork {
        ClientAddress(address.parse().unwrap()).network()
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_every_ipv4_address_by_itself() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        let site = |address: &str| ClientAddress(address.parse().unwrap()).site();
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:fff3::1"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:2:2::1"));
        assert_eq!(site("192.0.2.1"), network("192.0.2.1"));
    }

    fn site(address: &str) -> ClientNetwork {
        ClientAddress(address.parse().unwrap()).site()
    }

    /// Of each bit of an IPv6 address, whether it tells networks and sites apart.
    #[test]
    fn the_first_64_bits_make_a_network_and_the_first_48_a_site() {
        let base: Ipv6Addr = "2001:db8:a5a5:5a5a:a5a5:5a5a:a5a5:5a5a".parse().unwrap();
        let client = |bits: u128| ClientAddress(IpAddr::V6(Ipv6Addr::from_bits(bits)));
        let of = client(base.to_bits());
        for bit in 0..128 {
            let other = client(base.to_bits() ^ (1 << (127 - bit)));
            assert_eq!(other.network() != of.network(), bit < 64, "bit {bit}");
            assert_eq!(other.site() != of.site(), bit < 48, "bit {bit}");
        }
    }

    /// Whoever is counted as two has twice the limit; two who are counted as one have half of it.
    #[test]
    fn an_ipv4_address_is_one_however_it_is_written() {
        let plain = network("203.0.113.7");
        for same in ["::ffff:203.0.113.7", "::ffff:cb00:7107", "0:0:0:0:0:ffff:cb00:7107"] {
            assert_eq!((network(same), site(same)), (plain, plain), "{same}");
        }
        // Neither the deprecated IPv4-compatible form (RFC 4291, section 2.5.5.1) nor NAT64 is the host itself.
        for other in ["::203.0.113.7", "64:ff9b::203.0.113.7", "::fffe:203.0.113.7", "1::ffff:203.0.113.7"] {
            assert_ne!(network(other), plain, "{other}");
        }
        let mapped = (0..=255_u8).map(|last| network(&format!("::ffff:203.0.113.{last}")));
        assert_eq!(mapped.collect::<std::collections::BTreeSet<_>>().len(), 256, "not one network of IPv6");
    }

    #[test]
    fn the_ends_of_the_address_space_have_networks_too() {
        for (one, other, is_same) in [
            ("::", "::fffe:ffff:ffff", true),
            ("::1", "::2", true),
            ("ffff:ffff:ffff:ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("ffff:ffff:ffff:fffe::", "ffff:ffff:ffff:ffff::", false),
            ("0.0.0.0", "255.255.255.255", false),
            ("0.0.0.0", "::", false),
            ("127.0.0.1", "::1", false),
        ] {
            assert_eq!(network(one) == network(other), is_same, "{one} and {other}");
        }
    }
}
