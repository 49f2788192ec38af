//! A range of addresses, as operators and registries write it: `10.0.0.0/8`, `fd00::/8`.

use serde::{Deserialize, de};
use std::{fmt, net::IpAddr, str::FromStr};

/// A network: an address and how many of its leading bits count (CIDR, RFC 4632).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its lowest address: the bits that do not count are zero.
    first: IpAddr,
    /// How many leading bits its addresses have in common.
    prefix: u8,
}

/// Text that is no network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// Not an address, or the length of the prefix is missing or too long.
    #[error("not a network like 10.1.0.0/16 or fd00::/8")]
    Malformed,
    /// It names one address and means many: `10.1.2.3/8`.
    #[error("the address has bits behind the prefix")]
    HostBits,
}

impl Network {
    /// Whether `address` is in it. IPv4 and IPv6 are different worlds here.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, prefix) = text.split_once('/').ok_or(ParseError::Malformed)?;
        let first: IpAddr = first.parse().map_err(|_| ParseError::Malformed)?;
        let is_number = prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|_| is_number).ok_or(ParseError::Malformed)?;
        let host_bits = match first {
            IpAddr::V4(first) if prefix <= 32 => {
                first.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) != 0
            }
            IpAddr::V6(first) if prefix <= 128 => {
                first.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) != 0
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return Err(ParseError::Malformed),
        };
        if host_bits { Err(ParseError::HostBits) } else { Ok(Self { first, prefix }) }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_ends_where_its_prefix_says() {
        assert!(contains("10.1.0.0/16", "10.1.255.255"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(contains("127.0.0.1/32", "127.0.0.1"));
        assert!(!contains("127.0.0.1/32", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "255.255.255.255"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "ffff::"));
        assert!(contains("fe80::/10", "febf::1"));
        assert!(!contains("fe80::/10", "fec0::"));
        assert!(contains("::1/128", "::1"));
        assert!(!contains("::1/128", "::"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "x/8"] {
            assert_eq!(bad.parse::<Network>(), Err(ParseError::Malformed), "{bad}");
        }
        for bad in ["10.1.2.3/8", "10.0.0.1/31", "fd00::1/8", "0.0.0.1/0", "::1/0"] {
            assert_eq!(bad.parse::<Network>(), Err(ParseError::HostBits), "{bad}");
        }
    }
}
