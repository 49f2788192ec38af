//! Ogg pages of one logical stream (RFC 3533).
//!
//! No packet is split between pages: those of a voice are far shorter than a page may be.

/// Segments of a page at most, each of at most 255 bytes.
const SEGMENTS_MAX: usize = 255;

/// The first page of a stream (RFC 3533, section 6).
const BEGINS: u8 = 0x02;

/// The last one.
const ENDS: u8 = 0x04;

/// Where the checksum stands in a page.
const CHECKSUM_AT: usize = 22;

/// A stream as pages.
#[derive(Debug)]
pub(super) struct Pages {
    serial: u32,
    /// Pages so far.
    count: u32,
    /// Of the packets that wait for their page to be ended.
    lacing: Vec<u8>,
    body: Vec<u8>,
    /// At the end of the last packet that was added.
    granule: u64,
}

impl Pages {
    /// A stream without pages; `serial` tells it from others in the same file.
    pub(super) const fn new(serial: u32) -> Self {
        Self { serial, count: 0, lacing: Vec::new(), body: Vec::new(), granule: 0 }
    }

    /// Adds a packet, at whose end the stream is at `granule`; pages that are full go to `out`. False, and nothing
    /// added, if it is longer than a page.
    pub(super) fn add(&mut self, packet: &[u8], granule: u64, out: &mut Vec<u8>) -> bool {
        // A last segment of less than 255 bytes ends the packet, if need be an empty one.
        let whole = packet.len().checked_div(255).unwrap_or(0);
        if whole >= SEGMENTS_MAX {
            return false;
        }
        if self.lacing.len().saturating_add(whole) >= SEGMENTS_MAX {
            self.end_page(out);
        }
        self.lacing.resize(self.lacing.len().saturating_add(whole), 255);
        let rest = packet.len().checked_rem(255).and_then(|rest| u8::try_from(rest).ok());
        self.lacing.push(rest.unwrap_or(0));
        self.body.extend_from_slice(packet);
        self.granule = granule;
        true
    }

    /// Ends the page that has been begun, if any.
    pub(super) fn end_page(&mut self, out: &mut Vec<u8>) {
        if !self.lacing.is_empty() {
            self.write(0, out);
        }
    }

    /// Ends the stream.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.write(ENDS, out);
    }

    fn write(&mut self, flags: u8, out: &mut Vec<u8>) {
        let flags = if self.count == 0 { flags | BEGINS } else { flags };
        let start = out.len();
        out.extend_from_slice(b"OggS\0");
        out.push(flags);
        out.extend_from_slice(&self.granule.to_le_bytes());
        out.extend_from_slice(&self.serial.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        // The checksum is of the page with zeros in its place.
        out.extend_from_slice(&[0; 4]);
        out.push(u8::try_from(self.lacing.len()).unwrap_or(u8::MAX));
        out.append(&mut self.lacing);
        out.append(&mut self.body);
        let sum = out.get(start..).map_or(0, checksum);
        let place = start.saturating_add(CHECKSUM_AT);
        if let Some(place) = out.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
            *place = sum.to_le_bytes();
        }
        self.count = self.count.wrapping_add(1);
    }
}

/// The remainders of all bytes by the polynomial 0x04C11DB7.
const TABLE: [u32; 256] = table();

#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "computed when this is compiled: below 256"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut rest = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 0x8000_0000 == 0 { rest << 1 } else { (rest << 1) ^ 0x04C1_1DB7 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

/// The checksum of a page: nothing is reflected, inverted or begun with (RFC 3533, section 6).
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0_u32, |sum, byte| {
        let [high, ..] = sum.to_be_bytes();
        let rest = TABLE.get(usize::from(high ^ byte)).copied().unwrap_or(0);
        (sum << 8) ^ rest
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A page as a reader finds it.
    #[derive(Debug, PartialEq, Eq)]
    pub(in super::super) struct Page {
        pub(in super::super) flags: u8,
        pub(in super::super) granule: u64,
        pub(in super::super) number: u32,
        pub(in super::super) packets: Vec<Vec<u8>>,
    }

    /// Reads whole pages, each of which must be intact; what is cut off at the end is no page.
    pub(in super::super) fn read(mut file: &[u8]) -> Vec<Page> {
        let mut pages = Vec::new();
        while file.len() >= 27 {
            assert_eq!(&file[..5], b"OggS\0");
            let count = usize::from(file[26]);
            if file.len() < 27 + count {
                break;
            }
            let lacing = &file[27..27 + count];
            let length = lacing.iter().map(|segment| usize::from(*segment)).sum::<usize>();
            let end = 27 + count + length;
            if file.len() < end {
                break;
            }
            let mut page = file[..end].to_vec();
            let said = u32::from_le_bytes(page[22..26].try_into().unwrap());
            page[22..26].fill(0);
            assert_eq!(checksum(&page), said, "page {}", pages.len());
            let mut body = &file[27 + count..end];
            let mut packets = Vec::new();
            for packet in lacing.split_inclusive(|segment| *segment < 255) {
                let length = packet.iter().map(|segment| usize::from(*segment)).sum();
                let (packet, rest) = body.split_at(length);
                packets.push(packet.to_vec());
                body = rest;
            }
            pages.push(Page {
                flags: file[5],
                granule: u64::from_le_bytes(file[6..14].try_into().unwrap()),
                number: u32::from_le_bytes(file[18..22].try_into().unwrap()),
                packets,
            });
            file = &file[end..];
        }
        pages
    }

    /// The check value of CRC-32 with this polynomial, begun with zero and neither reflected nor inverted.
    #[test]
    fn the_checksum_is_that_of_the_format() {
        assert_eq!(checksum(b"123456789"), 0x89A1_897F);
    }

    #[test]
    fn what_was_added_is_read_again() {
        let mut pages = Pages::new(7);
        let mut file = Vec::new();
        let packets: Vec<Vec<u8>> =
            [0, 1, 254, 255, 256, 510, 1_000, 64_000, 3].map(|length| vec![9; length]).into();
        for (at, packet) in packets.iter().enumerate() {
            assert!(pages.add(packet, at as u64, &mut file));
        }
        assert!(!pages.add(&[0; 65_025], 100, &mut file), "no page has room for it");
        pages.end_page(&mut file);
        pages.end_page(&mut file);
        pages.end(&mut file);
        let read = read(&file);
        assert_eq!(read.first().unwrap().flags, BEGINS);
        assert_eq!(read.last().unwrap(), &Page { flags: ENDS, granule: 8, number: 2, packets: Vec::new() });
        assert_eq!(read.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(read.into_iter().flat_map(|page| page.packets).collect::<Vec<_>>(), packets);
    }
}
