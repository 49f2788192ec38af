//! Which addresses are not public: nobody but the operator sends there.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890) and the IANA IPv6
//! address space registry. What they do not list as globally reachable is refused, and so is every
//! way in which IPv6 wraps an IPv4 address, except for the two that this machine's network makes
//! itself (mapped and NAT64): there the wrapped address decides.

use crate::network::Network;
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::LazyLock,
};

/// Networks and why nothing is sent there.
const NOT_PUBLIC: &[(&str, &str)] = &[
    ("0.0.0.0/8", "unspecified (RFC 791)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared by a provider's customers (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("168.63.129.16/32", "a platform's own service for its machines (Azure)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "for protocols (RFC 6890)"),
    ("192.0.2.0/24", "for documentation (RFC 5737)"),
    ("192.88.99.0/24", "a relay of 6to4 (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    ("198.51.100.0/24", "for documentation (RFC 5737)"),
    ("203.0.113.0/24", "for documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("255.255.255.255/32", "broadcast (RFC 919)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
    ("::/128", "unspecified (RFC 4291)"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::/96", "IPv4 in deprecated clothes (RFC 4291, section 2.5.5.1)"),
    ("64:ff9b:1::/48", "NAT64 of one's own network (RFC 8215)"),
    ("2001::/32", "Teredo (RFC 4380)"),
    ("2001:2::/48", "for benchmarks (RFC 5180)"),
    ("2001::/23", "for protocols (RFC 2928)"),
    ("2001:db8::/32", "for documentation (RFC 3849)"),
    ("2002::/16", "6to4 (RFC 7526)"),
    ("3fff::/20", "for documentation (RFC 9637)"),
    ("fc00::/7", "private (RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291)"),
    ("fec0::/10", "site-local (RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291)"),
];

/// The only IPv6 addresses that are handed out to be reached from everywhere.
const GLOBAL_UNICAST: &str = "2000::/3";

static TABLE: LazyLock<Vec<(Network, &str)>> = LazyLock::new(|| {
    NOT_PUBLIC.iter().filter_map(|(network, why)| Some((network.parse().ok()?, *why))).collect()
});

/// Why nobody but the operator sends to `address`; `None` if it is public.
///
/// Takes what [`unwrapped`] returns.
pub(crate) fn why_not(address: IpAddr) -> Option<&'static str> {
    let listed = TABLE.iter().find(|(network, _)| network.contains(address)).map(|(_, why)| *why);
    listed.or_else(|| {
        let is_public = match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => {
                GLOBAL_UNICAST.parse::<Network>().is_ok_and(|it| it.contains(address.into()))
            }
        };
        (!is_public).then_some("not global unicast (RFC 4291)")
    })
}

/// The IPv4 address that a packet to `address` ends at, where this machine or its network's NAT64
/// translates: `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2) and `64:ff9b::a.b.c.d` (RFC 6052).
pub(crate) fn unwrapped(address: IpAddr) -> IpAddr {
    const NAT64: u128 = 0x0064_ff9b_u128 << 96;
    match address.to_canonical() {
        IpAddr::V6(address) if address.to_bits() & !u128::from(u32::MAX) == NAT64 => {
            let wrapped = Ipv6Addr::from_bits(address.to_bits() & u128::from(u32::MAX) | 0xffff_0000_0000);
            wrapped.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> Option<&'static str> {
        why_not(unwrapped(address.parse().unwrap()))
    }

    /// A line that does not parse would be skipped in silence.
    #[test]
    fn every_line_of_the_table_is_a_network() {
        assert_eq!(TABLE.len(), NOT_PUBLIC.len());
        assert!(GLOBAL_UNICAST.parse::<Network>().is_ok());
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_in_every_clothing() {
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "169.254.169.254",
            "169.254.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "64:ff9b:0:1::1",
            "100::1",
            "2001::1",
            "2001:0:53aa:64c::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "::ffff:0:127.0.0.1",
        ] {
            assert!(refused(bad).is_some(), "{bad} is not public");
        }
    }

    #[test]
    fn public_addresses_are_not_refused() {
        for good in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450:4001::1",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refused(good), None, "{good} is public");
        }
    }
}
