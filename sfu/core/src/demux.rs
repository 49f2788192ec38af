//! Which protocol a datagram belongs to, by its first byte (RFC 7983, section 7).

/// A protocol on the media port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// STUN (RFC 8489).
    Stun,
    /// DTLS (RFC 6347).
    Dtls,
    /// SRTP (RFC 3711).
    Rtp,
    /// SRTCP, told from SRTP by the second byte (RFC 5761, section 4).
    Rtcp,
}

/// The protocol; `None` for what is none of ours.
pub const fn protocol(datagram: &[u8]) -> Option<Protocol> {
    match datagram {
        [0..=3, ..] => Some(Protocol::Stun),
        [20..=63, ..] => Some(Protocol::Dtls),
        [128..=191, 192..=223, ..] => Some(Protocol::Rtcp),
        [128..=191, _, ..] => Some(Protocol::Rtp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_decides() {
        assert_eq!(protocol(&[0, 1]), Some(Protocol::Stun));
        assert_eq!(protocol(&[22, 254]), Some(Protocol::Dtls));
        assert_eq!(protocol(&[0x80, 96]), Some(Protocol::Rtp));
        assert_eq!(protocol(&[0x80, 0x80 | 96]), Some(Protocol::Rtp), "a marker is not RTCP");
        assert_eq!(protocol(&[0x81, 201]), Some(Protocol::Rtcp));
        assert_eq!(protocol(&[64, 0]), None);
        assert_eq!(protocol(&[]), None);
    }
}
