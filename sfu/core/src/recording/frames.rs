//! Whole frames out of packets in order.

use crate::rtp::{descriptor::Descriptor, vp8};
use std::time::Instant;

/// The largest frame that is put together, in bytes. A larger one counts as lost.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a codec's frames lie in packets and in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// RFC 6386, as payload RFC 7741.
    Vp8,
}

impl VideoCodec {
    /// What the file calls it (Matroska codec registry).
    pub const fn id(self) -> &'static str {
        match self {
            Self::Vp8 => "V_VP8",
        }
    }

    /// WebM where it has the codec, and else Matroska.
    pub const fn document_type(self) -> &'static str {
        match self {
            Self::Vp8 => "webm",
        }
    }

    /// Whether a stream can be begun with this packet.
    pub(super) fn starts_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::frame_part(payload).is_some_and(|part| starts_pictures(&part.descriptor)),
        }
    }

    /// Appends a packet's part of a frame as the file has it; `None` if it cannot be read.
    fn append(self, payload: &[u8], frame: &mut Vec<u8>) -> Option<Part> {
        match self {
            Self::Vp8 => {
                let vp8::FramePart { descriptor, starts_frame, bytes } = vp8::frame_part(payload)?;
                frame.extend_from_slice(bytes);
                Some(Part {
                    starts_frame,
                    starts_key_frame: starts_pictures(&descriptor),
                    size: descriptor.size,
                })
            }
        }
    }
}

/// A key frame that does not say how large it is, or that it is empty, is none: no decoder begins with it.
fn starts_pictures(descriptor: &Descriptor) -> bool {
    let size = descriptor.size.filter(|(width, height)| *width > 0 && *height > 0);
    descriptor.starts_key_frame && size.is_some()
}

/// What a packet's part of a frame is.
#[derive(Debug, Clone, Copy)]
struct Part {
    starts_frame: bool,
    starts_key_frame: bool,
    /// The width and height of the pictures, where a key frame says it.
    size: Option<(u16, u16)>,
}

/// A whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) timestamp: u32,
    /// When the first of its packets came.
    pub(super) came_at: Instant,
    pub(super) is_key_frame: bool,
    /// The width and height of the pictures from now on, where a key frame says it.
    pub(super) size: Option<(u16, u16)>,
    pub(super) bytes: &'a [u8],
}

/// Puts frames together. What cannot be decoded, because something before it is lost, is left out.
#[derive(Debug)]
pub(super) struct Assembler {
    codec: VideoCodec,
    frame: Vec<u8>,
    /// The frame that has begun.
    open: Option<Open>,
    waits_for_key_frame: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    timestamp: u32,
    came_at: Instant,
    is_key_frame: bool,
    size: Option<(u16, u16)>,
}

impl Assembler {
    /// Begins with a key frame.
    pub(super) const fn new(codec: VideoCodec) -> Self {
        Self { codec, frame: Vec::new(), open: None, waits_for_key_frame: true }
    }

    /// Whether nothing goes on without a key frame.
    pub(super) const fn waits_for_key_frame(&self) -> bool {
        self.waits_for_key_frame
    }

    /// Something is missing: what follows cannot be decoded.
    pub(super) fn lose(&mut self) {
        self.frame.clear();
        self.open = None;
        self.waits_for_key_frame = true;
    }

