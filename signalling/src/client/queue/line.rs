//! The frames that wait for one socket, in order, and how many of what they are.

mod frames;

use crate::{
    frame::Frame,
    pipe::End,
    wire::{Tcp, Wire},
};
use frames::Frames;
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

/// Events that may wait for one socket. When there are more it is closed and its client resumes: it never
/// slows a room.
///
/// Higher survives larger bursts of small events, such as everybody leaving at once; each costs its bytes and
/// some 50 more.
pub(crate) const QUEUE_FRAMES: usize = 4096;

/// Bytes of events that may wait for one socket, likewise.
pub(crate) const QUEUE_BYTES: usize = 1024 * 1024;

/// The longest answer to a request, in bytes: a page of 256 KiB and its envelope.
pub(crate) const ANSWER_BYTES_MAX: usize = 320 * 1024;

/// Answers that may wait for one socket, beside the events. When there are more, or [`ANSWER_BYTES_MAX`] of
/// them, no further request is begun: who does not read waits and is not closed for what they asked for.
pub(crate) const ANSWERS_WAITING: usize = 64;

/// Frames that are handed to the kernel at once.
const WRITE_BATCH: usize = 32;

/// Answers to pings that wait.
const PONGS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server says so by itself: too many of these end the connection.
    Event,
    /// The client has asked for it.
    Answer,
    /// Of the protocol itself.
    Control,
}

/// How much of one kind waits.
#[derive(Debug, Default)]
struct Waiting {
    frames: usize,
    bytes: usize,
}

/// What was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) frames: u64,
    pub(super) answers: usize,
}

/// How far writing went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Some,
}

#[derive(Default)]
pub(super) struct Line {
    frames: Frames,
    /// Of the first, in bytes.
    written: usize,
    /// Answers to pings. They go before the frame that has not begun.
    pongs: VecDeque<Frame>,
    events: Waiting,
    answers: Waiting,
    taken: u64,
}

impl Line {
    /// Appends a frame; false if it is one event too many.
    pub(super) fn append(&mut self, frame: Frame, kind: Kind) -> bool {
        if let Some(waiting) = self.waiting(kind) {
            let (frames, bytes) = (waiting.frames + 1, waiting.bytes + frame.len());
            if kind == Kind::Event && (frames > QUEUE_FRAMES || bytes > QUEUE_BYTES) {
                return false;
            }
            *waiting = Waiting { frames, bytes };
        }
        self.frames.push_back((kind, frame));
        true
    }

    /// Keeps the latest: they are enough (RFC 6455, section 5.5.3).
    pub(super) fn push_pong(&mut self, pong: Frame) {
        if self.pongs.len() >= PONGS_MAX {
            self.pongs.pop_front();
        }
        self.pongs.push_back(pong);
    }

    const fn waiting(&mut self, kind: Kind) -> Option<&mut Waiting> {
        match kind {
            Kind::Event => Some(&mut self.events),
            Kind::Answer => Some(&mut self.answers),
            Kind::Control => None,
        }
    }

    pub(super) const fn has_room_for_answers(&self) -> bool {
        self.answers.frames < ANSWERS_WAITING && self.answers.bytes < ANSWER_BYTES_MAX
    }

    /// What the kernel has taken in all, in bytes.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Hands over what the other side takes.
    pub(super) fn write(&mut self, wire: &Wire) -> (Count, io::Result<Written>) {
        match wire {
            Wire::Tcp(tcp) => self.write_to_kernel(tcp),
            Wire::Events(end) => self.write_to_stream(end),
        }
    }

    fn put_pongs_first(&mut self) {
        if self.written == 0 {
            while let Some(pong) = self.pongs.pop_back() {
                self.frames.push_front((Kind::Control, pong));
            }
        }
    }

    /// Whole frames, shared and not copied.
    fn write_to_stream(&mut self, end: &End) -> (Count, io::Result<Written>) {
        let mut count = Count::default();
        self.put_pongs_first();
        while let Some((_, first)) = self.frames.front() {
            let length = first.len();
            if !end.push(first) {
                return (count, Ok(Written::Some));
            }
            self.advance(length, &mut count);
        }
        (count, Ok(Written::All))
    }

    fn write_to_kernel(&mut self, wire: &Tcp) -> (Count, io::Result<Written>) {
        let mut count = Count::default();
        loop {
            self.put_pongs_first();
            let Some((_, first)) = self.frames.front() else { return (count, Ok(Written::All)) };
            let first = first.as_bytes().get(self.written..).unwrap_or_default();
            // Mostly it is one.
            let taken =
                if self.frames.is_one() { wire.try_write(first) } else { self.write_many(wire, first) };
            match taken {
                Ok(bytes) => self.advance(bytes, &mut count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (count, Ok(Written::Some)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (count, Err(error)),
            }
        }
    }

    fn write_many(&self, wire: &Tcp, first: &[u8]) -> io::Result<usize> {
        let mut slices = [IoSlice::new(first); WRITE_BATCH];
        let mut used = 1;
        for (slice, (_, frame)) in slices.iter_mut().zip(self.frames.iter()).skip(1) {
            *slice = IoSlice::new(frame.as_bytes());
            used += 1;
        }
        wire.try_write_many(slices.get(..used).unwrap_or_default())
    }

    /// The kernel has taken so many bytes.
    fn advance(&mut self, bytes: usize, count: &mut Count) {
        self.taken += u64::try_from(bytes).unwrap_or(0);
        let mut left = self.written + bytes;
        while let Some((kind, frame)) = self.frames.front() {
            let (kind, length) = (*kind, frame.len());
            if length > left {
                break;
            }
            left -= length;
            self.frames.pop_front();
            count.frames += 1;
            count.answers += usize::from(kind == Kind::Answer);
            if let Some(waiting) = self.waiting(kind) {
                waiting.frames -= 1;
                waiting.bytes -= length;
            }
        }
        self.written = left;
    }

    /// Takes out everything; how much of the first is written.
    pub(super) fn take(&mut self) -> (Vec<Frame>, usize) {
        let frames = std::mem::take(&mut self.frames).into_iter().map(|(_, frame)| frame);
        (frames.collect(), std::mem::take(&mut self.written))
    }
}
