//! The same sound more than once, against loss (RED; RFC 2198).
//!
//! A packet carries what it would without, and before that what earlier ones carried. Between us and each client it is
//! agreed on or not, so that it is taken off when a packet comes and put on when it goes out.

/// The length of what stands before an earlier block, in bytes.
const BLOCK_HEADER_BYTES: usize = 4;

/// The length of what stands before the packet's own block, in bytes.
const OWN_HEADER_BYTES: usize = 1;

/// Another block follows.
const HAS_MORE: u8 = 0x80;

/// By how much a block may be earlier than the packet, in ticks: fourteen bits.
const OFFSET_MAX: u32 = 0x3FFF;

/// The length of a block at most, in bytes: ten bits.
const BLOCK_BYTES_MAX: usize = 0x3FF;

/// Earlier blocks of one packet that are read, or written, at most. libwebrtc sends one, or up to three where it is
/// told to.
pub const BLOCKS_MAX: usize = 4;

/// The length of all that stands before blocks at most, in bytes.
pub const HEADER_BYTES_MAX: usize = BLOCKS_MAX * BLOCK_HEADER_BYTES + OWN_HEADER_BYTES;

/// What an earlier packet carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// By how many ticks it is earlier than the packet.
    pub offset: u32,
    /// What it carried.
    pub payload: &'a [u8],
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundant<'a> {
    headers: &'a [u8],
    blocks: &'a [u8],
    payload_type: u8,
    /// What it would carry without.
    pub own: &'a [u8],
}

impl<'a> Redundant<'a> {
    /// Reads a payload; `None` if it ends before it should, or has more blocks than anybody sends.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (mut rest, mut count, mut length) = (payload, 0_usize, 0_usize);
        let payload_type = loop {
            let (&first, tail) = rest.split_first()?;
            if first & HAS_MORE == 0 {
                rest = tail;
                break first;
            }
            let (header, tail) = rest.split_first_chunk::<BLOCK_HEADER_BYTES>()?;
            count = count.checked_add(1).filter(|count| *count <= BLOCKS_MAX)?;
            length = length.checked_add(block_length(*header))?;
            rest = tail;
        };
        let headers = payload.get(..count.saturating_mul(BLOCK_HEADER_BYTES))?;
        let (blocks, own) = rest.split_at_checked(length)?;
        Some(Self { headers, blocks, payload_type, own })
    }

    /// The payload type of what it would carry without.
    pub const fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// What earlier packets of the same payload type carried, the one just before it first.
    pub fn earlier(&self) -> impl Iterator<Item = Block<'a>> + use<'a> {
        let Self { headers, blocks, payload_type, .. } = *self;
        let (headers, _) = headers.as_chunks::<BLOCK_HEADER_BYTES>();
        let mut rest = blocks;
        headers.iter().rev().filter_map(move |header| {
            let [first, o0, o1, _] = *header;
            let start = rest.len().checked_sub(block_length(*header))?;
            let (before, payload) = rest.split_at_checked(start)?;
            rest = before;
            let offset = u32::from(o0) << 6 | u32::from(o1) >> 2;
            (first & !HAS_MORE == payload_type).then_some(Block { offset, payload })
        })
    }
}

fn block_length([_, _, high, low]: [u8; BLOCK_HEADER_BYTES]) -> usize {
    usize::from(u16::from_be_bytes([high & 0x03, low]))
}

/// What stands before the blocks of a packet, while it is written: the earliest first, and the packet's own last.
#[derive(Debug, Clone, Copy)]
pub struct Headers {
    bytes: [u8; HEADER_BYTES_MAX],
    length: usize,
    /// Of all blocks.
    payload_type: u8,
}

impl Headers {
    /// Of blocks of this payload type.
    pub const fn new(payload_type: u8) -> Self {
        Self { bytes: [0; HEADER_BYTES_MAX], length: 0, payload_type: payload_type & !HAS_MORE }
    }

