//! SRTP and SRTCP (RFC 3711): with AES-GCM (RFC 7714), and with AES-CM and HMAC-SHA1 for peers that have nothing else.

mod counter_mode;
mod gcm;
mod keys;
mod profile;
mod receive;
mod replay;

pub use profile::Profile;
pub use receive::{Opened, Opener};
pub(crate) use replay::STREAMS_MAX;

use crate::rtp::sequence::SeqNo;
use keys::{PacketIndex, RTCP_HEAD_BYTES, SessionKeys};

/// The last index of an RTCP packet (RFC 3711, section 3.4).
const RTCP_INDEX_MAX: u32 = 0x7FFF_FFFF;

/// The contexts of both directions, from the material that DTLS exports (RFC 5764, section 4.2).
///
/// `None` if the material has not the profile's length.
pub fn contexts(profile: Profile, material: &[u8], we_are_client: bool) -> Option<(Opener, Sealer)> {
    let (client_key, rest) = material.split_at_checked(profile.key_bytes())?;
    let (server_key, rest) = rest.split_at_checked(profile.key_bytes())?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt_bytes())?;
    let client = SessionKeys::derive(profile, client_key, client_salt)?;
    let server = SessionKeys::derive(profile, server_key, server_salt)?;
    let (theirs, ours) = if we_are_client { (server, client) } else { (client, server) };
    Some((Opener::new(theirs), Sealer { keys: ours, rtcp_index: 0 }))
}

/// Encrypts what we send on one transport. The only owner of its keys and
/// counters: a second one would repeat nonces and keystreams.
pub struct Sealer {
    keys: SessionKeys,
    rtcp_index: u32,
}

impl Sealer {
    /// How packets are protected.
    pub const fn profile(&self) -> Profile {
        self.keys.profile
    }

    /// What protection adds to an RTP packet, in bytes.
    pub const fn tag_bytes(&self) -> usize {
        self.keys.profile.tag_bytes()
    }

    /// Appends an encrypted RTP packet to `out`; false if encryption fails.
    ///
    /// `cycles` must be as the receiver counts them: zero when the stream begins.
    /// Never twice with the same stream, cycle and number: see [`SeqNo::cycles_since`].
    pub fn rtp(
        &self,
        header: &[u8],
        payload: &[&[u8]],
        ssrc: u32,
        sequence: SeqNo,
        cycles: u32,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        out.extend_from_slice(header);
        for part in payload {
            out.extend_from_slice(part);
        }
        let index = PacketIndex::rtp(ssrc, cycles, sequence.to_wire());
        self.keys.rtp.seal_rtp(index, start, header.len(), out).is_some()
    }

    /// Appends an encrypted compound RTCP packet to `out`; false if encryption fails.
    pub fn rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> bool {
        self.seal_rtcp(packet, out).is_some()
    }

    fn seal_rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let [_, _, _, _, s0, s1, s2, s3] = *packet.first_chunk::<RTCP_HEAD_BYTES>()?;
        // Used up, nothing is sealed any more: a number used twice would give the contents away, and
        // with GCM the key (RFC 3711, section 9.2; RFC 7714, section 9.3).
        self.rtcp_index = self.rtcp_index.checked_add(1).filter(|index| *index <= RTCP_INDEX_MAX)?;
        let start = out.len();
        out.extend_from_slice(packet);
        self.keys.rtcp.seal_rtcp(u32::from_be_bytes([s0, s1, s2, s3]), self.rtcp_index, start, out)
    }
}

#[cfg(test)]
mod tests;
