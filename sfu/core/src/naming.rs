//! Names of our ICE agents, which say of whose engine they are: a TCP connection, on the one port of all shards,
//! finds its shard by them.

use crate::{
    demux::{self, Protocol},
    stun::read::{Addressee, Message},
};

/// The digits of a name that say which shard it is of.
const SHARD_DIGITS: usize = 4;

/// A name of this shard's, of so much randomness as it is given.
pub(crate) fn ufrag(shard: u16, random: &str) -> String {
    format!("{shard:0digits$x}{random}", digits = SHARD_DIGITS)
}

/// The shard of whose agent a connectivity check asks (RFC 8445, section 7.2); `None` if it is no such check, or of
/// no agent of ours. Whether the agent exists and the check is authentic, the shard's engine knows.
pub fn asked_shard(packet: &[u8]) -> Option<u16> {
    demux::protocol(packet).filter(|protocol| *protocol == Protocol::Stun)?;
    let message = Message::parse(packet)?;
    let Addressee::Named(name) = message.addressee()? else { return None };
    let digits = name.get(..SHARD_DIGITS)?;
    let is_ours = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_ours { u16::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::simulation::check;

    #[test]
    fn a_check_says_whose_shard_it_asks_and_nothing_else_does() {
        for shard in [0, 7, u16::MAX] {
            let name = ufrag(shard, "rJ9wLx2cPqTz");
            assert_eq!(asked_shard(&check((&name, "pwd"), "them", true, [1; 12])), Some(shard));
        }
        for name in ["", "000", "00g0xxxx", "+001xxxx", "000Fxxxx", "äöüß"] {
            assert_eq!(asked_shard(&check((name, "pwd"), "them", true, [1; 12])), None, "{name}");
        }
        let mut response = check((&ufrag(1, "x"), "pwd"), "them", true, [1; 12]);
        response[0] = 1;
        for other in [&b""[..], b"GET / HTTP/1.1\r\n", &[22, 254, 255, 0], &response] {
            assert_eq!(asked_shard(other), None);
        }
    }
}