    /// Adds an earlier block of so many bytes. Whether that can be said: it must not be too early, nor too long, and there
    /// must be room.
    pub fn push(&mut self, offset: u32, length: usize) -> bool {
        let end = self.length.saturating_add(BLOCK_HEADER_BYTES);
        let room = self.bytes.get_mut(self.length..end).filter(|_| end < HEADER_BYTES_MAX);
        let (Some(room), 1..=OFFSET_MAX, 1..=BLOCK_BYTES_MAX) = (room, offset, length) else { return false };
        let Ok(length) = u32::try_from(length) else { return false };
        let said = u32::from(self.payload_type | HAS_MORE) << 24 | offset << 10 | length;
        room.copy_from_slice(&said.to_be_bytes());
        self.length = end;
        true
    }

    /// Whether there are earlier blocks.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All that stands before the blocks.
    pub fn finish(&mut self) -> &[u8] {
        if let Some(own) = self.bytes.get_mut(self.length) {
            *own = self.payload_type;
        }
        self.bytes.get(..self.length.saturating_add(OWN_HEADER_BYTES)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 960 ticks before the packet (20 ms of Opus), three bytes; then its own two.
    const ONE: [u8; 10] = [0xEF, 0x0F, 0x00, 0x03, 0x6F, 1, 2, 3, 8, 9];

    #[test]
    fn what_browsers_send_is_read_and_written_the_same() {
        let read = Redundant::parse(&ONE).unwrap();
        assert_eq!((read.payload_type(), read.own), (111, &[8, 9][..]));
        let earlier: Vec<Block<'_>> = read.earlier().collect();
        assert_eq!(earlier, [Block { offset: 960, payload: &[1, 2, 3] }]);
        let mut headers = Headers::new(111);
        assert!(headers.is_empty() && headers.push(960, 3) && !headers.is_empty());
        assert_eq!(headers.finish(), &ONE[..5]);
    }

    #[test]
    fn of_several_blocks_the_latest_comes_first() {
        let mut headers = Headers::new(111);
        assert!(headers.push(1920, 2) && headers.push(960, 1));
        let payload = [headers.finish(), &[1, 2, 3, 4]].concat();
        let read = Redundant::parse(&payload).unwrap();
        let earlier: Vec<(u32, &[u8])> = read.earlier().map(|it| (it.offset, it.payload)).collect();
        assert_eq!(earlier, [(960, &[3][..]), (1920, &[1, 2])]);
        assert_eq!(read.own, [4]);
    }

    #[test]
    fn a_packet_without_earlier_blocks_has_its_own_alone() {
        let read = Redundant::parse(&[111, 7]).unwrap();
        assert_eq!((read.own, read.earlier().count()), (&[7][..], 0));
    }

    #[test]
    fn blocks_of_another_kind_are_passed_over() {
        let mut payload = ONE;
        payload[0] = HAS_MORE | 13;
        let read = Redundant::parse(&payload).unwrap();
        assert_eq!((read.earlier().count(), read.own), (0, &[8, 9][..]));
    }

    #[test]
    fn what_ends_too_soon_or_has_too_many_blocks_is_none() {
        for end in 0..ONE.len() - 2 {
            assert_eq!(Redundant::parse(&ONE[..end]), None, "{end} bytes");
        }
        let many = |count: usize| [[0xEF, 0x0F, 0x00, 0x00].repeat(count), vec![111, 1]].concat();
        assert!(Redundant::parse(&many(BLOCKS_MAX)).is_some());
        assert_eq!(Redundant::parse(&many(BLOCKS_MAX + 1)), None);
        assert_eq!(Redundant::parse(&[0xFF; 2000]), None);
    }

    #[test]
    fn what_cannot_be_said_is_not_written() {
        let mut headers = Headers::new(111);
        for (offset, length) in [(0, 10), (OFFSET_MAX + 1, 10), (960, 0), (960, BLOCK_BYTES_MAX + 1)] {
            assert!(!headers.push(offset, length), "{offset} {length}");
        }
        assert!((0..BLOCKS_MAX).all(|_| headers.push(OFFSET_MAX, BLOCK_BYTES_MAX)));
        assert!(!headers.push(960, 10), "there is no room");
        assert_eq!(headers.finish().len(), HEADER_BYTES_MAX);
    }
}
