//! What a packet carries behind all that the server rewrites: whose it is, and of which picture.

use std::time::Duration;

/// The payload descriptor of VP8 (RFC 7741, section 4.2) and the head of a key frame (RFC 6386, section 9.1), for which
/// every picture's packet has room.
const HEAD_BYTES: usize = 6 + 10;

/// How long it is.
const BYTES: usize = 24;

/// That a picture builds upon none.
const NONE: u32 = u32::MAX;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Whose it is.
    pub(crate) sender: u8,
    /// Which of all that were made of its stream, and when that was.
    pub(crate) index: u32,
    pub(crate) made_at: Duration,
    /// Of a picture.
    pub(crate) part: Option<Part>,
}

/// Which part of which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) encoding: u8,
    /// Counts the pictures of a camera, whatever their encoding.
    pub(crate) picture: u32,
    /// The one without which it cannot be decoded.
    pub(crate) builds_on: Option<u32>,
    /// Which of how many packets.
    pub(crate) place: u8,
    pub(crate) count: u8,
}

impl Content {
    /// A payload of so many bytes at least, behind the head of a picture if it is of one.
    pub(crate) fn write(self, head: &[u8], bytes: usize) -> Vec<u8> {
        let mut out = head.to_vec();
        if let Some(Part { .. }) = self.part {
            out.resize(HEAD_BYTES, 0);
        }
        out.push(self.sender);
        out.extend(self.index.to_be_bytes());
        out.extend(u64::try_from(self.made_at.as_micros()).unwrap().to_be_bytes());
        let Part { encoding, picture, builds_on, place, count } =
            self.part.unwrap_or(Part { encoding: 0, picture: 0, builds_on: None, place: 0, count: 1 });
        out.push(encoding);
        out.extend(picture.to_be_bytes());
        out.extend(builds_on.unwrap_or(NONE).to_be_bytes());
        out.extend([place, count]);
        out.resize(bytes.max(out.len()), 7);
        out
    }

    /// What a payload of a picture, or of a voice, says.
    pub(crate) fn read(payload: &[u8], is_picture: bool) -> Self {
        let bytes = &payload[if is_picture { HEAD_BYTES } else { 0 }..][..BYTES];
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let made_at = u64::from_be_bytes(bytes[5..13].try_into().unwrap());
        let builds_on = Some(word(18)).filter(|picture| *picture != NONE);
        let part =
            Part { encoding: bytes[13], picture: word(14), builds_on, place: bytes[22], count: bytes[23] };
        Self {
            sender: bytes[0],
            index: word(1),
            made_at: Duration::from_micros(made_at),
            part: is_picture.then_some(part),
        }
    }
}
