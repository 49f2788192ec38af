//! The PROXY protocol, version 2, as a load balancer sends it before anything else. Pure: bytes in, address out.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>, section 2.2. Version 1 is text of unknown
//! length and refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How every header of version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes that say how many more there are.
pub const HEAD_BYTES: usize = 16;

/// The most bytes after those: addresses of unix sockets, and room for what balancers append (certificates excepted).
pub const REST_BYTES_MAX: usize = 2048;

/// Why the first bytes of a connection are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The text of version 1.
    #[error("version 1 of the PROXY protocol is not understood; use version 2")]
    Version1,
    /// Something else, such as HTTP without a header before it.
    #[error("the connection does not begin with a header of the PROXY protocol")]
    NoHeader,
    /// A version, command or family that is not defined.
    #[error("the header of the PROXY protocol is of an unknown kind")]
    Unknown,
    /// Longer than [`REST_BYTES_MAX`], or too short for the addresses it announces.
    #[error("the header of the PROXY protocol has a wrong length")]
    Length,
}

/// The first bytes of a header, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    family: Family,
    rest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// The balancer itself calls, or does not say for whom.
    Unnamed,
    V4,
    V6,
}

impl Head {
    /// Reads the first bytes.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn read(bytes: &[u8; HEAD_BYTES]) -> Result<Self, ProxyError> {
        if bytes.starts_with(b"PROXY ") {
            return Err(ProxyError::Version1);
        }
        let [signature @ .., version, family, high, low] = bytes;
        if signature != &SIGNATURE {
            return Err(ProxyError::NoHeader);
        }
        let (is_local, family) = match (version, family) {
            (0x20, family) => (true, family),
            (0x21, family) => (false, family),
            _ => return Err(ProxyError::Unknown),
        };
        let family = match family {
            _ if is_local => Family::Unnamed,
            0x11 | 0x12 => Family::V4,
            0x21 | 0x22 => Family::V6,
            // Unspecified, and unix sockets: no address that limits could count by.
            0x00 | 0x31 | 0x32 => Family::Unnamed,
            _ => return Err(ProxyError::Unknown),
        };
        let rest = usize::from(u16::from_be_bytes([*high, *low]));
        // Refused before it is read: the length is the sender's word, and a buffer of that size would be made for it.
        if rest > REST_BYTES_MAX || rest < family.bytes() {
            return Err(ProxyError::Length);
        }
        Ok(Self { family, rest })
    }

    /// How many bytes belong to the header still.
    pub const fn rest(self) -> usize {
        self.rest
    }

    /// The client's address; `None` if it is the balancer who calls. What follows the addresses is skipped.
    ///
    /// # Errors
    /// [`ProxyError::Length`] if `rest` has not the length that was announced.
    pub fn source(self, rest: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
        if rest.len() != self.rest {
            return Err(ProxyError::Length);
        }
        match self.family {
            Family::Unnamed => Ok(None),
            Family::V4 => {
                let (address, ports) = rest.split_first_chunk::<4>().ok_or(ProxyError::Length)?;
                let port = ports.get(4..).and_then(|ports| ports.first_chunk::<2>());
                let port = u16::from_be_bytes(*port.ok_or(ProxyError::Length)?);
                Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*address)), port)))
            }
            Family::V6 => {
                let (address, ports) = rest.split_first_chunk::<16>().ok_or(ProxyError::Length)?;
                let port = ports.get(16..).and_then(|ports| ports.first_chunk::<2>());
                let port = u16::from_be_bytes(*port.ok_or(ProxyError::Length)?);
                Ok(Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*address)), port)))
            }
        }
    }
}

