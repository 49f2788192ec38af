//! What is looked at of packets of SCTP besides what SCTP itself reads (RFC 9260, section 3).

use crc::{CRC_32_ISCSI, Crc};

/// The checksum of every packet (RFC 9260, appendix A).
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Chunks by their types.
const DATA: u8 = 0;
const SACK: u8 = 3;
const ABORT: u8 = 6;

/// The ports and the verification tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    ports: [u8; 4],
    tag: [u8; 4],
}

impl Header {
    /// Of a packet.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let (ports, rest) = packet.split_first_chunk()?;
        let (tag, _) = rest.split_first_chunk()?;
        Some(Self { ports: *ports, tag: *tag })
    }

    /// A packet that ends the association (RFC 9260, section 3.3.7).
    pub(super) fn abort(self) -> Vec<u8> {
        let before = [self.ports, self.tag].concat();
        let chunk = [ABORT, 0, 0, 4];
        let checksum = CHECKSUM.checksum(&[&before[..], &[0; 4], &chunk].concat());
        [&before[..], &checksum.to_le_bytes(), &chunk].concat()
    }
}

/// A packet with the checksum that belongs there.
#[cfg(any(test, feature = "simulation"))]
pub(crate) fn with_checksum(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if let Some(place) = packet.get_mut(8..12) {
        place.fill(0);
    }
    let checksum = CHECKSUM.checksum(&packet).to_le_bytes();
    if let Some(place) = packet.get_mut(8..12) {
        place.copy_from_slice(&checksum);
    }
    packet
}

/// The chunks of a packet, each with its type and value, as far as they are whole.
fn chunks(packet: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = packet.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let ([kind, _flags, high, low], _) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((*kind, value))
    })
}

/// Whether a packet brings anything of a message.
pub(super) fn has_data(packet: &[u8]) -> bool {
    chunks(packet).any(|(kind, _)| kind == DATA)
}

/// How much more may come, as a packet says to whoever sends.
pub(super) fn window(packet: &[u8]) -> Option<u32> {
    let (_, value) = chunks(packet).find(|(kind, _)| *kind == SACK)?;
    value.get(4..8)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[u8]) -> Vec<u8> {
        [&[0x13, 0x88, 0x13, 0x88, 1, 2, 3, 4, 0, 0, 0, 0][..], chunks].concat()
    }

    #[test]
    fn chunks_are_found_behind_others_and_their_padding() {
        let beat = [4, 0, 0, 5, 9, 0, 0, 0];
        let sack = [3, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0];
        let data = [0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 53, 7, 0, 0, 0];
        let all = packet(&[&beat[..], &sack, &data].concat());
        assert_eq!((has_data(&all), window(&all)), (true, Some(65_536)));
        let without = packet(&[&beat[..], &sack].concat());
        assert_eq!((has_data(&without), window(&without)), (false, Some(65_536)));
        for length in 0..all.len() {
            let (_, _) = (has_data(&all[..length]), window(&all[..length]));
        }
        assert!(!has_data(&packet(&[9, 0, 0, 0, 0, 0, 0, 20])), "a length of nothing ends it");
    }

    /// The checksum is that of RFC 9260: the other side of the tests' association takes it.
    #[test]
    fn an_abort_is_a_whole_packet() {
        let abort = Header::of(&packet(&[])).unwrap().abort();
        assert_eq!(abort.len(), 16);
        assert_eq!(abort[12..], [6, 0, 0, 4]);
        assert_eq!(Header::of(&abort), Header::of(&packet(&[])));
    }
}