    /// Takes the next packet, and hands over each frame that is whole.
    pub(super) fn take(
        &mut self,
        (timestamp, came_at): (u32, Instant),
        marker: bool,
        payload: &[u8],
        mut whole: impl FnMut(Frame<'_>),
    ) {
        if payload.is_empty() {
            return;
        }
        // A sender that sets no marker shows by the next frame that this one is over.
        if self.open.is_some_and(|open| open.timestamp != timestamp) {
            self.close(&mut whole);
        }
        let before = self.frame.len();
        let Some(part) = self.codec.append(payload, &mut self.frame) else { return self.lose() };
        if let Some(open) = &mut self.open {
            // One that was sent again comes after those behind it.
            open.came_at = open.came_at.min(came_at);
        }
        if part.starts_frame && self.open.is_none() {
            if part.starts_key_frame {
                self.waits_for_key_frame = false;
            }
            if !self.waits_for_key_frame {
                let is_key_frame = part.starts_key_frame;
                self.open = Some(Open { timestamp, came_at, is_key_frame, size: part.size });
            }
        } else if self.open.is_none() && !self.waits_for_key_frame {
            return self.lose();
        }
        if self.open.is_none() {
            self.frame.truncate(before);
            return;
        }
        if self.frame.len() > FRAME_BYTES_MAX {
            return self.lose();
        }
        if marker {
            self.close(&mut whole);
        }
    }

    fn close(&mut self, whole: &mut impl FnMut(Frame<'_>)) {
        if let Some(Open { timestamp, came_at, is_key_frame, size }) = self.open.take() {
            whole(Frame { timestamp, came_at, is_key_frame, size, bytes: &self.frame });
        }
        self.frame.clear();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    /// A packet's payload: a descriptor of one byte, and what is behind it.
    pub(in super::super) fn part(starts: bool, is_key_frame: bool, fill: u8) -> Vec<u8> {
        let mut payload = vec![if starts { 0x10 } else { 0 }];
        match (starts, is_key_frame) {
            // The tag, the start code, and 640 by 360 pixels (RFC 6386, section 9.1).
            (true, true) => payload.extend([0, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01]),
            (true, false) => payload.push(1),
            (false, _) => {}
        }
        payload.extend([fill; 20]);
        payload
    }

    fn taken(
        assembler: &mut Assembler,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> Vec<(u32, bool, usize)> {
        let mut frames = Vec::new();
        let came = (timestamp, ManualClock::default().now());
        assembler.take(came, marker, payload, |frame| {
            frames.push((frame.timestamp, frame.is_key_frame, frame.bytes.len()));
        });
        frames
    }

    #[test]
    fn frames_begin_with_a_key_frame_and_are_whole() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assert_eq!(taken(&mut assembler, 1, true, &part(true, false, 1)), []);
        assert_eq!(taken(&mut assembler, 2, false, &part(true, true, 2)), []);
        assert_eq!(taken(&mut assembler, 2, false, &[]), [], "padding alone");
        assert_eq!(taken(&mut assembler, 2, false, &part(false, true, 2)), []);
        assert_eq!(taken(&mut assembler, 2, true, &part(false, true, 2)), [(2, true, 70)]);
        assert_eq!(taken(&mut assembler, 3, false, &part(true, false, 3)), []);
        // Without a marker.
        assert_eq!(taken(&mut assembler, 4, true, &part(true, false, 4)), [(3, false, 21), (4, false, 21)]);
    }

    #[test]
    fn after_a_loss_nothing_comes_before_the_next_key_frame() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assert_eq!(taken(&mut assembler, 1, true, &part(true, true, 1)).len(), 1);
        assert_eq!(taken(&mut assembler, 2, false, &part(true, false, 1)), []);
        assembler.lose();
        assert!(assembler.waits_for_key_frame());
        assert_eq!(taken(&mut assembler, 2, true, &part(false, false, 1)), []);
        assert_eq!(taken(&mut assembler, 3, true, &part(true, false, 1)), []);
        assert_eq!(taken(&mut assembler, 4, true, &part(true, true, 1)), [(4, true, 30)]);
    }

    #[test]
    fn a_part_without_a_beginning_and_what_no_descriptor_begins_count_as_lost() {
        for hostile in [&part(false, false, 1)[..], &[0x80], &[0xFF, 0xFF]] {
            let mut assembler = Assembler::new(VideoCodec::Vp8);
            assert_eq!(taken(&mut assembler, 1, true, &part(true, true, 1)).len(), 1);
            assert_eq!(taken(&mut assembler, 2, true, hostile), []);
            assert!(assembler.waits_for_key_frame());
        }
    }

    #[test]
    fn a_key_frame_that_says_no_size_begins_nothing() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        let mut empty = part(true, true, 1);
        empty[7..11].fill(0);
        for payload in [&part(true, true, 1)[..6], &empty] {
            assert!(!VideoCodec::Vp8.starts_key_frame(payload));
            assert_eq!(taken(&mut assembler, 1, true, payload), []);
            assert!(assembler.waits_for_key_frame());
        }
        assert_eq!(taken(&mut assembler, 2, true, &part(true, true, 1)), [(2, true, 30)]);
    }

    #[test]
    fn a_frame_without_end_is_given_up() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        taken(&mut assembler, 1, false, &part(true, true, 1));
        for _ in 0..4_000 {
            let mut payload = part(false, false, 1);
            payload.resize(1_200, 0);
            assert_eq!(taken(&mut assembler, 1, false, &payload), []);
        }
        assert!(assembler.waits_for_key_frame());
        assert!(assembler.frame.is_empty());
    }
}
