//! A camera and a microphone that were recorded: pictures in three encodings, as browsers send them, and a voice.
//!
//! The recordings are in `tests/recorded`: thirty pictures of a test image in VP8, 160, 320 and 640 pixels wide, each
//! fifteenth a key frame, and two seconds of a tone in Opus. They are sent over and over.

use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// Contents of one packet at most, in bytes.
const PAYLOAD_BYTES_MAX: usize = 1_100;

/// From one picture to the next: as many a second as the browsers of tests send.
pub(crate) const FRAME_TIME: Duration = Duration::from_millis(100);

/// The same in media time, of 90 kHz.
const FRAME_TICKS: usize = 9_000;

/// How many packets of sound there are for one picture are sent with it: each has 20 ms.
const VOICE_TIME: Duration = Duration::from_millis(20);

/// The smallest first.
const ENCODINGS: [&[u8]; 3] = [
    include_bytes!("../recorded/quarter.ivf"),
    include_bytes!("../recorded/half.ivf"),
    include_bytes!("../recorded/full.ivf"),
];

const VOICE: &[u8] = include_bytes!("../recorded/voice.ogg");

/// What was recorded, packet by packet.
pub(crate) struct Recording {
    /// Of each encoding its pictures, the smallest first.
    encodings: [Vec<Bytes>; 3],
    voice: Vec<Bytes>,
    pictures: usize,
    sounds: usize,
}

/// What is to be sent next.
pub(crate) struct Piece {
    /// In media time, of 90 kHz.
    pub(crate) timestamp: u32,
    /// Of each encoding the payloads of one picture, the smallest encoding first.
    pub(crate) pictures: [Vec<Bytes>; 3],
    /// Packets of sound until the next picture, each with its media time, of 48 kHz.
    pub(crate) voice: Vec<(u32, Bytes)>,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self { encodings: ENCODINGS.map(ivf), voice: ogg(VOICE).split_off(2), pictures: 0, sounds: 0 }
    }

    /// How many encodings there are.
    pub(crate) const fn encodings(&self) -> usize {
        self.encodings.len()
    }

    /// What goes out with the next picture.
    pub(crate) fn next(&mut self) -> Piece {
        let at = self.pictures;
        self.pictures += 1;
        let until = FRAME_TIME * u32::try_from(self.pictures).expect("a short test");
        let mut voice = Vec::new();
        while VOICE_TIME * u32::try_from(self.sounds).expect("a short test") < until {
            let timestamp = u32::try_from(self.sounds * 960).expect("a short test");
            voice.push((timestamp, self.voice[self.sounds % self.voice.len()].clone()));
            self.sounds += 1;
        }
        let pictures = self.encodings.each_ref().map(|frames| payloads(&frames[at % frames.len()]));
        Piece { timestamp: u32::try_from(at * FRAME_TICKS).expect("a short test"), pictures, voice }
    }
}

/// The payloads of a frame, each with a payload descriptor that says where the frame begins (RFC 7741, section 4.2).
fn payloads(frame: &Bytes) -> Vec<Bytes> {
    let chunks = frame.chunks(PAYLOAD_BYTES_MAX).enumerate();
    let payload = |(place, chunk): (usize, &[u8])| {
        let mut payload = BytesMut::with_capacity(chunk.len() + 1);
        payload.put_u8(if place == 0 { 0x10 } else { 0x00 });
        payload.put_slice(chunk);
        payload.freeze()
    };
    chunks.map(payload).collect()
}

/// The frames of an IVF file: a header of 32 bytes, and before each frame its length and its time.
fn ivf(file: &'static [u8]) -> Vec<Bytes> {
    let (mut rest, mut frames) = (&file[32..], Vec::new());
    while let Some((header, behind)) = rest.split_at_checked(12) {
        let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
        let (frame, behind) = behind.split_at(usize::try_from(length).expect("a small file"));
        frames.push(Bytes::from_static(frame));
        rest = behind;
    }
    frames
}

/// The packets of an Ogg file with one stream (RFC 3533, section 6).
fn ogg(file: &[u8]) -> Vec<Bytes> {
    let (mut rest, mut packets, mut packet) = (file, Vec::new(), BytesMut::new());
    while !rest.is_empty() {
        let count = usize::from(rest[26]);
        let (lengths, mut contents) = rest[27..].split_at(count);
        for &length in lengths {
            let (part, behind) = contents.split_at(length.into());
            packet.put_slice(part);
            if length < u8::MAX {
                packets.push(packet.split().freeze());
            }
            contents = behind;
        }
        rest = contents;
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fifteenth_picture_is_a_key_frame_and_there_is_as_much_sound() {
        let mut recording = Recording::new();
        for encoding in &recording.encodings {
            assert_eq!(encoding.len(), 30);
            // The first bit of a frame says whether others are needed to decode it (RFC 7741, section 4.3).
            let key_frames = encoding.iter().enumerate().filter(|(_, frame)| frame[0] & 1 == 0);
            assert_eq!(key_frames.map(|(place, _)| place).collect::<Vec<_>>(), [0, 15]);
        }
        assert!(recording.voice.len() >= 100);
        let all: Vec<Piece> = (0..60).map(|_| recording.next()).collect();
        assert_eq!(all[59].timestamp, 59 * 9_000);
        let voice: Vec<u32> = all.iter().flat_map(|piece| &piece.voice).map(|(at, _)| *at).collect();
        assert!(voice.iter().copied().eq((0..300).map(|n| n * 960)), "{voice:?}");
    }
}