impl Family {
    /// How long the addresses are: two, and two ports.
    const fn bytes(self) -> usize {
        match self {
            Self::Unnamed => 0,
            Self::V4 => 12,
            Self::V6 => 36,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header as a balancer makes it.
    fn header(version: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
        let (head, rest) = bytes.split_first_chunk().unwrap();
        Head::read(head)?.source(rest)
    }

    #[test]
    fn the_clients_address_is_read_and_what_follows_is_skipped() {
        let mut four = vec![203, 0, 113, 5, 10, 0, 0, 1, 0x12, 0x67, 0x1e, 0xc8];
        assert_eq!(read(&header(0x21, 0x11, &four)), Ok(Some("203.0.113.5:4711".parse().unwrap())));
        four.extend([0x04, 0, 2, 9, 9]);
        assert_eq!(read(&header(0x21, 0x11, &four)), Ok(Some("203.0.113.5:4711".parse().unwrap())));
        let mut six = "2001:db8::5".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        six.extend([0; 16]);
        six.extend([0x12, 0x67, 0, 80]);
        assert_eq!(read(&header(0x21, 0x21, &six)), Ok(Some("[2001:db8::5]:4711".parse().unwrap())));
    }

    #[test]
    fn a_balancer_may_call_for_itself() {
        assert_eq!(read(&header(0x20, 0x00, &[])), Ok(None));
        assert_eq!(read(&header(0x20, 0x11, &[1; 12])), Ok(None));
        assert_eq!(read(&header(0x21, 0x00, &[1; 5])), Ok(None));
        assert_eq!(read(&header(0x21, 0x31, &[0; 216])), Ok(None));
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(read(b"PROXY TCP4 203.0.113.5 10.0.0.1 1 2\r\n"), Err(ProxyError::Version1));
        assert_eq!(read(b"GET /health HTTP/1.1\r\n\r\n"), Err(ProxyError::NoHeader));
        assert_eq!(read(&header(0x11, 0x11, &[0; 12])), Err(ProxyError::Unknown));
        assert_eq!(read(&header(0x22, 0x11, &[0; 12])), Err(ProxyError::Unknown));
        assert_eq!(read(&header(0x21, 0x41, &[0; 12])), Err(ProxyError::Unknown));
        assert_eq!(read(&header(0x21, 0x11, &[0; 11])), Err(ProxyError::Length));
        assert_eq!(read(&header(0x21, 0x21, &[0; 35])), Err(ProxyError::Length));
        assert_eq!(read(&header(0x21, 0x11, &[0; 2049])), Err(ProxyError::Length));
        let mut cut = header(0x21, 0x11, &[0; 12]);
        cut.pop();
        assert_eq!(read(&cut), Err(ProxyError::Length));
    }

    /// A slip is refused, or it names the same client, or it says that nobody is named: a balancer that calls for
    /// itself, or a unix socket.
    #[test]
    fn no_slip_in_the_beginning_is_taken_for_another_client() {
        let rest = [203, 0, 113, 5, 10, 0, 0, 1, 0x12, 0x67, 0x1e, 0xc8];
        let good = header(0x21, 0x11, &rest);
        let client = read(&good).unwrap();
        let mut named_nobody = 0;
        for at in 0..HEAD_BYTES {
            for bit in 0..8 {
                let mut slip = good.clone();
                slip[at] ^= 1 << bit;
                match read(&slip) {
                    Ok(None) => {
                        assert!([[0x20, 0x11], [0x21, 0x31]].contains(&[slip[12], slip[13]]), "{at} {bit}");
                        named_nobody += 1;
                    }
                    Ok(named) => assert_eq!(named, client, "{at} {bit}"),
                    Err(_) => {}
                }
            }
        }
        assert_eq!(named_nobody, 2);
    }

    #[test]
    fn a_header_has_room_for_2048_bytes_beside_the_addresses_and_is_read_whole() {
        let head = |length: u16| {
            let mut bytes = header(0x21, 0x11, &[0; 12]);
            bytes[14..16].copy_from_slice(&length.to_be_bytes());
            Head::read(bytes.first_chunk().unwrap())
        };
        assert_eq!(head(2048).unwrap().rest(), REST_BYTES_MAX);
        assert_eq!(head(2049), Err(ProxyError::Length));
        assert_eq!(head(u16::MAX), Err(ProxyError::Length));
        assert_eq!((head(12).unwrap().rest(), head(11)), (12, Err(ProxyError::Length)));
        for wrong in [0, 11, 13, 2048] {
            assert_eq!(head(12).unwrap().source(&vec![1; wrong]), Err(ProxyError::Length), "{wrong}");
        }
    }

    #[test]
    fn datagrams_are_of_the_same_families_as_streams() {
        let four = [203, 0, 113, 5, 10, 0, 0, 1, 0, 80, 0, 80];
        assert_eq!(read(&header(0x21, 0x12, &four)), Ok(Some("203.0.113.5:80".parse().unwrap())));
        let six = [[1_u8; 32].to_vec(), vec![0, 80, 0, 81]].concat();
        assert_eq!(
            read(&header(0x21, 0x22, &six)),
            Ok(Some("[101:101:101:101:101:101:101:101]:80".parse().unwrap()))
        );
    }
}
