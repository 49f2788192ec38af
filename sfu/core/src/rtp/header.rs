//! The header of an RTP packet (RFC 3550, section 5.1) and its extensions (RFC 8285).

/// What the media plane needs of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The last bytes of the payload are padding.
    pub has_padding: bool,
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number's wire bits.
    pub sequence: u16,
    /// The media time.
    pub timestamp: u32,
    /// SSRC of the media stream (RFC 3550, section 3).
    pub ssrc: u32,
    /// All of it as it came, with contributors and extensions: what SRTP authenticates.
    pub bytes: &'a [u8],
}

/// The length of a header without contributors and extensions, in bytes.
pub const BYTES_MIN: usize = 12;

/// The profile of one-byte extensions (RFC 8285, section 4.2).
const ONE_BYTE: u16 = 0xBEDE;

/// The bit of the first byte that says that extensions follow.
const HAS_EXTENSIONS: u8 = 0x10;

/// The length of a header whose first byte this is, up to its extensions, in bytes.
fn length_without_extensions(first: u8) -> usize {
    BYTES_MIN.saturating_add(usize::from(first & 0x0F).saturating_mul(4))
}

/// The length of a packet's header, in bytes, as far as it is there.
fn length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let length = length_without_extensions(first);
    if first & HAS_EXTENSIONS == 0 {
        return Some(length);
    }
    let &[_, _, l0, l1] = packet.get(length..)?.first_chunk::<4>()?;
    let words = usize::from(u16::from_be_bytes([l0, l1]));
    Some(length.saturating_add(words.saturating_add(1).saturating_mul(4)))
}

impl<'a> Header<'a> {
    /// Reads a header; `None` if the packet is too short for what it announces.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        Self::read(packet.get(..length(packet)?)?)
    }

    /// Reads a header, and splits what follows it off.
    pub fn split(packet: &'a mut [u8]) -> Option<(Self, &'a mut [u8])> {
        let (bytes, rest) = packet.split_at_mut_checked(length(packet)?)?;
        Some((Self::read(bytes)?, rest))
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *bytes.first_chunk::<BYTES_MIN>()?;
        Some(Self {
            has_padding: first & 0x20 != 0,
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            bytes,
        })
    }

    /// The profile of the extensions, and their bytes.
    fn extensions(&self) -> Option<(u16, &'a [u8])> {
        let first = *self.bytes.first()?;
        if first & HAS_EXTENSIONS == 0 {
            return None;
        }
        let (&[p0, p1, _, _], body) =
            self.bytes.get(length_without_extensions(first)..)?.split_first_chunk()?;
        Some((u16::from_be_bytes([p0, p1]), body))
    }

    /// The value of the extension with this id, in either form.
    pub fn extension(&self, wanted: u8) -> Option<&'a [u8]> {
        let (profile, mut rest) = self.extensions()?;
        let is_one_byte = profile == ONE_BYTE;
        if !is_one_byte && profile & 0xFFF0 != 0x1000 {
            return None;
        }
        while let Some((&first, tail)) = rest.split_first() {
            if first == 0 {
                rest = tail;
                continue;
            }
            let (id, length, tail) = if is_one_byte {
                (first >> 4, usize::from(first & 0x0F).saturating_add(1), tail)
            } else {
                let (&length, tail) = tail.split_first()?;
                (first, usize::from(length), tail)
            };
            if is_one_byte && id == 15 {
                return None;
            }
            let (value, next) = tail.split_at_checked(length)?;
            if id == wanted {
                return Some(value);
            }
            rest = next;
        }
        None
    }
}

/// A header without contributors and extensions, to be written.
#[derive(Debug, Clone, Copy)]
pub struct PlainHeader {
    /// The last bytes of the payload are padding.
    pub has_padding: bool,
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number's wire bits.
    pub sequence: u16,
    /// The media time.
    pub timestamp: u32,
    /// SSRC of the media stream (RFC 3550, section 3).
    pub ssrc: u32,
}

