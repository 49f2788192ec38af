//! One track as it is written: from packets as they came to the bytes of its file.

use super::{
    RecordedPacket,
    frames::{Assembler, Frame, VideoCodec},
    opus::{self, Voice},
    order::{Order, Taken},
    timeline::{Beginning, Timeline},
    webm::Movie,
};
use std::time::{Duration, Instant};

/// How long a packet that is missing is waited for.
///
/// Nobody waits for the file: longer than any packet that was asked for again may take. Longer keeps more in memory.
const PATIENCE: Duration = Duration::from_secs(1);

/// Packets that wait behind a missing one at most: about a second of 10 Mbit/s.
const WAITING_MAX: usize = 1_024;

/// How long the encoding that is recorded may be silent before another takes its place.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// How often a key frame is asked for while one is waited for.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// Units of timestamps in a second, of pictures of all codecs.
pub(super) const VIDEO_RATE: u32 = 90_000;

/// What a track is coded with, which decides what its file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 6716, in Ogg.
    Opus,
    /// Pictures, in Matroska.
    Video(VideoCodec),
}

impl Codec {
    /// Units of timestamps in a second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => opus::RATE,
            Self::Video(_) => VIDEO_RATE,
        }
    }

    /// What the names of its files end with.
    pub const fn file_extension(self) -> &'static str {
        match self {
            Self::Opus => "ogg",
            Self::Video(VideoCodec::Vp8) => "webm",
        }
    }
}

/// Bytes that are written over what stands in the file from a place on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// How many bytes of the file are before it.
    pub at: u64,
    /// What stands there from now on.
    pub bytes: Vec<u8>,
}

/// What became of a track so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackStats {
    /// Packets of the recorded encoding that came in time.
    pub packets: u64,
    /// Packets that never came, or too late.
    pub lost: u64,
    /// How often packets were missing, in a row or alone: of pictures, how often nothing was written until the next key
    /// frame.
    pub gaps: u64,
    /// How long what is in the file is.
    pub duration: Duration,
    /// The width and height of the first pictures.
    pub size: Option<(u16, u16)>,
}

/// A track has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What is written into the file besides what was handed out, which makes it a whole one.
    pub patches: Vec<Patch>,
    /// What stands at zero, if there is anything.
    pub beginning: Option<Beginning>,
    /// What became of it.
    pub stats: TrackStats,
}

/// A packet that waits for its turn.
#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    came_at: Instant,
}

/// One track as it is written.
///
/// What `out` is given goes to the end of its file. Of a track that comes in several encodings the best that comes is
/// written, one at a time: another one takes over with a key frame.
#[derive(Debug)]
pub struct Track {
    codec: Codec,
    writer: Writer,
    timeline: Timeline,
    order: Order<Waiting>,
    /// The encoding that is written, and when its last packet came.
    current: Option<(usize, Instant)>,
    asked_at: Option<Instant>,
    stats: TrackStats,
}

#[derive(Debug)]
enum Writer {
    Voice { serial: u32, voice: Option<Voice> },
    Pictures { assembler: Assembler, movie: Option<Movie> },
}

impl Track {
    /// A track of which nothing has come. `serial` names it in a file of sound.
    pub const fn new(codec: Codec, serial: u32) -> Self {
        let writer = match codec {
            Codec::Opus => Writer::Voice { serial, voice: None },
            Codec::Video(codec) => Writer::Pictures { assembler: Assembler::new(codec), movie: None },
        };
        Self {
            codec,
            writer,
            timeline: Timeline::new(codec.clock_rate()),
            order: Order::new(PATIENCE, WAITING_MAX),
            current: None,
            asked_at: None,
            stats: TrackStats { packets: 0, lost: 0, gaps: 0, duration: Duration::ZERO, size: None },
        }
    }

