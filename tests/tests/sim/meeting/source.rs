//! What a device sends: a camera in one encoding or three, or a microphone.

use super::Link;
use sfu_core::{
    rtcp::sender_report::SenderReport,
    rtp::{header::PlainHeader, sequence::SeqNo},
};
use switchboard_tests::description::{Kind, Track};

/// Bytes of a picture's packet, of speech, and of the noise that stands for silence (DTX).
const PICTURE_BYTES: usize = 200;
const SPEECH_BYTES: usize = 80;
const NOISE_BYTES: usize = 6;

/// Steps between two packets of somebody silent: 400 ms (RFC 7587, section 3.1.3).
const NOISE_STEPS: u32 = 20;

/// What a step of 20 ms is in the time of a track.
const PICTURE_TICKS: u32 = 1800;
const SPEECH_TICKS: u32 = 960;

/// Encodings of a camera that sends several.
const ENCODINGS: u32 = 3;

/// What a picture's packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first packet of a key frame.
    KeyFrame,
    /// Its second.
    RestOfKeyFrame,
    /// All of another picture.
    Picture,
}

/// One encoding.
struct Stream {
    ssrc: u32,
    next: SeqNo,
    timestamp: u32,
    picture_id: u16,
    tl0_picture_index: u8,
    /// The next picture is a key frame.
    is_key: bool,
    is_stopped: bool,
}

impl Stream {
    fn new(ssrc: u32, at: u32) -> Self {
        // All near the wrap, so that every run goes over it, and each encoding with a clock of its own.
        let timestamp = (u32::MAX - 100 * PICTURE_TICKS).wrapping_add(at * 1_234_567);
        let next = SeqNo::from_extended(65_500 - u64::from(at) * 40);
        let picture_id = 0x7FF0 - u16::try_from(at).unwrap() * 100;
        Self { ssrc, next, timestamp, picture_id, tl0_picture_index: 250, is_key: true, is_stopped: false }
    }

    fn next(&mut self) -> SeqNo {
        let sequence = self.next;
        self.next = sequence.next();
        sequence
    }

    fn packet(&mut self, link: &Link, payload_type: u8, marker: bool, payload: &[u8]) -> Vec<u8> {
        let (sequence, timestamp, ssrc) = (self.next(), self.timestamp, self.ssrc);
        let has_padding = false;
        let wire = sequence.to_wire();
        let header = PlainHeader { has_padding, marker, payload_type, sequence: wire, timestamp, ssrc };
        link.rtp(header, sequence, payload)
    }

    /// Pictures alternate between two temporal layers. The last byte says of which encoding they are.
    fn payload(&self, part: Part, bytes: usize) -> Vec<u8> {
        let is_upper = part == Part::Picture && self.picture_id % 2 == 1;
        // Every second picture of the upper layer builds upon the lower one alone.
        let layer = u8::from(is_upper) << 6 | u8::from(self.picture_id % 4 == 1) << 5;
        let [high, low] = self.picture_id.to_be_bytes();
        let starts = if part == Part::RestOfKeyFrame { 0x80 } else { 0x90 };
        let mut payload = vec![starts, 0xE0, 0x80 | high, low, self.tl0_picture_index, layer];
        payload.push(u8::from(part != Part::KeyFrame));
        payload.resize(bytes - 1, 7);
        payload.push(u8::try_from(self.ssrc % 8).unwrap());
        payload
    }

    /// The packets of its next picture.
    fn picture(&mut self, link: &Link, bytes: usize) -> Vec<Vec<u8>> {
        self.picture_id = (self.picture_id + 1) % 0x8000;
        let is_key = std::mem::take(&mut self.is_key);
        let parts: &[Part] = if is_key { &[Part::KeyFrame, Part::RestOfKeyFrame] } else { &[Part::Picture] };
        if is_key || self.picture_id.is_multiple_of(2) {
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add(1);
        }
        let mut packets = Vec::new();
        for part in parts {
            let payload = self.payload(*part, bytes);
            packets.push(self.packet(link, 96, *part != Part::KeyFrame, &payload));
        }
        packets
    }
}

/// A camera or a microphone.
pub(crate) struct Source {
    pub(crate) kind: Kind,
    streams: Vec<Stream>,
    /// Steps for which nobody has spoken; `None` while somebody does, and of a picture.
    pub(crate) silent: Option<u32>,
}

impl Source {
    /// The first stream has this SSRC. A camera comes in `several` encodings or one.
    pub(crate) fn new(kind: Kind, ssrc: u32, several: bool) -> Self {
        let count = if several && kind == Kind::Video { ENCODINGS } else { 1 };
        Self { kind, streams: (0..count).map(|at| Stream::new(ssrc + 2 * at, at)).collect(), silent: None }
    }

    /// What a description says of it.
    pub(crate) fn track(&self, mid: u32) -> Track {
        let encodings = u32::try_from(self.streams.len()).unwrap();
        Track { mid, kind: self.kind, ssrc: self.streams[0].ssrc, encodings }
    }

    /// What it sends in one step; `skips` leaves some numbers out, as if they were lost.
    pub(crate) fn step(&mut self, link: &Link, skips: bool) -> Vec<Vec<u8>> {
        let ticks = if self.kind == Kind::Audio { SPEECH_TICKS } else { PICTURE_TICKS };
        let mut packets = Vec::new();
        for stream in &mut self.streams {
            stream.timestamp = stream.timestamp.wrapping_add(ticks);
            let bytes = match &mut self.silent {
                Some(steps) => {
                    *steps += 1;
                    steps.is_multiple_of(NOISE_STEPS).then_some(NOISE_BYTES)
                }
                None if self.kind == Kind::Audio => Some(SPEECH_BYTES),
                None if stream.is_stopped => None,
                None => Some(PICTURE_BYTES),
            };
            let Some(bytes) = bytes else { continue };
            if skips {
                stream.next();
            }
            if self.kind == Kind::Audio {
                packets.push(stream.packet(link, 111, true, &vec![7; bytes]));
            } else {
                packets.extend(stream.picture(link, bytes));
            }
        }
        packets
    }

    /// Pictures of so many bytes, faster than they may come.
    pub(crate) fn flood(&mut self, link: &Link, count: usize, bytes: usize) -> Vec<Vec<u8>> {
        let stream = &mut self.streams[0];
        if self.kind == Kind::Audio {
            return (0..count).map(|_| stream.packet(link, 111, true, &vec![7; bytes])).collect();
        }
        let picture = |_| {
            stream.timestamp = stream.timestamp.wrapping_add(1);
            stream.picture(link, bytes)
        };
        (0..count).flat_map(picture).collect()
    }

    /// A key frame of this stream is wanted.
    pub(crate) fn note_request(&mut self, ssrc: u32) {
        for stream in self.streams.iter_mut().filter(|stream| stream.ssrc == ssrc) {
            stream.is_key = true;
        }
    }

    /// One of several encodings stops, or goes on with a key frame. Whether there are several.
    pub(crate) fn turn_encoding(&mut self, which: usize) -> bool {
        let count = self.streams.len();
        let stream = &mut self.streams[which % count];
        if count > 1 {
            (stream.is_stopped, stream.is_key) = (!stream.is_stopped, true);
        }
        count > 1
    }

    /// Where its streams stand at a step.
    pub(crate) fn report(&self, step: u64, packet: &mut Vec<u8>) {
        for Stream { ssrc, timestamp, .. } in &self.streams {
            let ntp = (step << 32) / 50;
            let report = SenderReport { ssrc: *ssrc, ntp, rtp_time: *timestamp, packets: 2, octets: 3 };
            report.write(packet, &[]);
        }
    }
}