impl PlainHeader {
    /// The twelve bytes.
    pub fn to_bytes(self) -> [u8; BYTES_MIN] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let first = 0x80 | if self.has_padding { 0x20 } else { 0 };
        let second = self.payload_type & 0x7F | if self.marker { 0x80 } else { 0 };
        [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

/// The length of what precedes the first extension, in bytes.
const BEFORE_EXTENSIONS: usize = BYTES_MIN + 4;

/// Room for extensions, in bytes: for what is written today, and as much again.
const EXTENSIONS_ROOM: usize = 16;

/// A header with extensions, to be written. It takes no memory of its own.
#[derive(Debug, Clone, Copy)]
pub struct ExtendedHeader {
    bytes: [u8; BEFORE_EXTENSIONS + EXTENSIONS_ROOM],
    /// Of the extensions, without what fills the last word.
    length: usize,
}

impl From<PlainHeader> for ExtendedHeader {
    fn from(header: PlainHeader) -> Self {
        let mut bytes = [0; BEFORE_EXTENSIONS + EXTENSIONS_ROOM];
        bytes.iter_mut().zip(header.to_bytes()).for_each(|(byte, plain)| *byte = plain);
        Self { bytes, length: 0 }
    }
}

impl ExtendedHeader {
    /// Adds an extension in the form of one byte (RFC 8285, section 4.2), for which there are ids from 1 to 14 and
    /// values of 1 to 16 bytes. One that is none, or has no room any more, is left out.
    pub fn push(&mut self, id: u8, value: &[u8]) {
        let start = BEFORE_EXTENSIONS.saturating_add(self.length);
        let end = start.saturating_add(1).saturating_add(value.len());
        let length = value.len().checked_sub(1).and_then(|length| u8::try_from(length).ok());
        let room = self.bytes.get_mut(start..end).and_then(<[u8]>::split_first_mut);
        let (1..=14, Some(length @ 0..=15), Some((head, room))) = (id, length, room) else { return };
        *head = id << 4 | length;
        room.iter_mut().zip(value).for_each(|(byte, value)| *byte = *value);
        self.length = end.saturating_sub(BEFORE_EXTENSIONS);
        let words = u16::try_from(self.length.div_ceil(4)).unwrap_or(u16::MAX);
        let [first, _, _, _, _, _, _, _, _, _, _, _, p0, p1, w0, w1, ..] = &mut self.bytes;
        *first |= HAS_EXTENSIONS;
        [*p0, *p1] = ONE_BYTE.to_be_bytes();
        [*w0, *w1] = words.to_be_bytes();
    }

    /// The bytes, as they stand before the payload.
    pub fn as_slice(&self) -> &[u8] {
        let length = match self.length {
            0 => BYTES_MIN,
            length => BEFORE_EXTENSIONS.saturating_add(length.next_multiple_of(4)),
        };
        self.bytes.get(..length).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: PlainHeader = PlainHeader {
        has_padding: false,
        marker: true,
        payload_type: 96,
        sequence: 7,
        timestamp: 9,
        ssrc: 5,
    };

    fn packet() -> Vec<u8> {
        let mut packet = PLAIN.to_bytes().to_vec();
        packet[0] |= 0x10;
        // One-byte form: id 4 with "0", a pad byte, id 2 with three bytes.
        packet.extend([0xBE, 0xDE, 0, 2, 4 << 4, b'0', 0, 2 << 4 | 2, 1, 2, 3, 0]);
        packet.extend(b"payload");
        packet
    }

    #[test]
    fn extensions_are_found_and_the_payload_begins_behind_them() {
        let packet = packet();
        let header = Header::parse(&packet).unwrap();
        assert_eq!((header.ssrc, header.sequence, header.marker, header.payload_type), (5, 7, true, 96));
        assert_eq!(header.extension(4), Some(&b"0"[..]));
        assert_eq!(header.extension(2), Some(&[1, 2, 3][..]));
        assert_eq!(header.extension(1), None);
        assert_eq!(&packet[header.bytes.len()..], b"payload");
    }

    #[test]
    fn a_packet_cut_anywhere_is_refused_or_read_and_never_panics() {
        let packet = packet();
        for end in 0..packet.len() {
            if let Some(header) = Header::parse(&packet[..end]) {
                assert!(header.bytes.len() <= end);
                header.extension(2);
            }
        }
    }

    #[test]
    fn extensions_that_are_written_are_found() {
        let mut header = ExtendedHeader::from(PLAIN);
        assert_eq!(header.as_slice(), PLAIN.to_bytes());
        header.push(3, &[1, 2]);
        assert_eq!(header.as_slice().len(), 20);
        header.push(14, &[4; 8]);
        let read = Header::parse(header.as_slice()).unwrap();
        assert_eq!(read.bytes.len(), BEFORE_EXTENSIONS + 12);
        assert_eq!((read.ssrc, read.sequence, read.marker), (5, 7, true));
        assert_eq!((read.extension(3), read.extension(14)), (Some(&[1, 2][..]), Some(&[4; 8][..])));
    }

    #[test]
    fn an_extension_that_has_no_room_is_left_out() {
        let mut header = ExtendedHeader::from(PLAIN);
        for (id, value) in [(0, &[1][..]), (15, &[1]), (200, &[1]), (1, &[]), (1, &[1; 16]), (1, &[1; 300])] {
            header.push(id, value);
            assert_eq!(header.as_slice(), PLAIN.to_bytes(), "{id}: {value:?}");
        }
        header.push(2, &[7; 15]);
        header.push(3, &[1]);
        let read = Header::parse(header.as_slice()).unwrap();
        assert_eq!((read.extension(2), read.extension(3)), (Some(&[7; 15][..]), None));
    }
}