    /// What it is coded with.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet of one of its encodings, of which higher ones are better. The encoding of which a key frame is
    /// wanted, if any.
    pub fn handle_packet(
        &mut self,
        encoding: usize,
        packet: &RecordedPacket<'_>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if !self.takes(encoding, packet, now) {
            return self.ask(encoding, now);
        }
        let waiting = Waiting {
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload.to_vec(),
            came_at: now,
        };
        self.order.add(packet.sequence, waiting);
        self.advance(now, out)
    }

    /// Time has passed: what is missing may not be waited for any longer. To be called about once a second, and hands
    /// out everything that can be.
    pub fn handle_time(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let wanted = self.advance(now, out);
        match &mut self.writer {
            Writer::Voice { voice, .. } => voice.iter_mut().for_each(|voice| voice.flush(out)),
            Writer::Pictures { movie, .. } => movie.iter_mut().for_each(|movie| movie.end_cluster(out)),
        }
        wanted
    }

    /// Nothing more comes.
    pub fn end(mut self, out: &mut Vec<u8>) -> Ending {
        while let Some(taken) = self.order.take_rest() {
            self.write(taken, out);
        }
        self.measure();
        let patches = match self.writer {
            Writer::Voice { voice, .. } => {
                voice.into_iter().for_each(|mut voice| voice.end(out));
                Vec::new()
            }
            Writer::Pictures { movie, .. } => movie.map_or_else(Vec::new, |movie| movie.end(out)),
        };
        Ending { patches, beginning: self.timeline.beginning(), stats: self.stats }
    }

    /// What stands at zero in its file, once something does: of pictures the first key frame, however long others came
    /// before it.
    pub const fn beginning(&self) -> Option<Beginning> {
        self.timeline.beginning()
    }

    /// Whether a packet of this encoding is written. A better one takes over with its next key frame, and so does any
    /// other one when the present one is silent.
    fn takes(&mut self, encoding: usize, packet: &RecordedPacket<'_>, now: Instant) -> bool {
        let Some((current, last_at)) = self.current else {
            self.current = Some((encoding, now));
            return true;
        };
        let is_silent = now.saturating_duration_since(last_at) >= SILENCE_MAX;
        if encoding != current {
            let (Writer::Pictures { assembler, .. }, Codec::Video(codec)) = (&mut self.writer, self.codec)
            else {
                return false;
            };
            if encoding < current && !is_silent || !codec.starts_key_frame(packet.payload) {
                return false;
            }
            assembler.lose();
            self.order = Order::new(PATIENCE, WAITING_MAX);
            self.timeline.rebase(packet.timestamp, now);
        }
        self.current = Some((encoding, now));
        true
    }

    /// Asks for a key frame of an encoding that is to take over, unless one was asked for just now.
    fn ask(&mut self, encoding: usize, now: Instant) -> Option<usize> {
        let (current, last_at) = self.current?;
        let is_silent = now.saturating_duration_since(last_at) >= SILENCE_MAX;
        (encoding > current || is_silent).then_some(())?;
        self.ask_again(encoding, now)
    }

    fn ask_again(&mut self, encoding: usize, now: Instant) -> Option<usize> {
        let is_due = |asked: Instant| now.saturating_duration_since(asked) >= ASK_INTERVAL;
        if !self.asked_at.is_none_or(is_due) {
            return None;
        }
        self.asked_at = Some(now);
        Some(encoding)
    }

    /// Writes what is in its turn.
    fn advance(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        while let Some(taken) = self.order.take(now) {
            self.write(taken, out);
        }
        let (current, _) = self.current?;
        match &self.writer {
            Writer::Pictures { assembler, .. } if assembler.waits_for_key_frame() => {
                self.ask_again(current, now)
            }
            Writer::Pictures { .. } | Writer::Voice { .. } => None,
        }
    }

    fn write(&mut self, Taken { lost, packet }: Taken<Waiting>, out: &mut Vec<u8>) {
        let stats = &mut self.stats;
        stats.packets = stats.packets.saturating_add(1);
        if lost > 0 {
            stats.lost = stats.lost.saturating_add(lost);
            stats.gaps = stats.gaps.saturating_add(1);
        }
        let Waiting { timestamp, marker, payload, came_at } = packet;
        match &mut self.writer {
            Writer::Voice { serial, voice } => {
                if opus::samples(&payload).is_none() {
                    return;
                }
                let voice = voice.get_or_insert_with(|| Voice::begin(*serial, out));
                let at = self.timeline.place(timestamp, came_at);
                voice.add(&payload, at, out);
            }
            Writer::Pictures { assembler, movie } => {
                if lost > 0 {
                    assembler.lose();
                }
                let (Codec::Video(codec), timeline) = (self.codec, &mut self.timeline) else { return };
                assembler.take((timestamp, came_at), marker, &payload, |frame: Frame<'_>| {
                    if let (None, Some(size)) = (&movie, frame.size) {
                        stats.size = Some(size);
                        *movie = Some(Movie::begin(codec, size, out));
                    }
                    let Some(movie) = movie else { return };
                    let at = timeline.place(frame.timestamp, frame.came_at);
                    let at_ms = at.saturating_mul(1_000).checked_div(u64::from(VIDEO_RATE)).unwrap_or(0);
                    movie.add(&frame, at_ms, out);
                });
            }
        }
    }

    fn measure(&mut self) {
        self.stats.duration = match &self.writer {
            Writer::Voice { voice, .. } => {
                let samples = voice.as_ref().map_or(0, Voice::position);
                let micros = samples.saturating_mul(1_000_000).checked_div(u64::from(opus::RATE));
                Duration::from_micros(micros.unwrap_or(0))
            }
            Writer::Pictures { movie, .. } => {
                Duration::from_millis(movie.as_ref().map_or(0, Movie::duration_ms))
            }
        };
    }
}

#[cfg(test)]
mod tests;
