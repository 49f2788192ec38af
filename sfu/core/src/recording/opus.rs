//! Opus in Ogg (RFC 7845): its headers, how long packets are, and what stands where nothing was sent.

use super::ogg::Pages;

/// Samples in a second, as timestamps and granule positions count them, whatever the sound was sampled at
/// (RFC 7587, section 4.1; RFC 7845, section 4).
pub(super) const RATE: u32 = 48_000;

/// The longest packet, in samples: 120 ms (RFC 6716, section 3.2.5).
const PACKET_SAMPLES_MAX: u32 = 5_760;

/// How much lies in a page, in samples: a second. A reader loses at most so much of what is cut off.
const PAGE_SAMPLES: u64 = 48_000;

/// How far a voice may be ahead of when its packets are to be heard, in samples: a second. Who sends more sound than
/// time passes makes no longer file than the call.
const AHEAD_SAMPLES_MAX: u64 = 48_000;

/// The frame length of a packet that begins with this byte, in samples (RFC 6716, section 3.1).
fn frame_samples(toc: u8) -> u32 {
    let (first, second, third, fourth) = match toc >> 3 {
        0..=11 => (480, 960, 1_920, 2_880),
        12..=15 => (480, 960, 480, 960),
        _ => (120, 240, 480, 960),
    };
    match (toc >> 3) & 3 {
        0 => first,
        1 => second,
        2 => third,
        _ => fourth,
    }
}

/// How long a packet is, in samples (RFC 6716, section 3.2); `None` if it is none.
pub(super) fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3F),
    };
    let samples = frame_samples(toc).saturating_mul(frames);
    (1..=PACKET_SAMPLES_MAX).contains(&samples).then_some(samples)
}

/// A voice as it is written.
#[derive(Debug)]
pub(super) struct Voice {
    pages: Pages,
    /// Samples written.
    position: u64,
    /// The first byte of the last packet.
    toc: Option<u8>,
    /// Where the page that is being filled began.
    page_began: u64,
}

impl Voice {
    /// A voice of which only the headers are written (RFC 7845, section 5).
    pub(super) fn begin(serial: u32, out: &mut Vec<u8>) -> Self {
        let mut pages = Pages::new(serial);
        // Version 1, two channels: who sends one says so in each packet. Nothing is skipped, so that the first sample
        // is of the moment at which the track began; the gain is 0, the mapping that of one stream.
        let mut head = b"OpusHead\x01\x02\0\0".to_vec();
        head.extend_from_slice(&RATE.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        let vendor = b"Switchboard";
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
        tags.extend_from_slice(vendor);
        tags.extend_from_slice(&0_u32.to_le_bytes());
        for header in [head, tags] {
            // Each has pages of its own.
            pages.add(&header, 0, out);
            pages.end_page(out);
        }
        Self { pages, position: 0, toc: None, page_began: 0 }
    }

    /// How long it is so far, in samples.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Adds a packet that begins `at` so many samples; where nothing came before it, the decoder is asked to conceal
    /// that. False, and nothing added, if it is no packet, or more than there is time for.
    pub(super) fn add(&mut self, packet: &[u8], at: u64, out: &mut Vec<u8>) -> bool {
        let Some(length) = samples(packet) else { return false };
        if self.position.saturating_sub(at) > AHEAD_SAMPLES_MAX {
            return false;
        }
        self.conceal(at, packet.first().copied(), out);
        if !self.write(packet, length, out) {
            return false;
        }
        self.toc = packet.first().copied();
        true
    }

    /// Fills up to `until` with frames of no bytes, which stand for what is lost and what was not sent (RFC 7845,
    /// section 4.1): of the kind that came before, as many to a packet as it may have. What is less than such a frame
    /// stays open.
    fn conceal(&mut self, until: u64, next: Option<u8>, out: &mut Vec<u8>) {
        let Some(toc) = self.toc.or(next) else { return };
        let frame = frame_samples(toc);
        let frames_max = PACKET_SAMPLES_MAX.checked_div(frame).unwrap_or(1);
        loop {
            let missing = u32::try_from(until.saturating_sub(self.position)).unwrap_or(u32::MAX);
            let frames = missing.checked_div(frame).unwrap_or(0).min(frames_max);
            let Some(count) = u8::try_from(frames).ok().filter(|count| *count > 0) else { return };
            // Code 3: so many frames of the same length.
            if !self.write(&[toc | 3, count], frame.saturating_mul(frames), out) {
                return;
            }
        }
    }

    fn write(&mut self, packet: &[u8], samples: u32, out: &mut Vec<u8>) -> bool {
        let end = self.position.saturating_add(u64::from(samples));
        if !self.pages.add(packet, end, out) {
            return false;
        }
        self.position = end;
        if end.saturating_sub(self.page_began) >= PAGE_SAMPLES {
            self.pages.end_page(out);
            self.page_began = end;
        }
        true
    }

    /// Hands out what is there, though more of its page may come.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        self.pages.end_page(out);
        self.page_began = self.position;
    }

