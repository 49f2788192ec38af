//! What is on its way through a pipe, bounded, without IO.

use crate::frame::{Content, Frame};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};
use uuid::Uuid;

/// What may wait that no request has taken, in bytes; one frame more always fits. The rest waits in the queue that
/// every connection has.
pub(crate) const UNTAKEN_BYTES_MAX: usize = 64 * 1024;

/// What is kept of what was taken, in bytes, until the client says that it has seen it: a stream that breaks goes on
/// behind what it has seen.
///
/// More survives longer gaps of faster streams without a new connection; each may hold so much, though events of a
/// room are shared by all that hold them.
pub(crate) const KEPT_BYTES_MAX: usize = 256 * 1024;

/// Frames that are kept likewise. Each costs some 50 bytes beside its own.
const KEPT_FRAMES_MAX: usize = 1024;

/// What one request takes, in bytes; one frame at least.
pub(crate) const TAKE_BYTES_MAX: usize = 64 * 1024;

/// What may wait that was posted and the connection has not read, in bytes, before another batch is let in.
pub(crate) const POSTED_BYTES_MAX: usize = 64 * 1024;

/// What the connection reads at once, in bytes, as of a socket: what it costs is looked at afterwards.
const READ_BYTES: usize = 16 * 1024;

/// Nothing is hidden from proxies here; a frame without a mask would not be one of a client's.
const MASK: Option<[u8; 4]> = Some([0; 4]);

/// Why a request gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such connection, or no more.
    Gone,
    /// Another stream has taken this one's place.
    Replaced,
    /// A batch before it is missing.
    OutOfOrder,
    /// Just now it cannot be done; the same may be asked again.
    Busy,
}

/// What a request takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// With their numbers.
    pub(crate) frames: Vec<(u64, Bytes)>,
    /// Behind these nothing more comes, with this code and reason.
    pub(crate) closed: Option<(u16, String)>,
}

impl Taken {
    pub(crate) const fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.closed.is_none()
    }
}

#[derive(Default)]
pub(super) struct State {
    /// Posted, as WebSocket frames.
    posts: VecDeque<u8>,
    /// The number of the last batch.
    posted: u64,
    /// Said: kept, and then not taken yet.
    frames: VecDeque<Bytes>,
    /// The number of the frame before the first of these.
    before: u64,
    /// The last that was taken.
    taken: u64,
    kept_bytes: usize,
    untaken_bytes: usize,
    /// Who takes.
    stream: Option<Uuid>,
    /// The connection closes, with this code and reason.
    closed: Option<(u16, String)>,
    is_close_taken: bool,
    /// The connection is gone.
    is_over: bool,
    heard_at: Option<Instant>,
}

impl State {
    /// Moves what was posted.
    pub(super) fn read(&mut self, bytes: &mut Vec<u8>) -> usize {
        let count = self.posts.len().min(READ_BYTES);
        bytes.extend(self.posts.drain(..count));
        if self.posts.is_empty() {
            self.posts = VecDeque::new();
        }
        count
    }

    pub(super) fn has_posts(&self) -> bool {
        !self.posts.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.untaken_bytes < UNTAKEN_BYTES_MAX
    }

    /// Takes what the connection says; false if there is no room for it.
    pub(super) fn push(&mut self, frame: &Frame) -> bool {
        match frame.content() {
            Content::Text(text) => {
                if !self.has_room() {
                    return false;
                }
                self.untaken_bytes += text.len();
                self.frames.push_back(text);
            }
            Content::Close { code, reason } => self.closed = Some((code, reason)),
            // Whether the client is there shows by its requests.
            Content::Control => {}
        }
        true
    }

    pub(super) fn is_taken(&self) -> bool {
        self.untaken_bytes == 0 && (self.is_close_taken || self.closed.is_none())
    }

    pub(super) fn end(&mut self) {
        self.is_over = true;
        self.frames = VecDeque::new();
    }

    fn last(&self) -> u64 {
        self.before + u64::try_from(self.frames.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn attach(&mut self, stream: Uuid, after: u64) -> Result<(), Refusal> {
        if self.is_over || after < self.before || after > self.last() {
            return Err(Refusal::Gone);
        }
        self.stream = Some(stream);
        // What was seen needs no longer be kept.
        while self.before < after && self.before < self.taken {
            self.drop_first();
        }
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        Ok(())
    }

    /// Of those that are kept.
    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.before += 1;
            self.kept_bytes = self.kept_bytes.saturating_sub(frame.len());
        }
    }

    pub(super) fn take(&mut self, stream: Uuid, after: u64) -> Result<Taken, Refusal> {
        if self.stream != Some(stream) {
            return Err(if self.is_over { Refusal::Gone } else { Refusal::Replaced });
        }
        if self.is_over || after < self.before || after > self.last() {
            return Err(Refusal::Gone);
        }
        let mut taken = Taken::default();
        let (mut number, mut bytes) = (after, 0);
        let skip = usize::try_from(after - self.before).unwrap_or(usize::MAX);
        for frame in self.frames.iter().skip(skip) {
            if bytes > 0 && bytes + frame.len() > TAKE_BYTES_MAX {
                break;
            }
            (number, bytes) = (number + 1, bytes + frame.len());
            taken.frames.push((number, frame.clone()));
            if number > self.taken {
                self.taken = number;
                self.untaken_bytes = self.untaken_bytes.saturating_sub(frame.len());
                self.kept_bytes += frame.len();
            }
        }
        if number == self.last() {
            taken.closed.clone_from(&self.closed);
            self.is_close_taken |= taken.closed.is_some();
        }
        self.drop_kept();
        Ok(taken)
    }

    /// Drops the oldest of what was taken, beyond what is kept.
    fn drop_kept(&mut self) {
        let count = |state: &Self| usize::try_from(state.taken - state.before).unwrap_or(usize::MAX);
        while count(self) > 1 && (self.kept_bytes > KEPT_BYTES_MAX || count(self) > KEPT_FRAMES_MAX) {
            self.drop_first();
        }
    }

    /// Takes a batch; false if there is no room for it yet.
    pub(super) fn post(&mut self, number: u64, frames: &[String]) -> Result<bool, Refusal> {
        if self.is_over {
            return Err(Refusal::Gone);
        }
        if number <= self.posted {
            return Ok(true);
        }
        if number != self.posted + 1 {
            return Err(Refusal::OutOfOrder);
        }
        if self.posts.len() >= POSTED_BYTES_MAX {
            return Ok(false);
        }
        self.posted = number;
        for frame in frames {
            self.append(OpCode::Data(Data::Text), frame.as_bytes());
        }
        Ok(true)
    }

    pub(super) fn leave(&mut self) {
        self.append(OpCode::Control(Control::Close), &1000_u16.to_be_bytes());
    }

    /// Whether the connection is to hear that the client is there: at most once in `every`.
    pub(super) fn note_life(&mut self, now: Instant, every: Duration) -> bool {
        let is_due = self.heard_at.is_none_or(|at| now.saturating_duration_since(at) >= every);
        if is_due && !self.is_over {
            self.heard_at = Some(now);
            self.append(OpCode::Control(Control::Pong), &[]);
        }
        is_due
    }

    fn append(&mut self, opcode: OpCode, payload: &[u8]) {
        let header = FrameHeader { opcode, mask: MASK, ..FrameHeader::default() };
        // Only writing may fail, and memory takes everything.
        let _written = header.format(u64::try_from(payload.len()).unwrap_or(u64::MAX), &mut self.posts);
        self.posts.extend(payload);
    }
}
