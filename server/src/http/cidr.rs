//! Networks as settings name them: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::{fmt, net::IpAddr, str::FromStr};

/// A network: its first address, and how many of the leading bits all of its addresses share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    first: IpAddr,
    bits: u32,
}

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidrError {
    /// The part before the slash is no address.
    #[error("a network is an address, or an address with a number of bits, as in 10.0.0.0/8")]
    Address,
    /// The part after it is no number of bits. None at all would be everybody.
    #[error("a network has from 1 to 32 bits, one of IPv6 up to 128")]
    Bits,
    /// Bits behind the network's are set: most likely a slip.
    #[error("the address has bits outside of its network")]
    Host,
}

impl Cidr {
    /// Whether `address` belongs to it. An IPv4 address in IPv6 clothes is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| CidrError::Bits)?;
        if !(1..=all).contains(&bits) {
            return Err(CidrError::Bits);
        }
        let behind = match first {
            IpAddr::V4(first) => first.to_bits().trailing_zeros(),
            IpAddr::V6(first) => first.to_bits().trailing_zeros(),
        };
        if behind < all - bits {
            return Err(CidrError::Host);
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.bits)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(!contains("2001:db8::/32", "10.0.0.1"));
    }

    #[test]
    fn what_is_no_network_or_everybody_is_refused() {
        for (bad, why) in [
            ("", CidrError::Address),
            ("ten", CidrError::Address),
            ("10.0.0.0/", CidrError::Bits),
            ("10.0.0.0/33", CidrError::Bits),
            ("0.0.0.0/0", CidrError::Bits),
            ("::/0", CidrError::Bits),
            ("10.0.0.1/8", CidrError::Host),
            ("2001:db8::1/64", CidrError::Host),
        ] {
            assert_eq!(bad.parse::<Cidr>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_belong_to_a_network_and_their_neighbours_do_not() {
        for (network, before, first, last, after) in [
            ("192.0.2.64/26", "192.0.2.63", "192.0.2.64", "192.0.2.127", "192.0.2.128"),
            ("128.0.0.0/1", "127.255.255.255", "128.0.0.0", "255.255.255.255", "::"),
            ("203.0.113.7/32", "203.0.113.6", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
            (
                "2001:db8::/64",
                "2001:db7:ffff:ffff:ffff::",
                "2001:db8::",
                "2001:db8::ffff:ffff:ffff:ffff",
                "2001:db8:0:1::",
            ),
            ("2001:db8::4/126", "2001:db8::3", "2001:db8::4", "2001:db8::7", "2001:db8::8"),
            ("8000::/1", "7fff:ffff::", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1"),
        ] {
            assert!(contains(network, first) && contains(network, last), "{network}");
            assert!(!contains(network, before) && !contains(network, after), "{network}");
        }
    }

    #[test]
    fn a_network_that_was_read_is_written_the_same_and_a_slip_is_refused() {
        for (text, written) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("::1", "::1/128")]
        {
            assert_eq!(format!("{:?}", text.parse::<Cidr>().unwrap()), written);
        }
        for bad in [
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0 /8",
            "10.0.0.0/+8x",
            "::/129",
            "10.0.0/8",
            "[::1]/128",
            "10.0.0.0/256",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