    /// Ends it.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.pages.end(out);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ogg::tests::read, *};

    /// A packet of 20 ms, of CELT in full band.
    const VOICE: [u8; 3] = [0xF8, 1, 2];

    #[test]
    fn packets_say_how_long_they_are() {
        let cases: [(&[u8], Option<u32>); 9] = [
            (&[], None),
            (&[0x00], Some(480)),
            (&[0x18], Some(2_880)),
            (&[0x19, 0], Some(5_760)),
            (&[0x1B, 3], None),
            (&[0x60], Some(480)),
            (&[0xF8], Some(960)),
            (&[0x83, 48], Some(5_760)),
            (&[0x83], None),
        ];
        for (packet, expected) in cases {
            assert_eq!(samples(packet), expected, "{packet:?}");
        }
    }

    /// RFC 7845, figures 2 and 3.
    #[test]
    fn headers_have_pages_of_their_own() {
        let mut file = Vec::new();
        Voice::begin(1, &mut file);
        let pages = read(&file);
        assert_eq!(pages.len(), 2);
        assert_eq!((pages[0].flags, pages[0].granule), (2, 0));
        assert_eq!(pages[0].packets, [b"OpusHead\x01\x02\0\0\x80\xBB\0\0\0\0\0"]);
        assert_eq!(pages[1].packets, [b"OpusTags\x0b\0\0\0Switchboard\0\0\0\0"]);
    }

    #[test]
    fn every_page_stands_where_its_packets_end_whatever_was_not_sent() {
        let mut file = Vec::new();
        let mut voice = Voice::begin(1, &mut file);
        let mut at = 0;
        for n in 0..1_000_u64 {
            // Two seconds and a bit of nothing now and then.
            at += if n % 100 == 99 { 960 + 100_000 } else { 960 };
            assert!(voice.add(&VOICE, at, &mut file));
        }
        assert!(!voice.add(&[], at, &mut file));
        voice.end(&mut file);
        let mut position = 0;
        let pages = read(&file);
        for page in &pages[2..] {
            position += page.packets.iter().map(|it| u64::from(samples(it).unwrap())).sum::<u64>();
            assert_eq!(page.granule, position);
            assert!(page.packets.len() <= 51, "at most a second and a packet");
        }
        assert_eq!(position, voice.position());
        // What stayed open of the gaps was made up for as soon as it was a frame long.
        assert!((at + 960).abs_diff(position) < 960, "{} {position}", at + 960);
        assert_eq!(pages.last().unwrap().flags, 4);
    }

    #[test]
    fn twelve_hours_of_nothing_are_a_megabyte() {
        let mut file = Vec::new();
        let mut voice = Voice::begin(1, &mut file);
        assert!(voice.add(&VOICE, 0, &mut file));
        assert!(voice.add(&VOICE, 12 * 3_600 * 48_000, &mut file));
        assert!(file.len() < 3_000_000, "{}", file.len());
        assert_eq!(voice.position(), 12 * 3_600 * 48_000 + 960);
    }
}
