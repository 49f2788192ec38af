//! What a connection is yet to be sent, bounded: events that it is told, and answers that it asked for.
//!
//! Whoever queues something never waits. The [`Flusher`] hands it to the kernel; what the kernel does not take, the
//! connection's own task waits for.

mod line;

pub(crate) use line::{ANSWER_BYTES_MAX, ANSWERS_WAITING, QUEUE_BYTES, QUEUE_FRAMES};

use super::signals::{Signal, Signals};
use crate::{
    flusher::{Flush, Flusher, TOUCHED_AT_ONCE, note_sent},
    frame::Frame,
    wire::Wire,
};
use common::{
    id::ConnectionId,
    protocol::{Failure, RequestId, envelope},
};
use line::{Kind, Line, Written};
use serde::Serialize;
use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use tracing::error;

/// Both kinds are in one order: what happens after an answer comes after it.
pub(crate) struct Queue {
    of: ConnectionId,
    flusher: Flusher,
    state: Mutex<State>,
    pub(crate) signals: Signals,
    /// Told when an answer has left the queue, or nobody takes any out any more.
    answers_left: Notify,
}

struct State {
    /// Until the goodbye has it.
    wire: Option<Arc<Wire>>,
    line: Line,
    phase: Phase,
    /// The connection's task waits for room for answers.
    wants_room: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing waits.
    Idle,
    /// The flusher will come by.
    Due,
    /// The kernel takes nothing; the connection's task waits for it.
    Blocked,
}

impl Queue {
    pub(crate) fn new(of: ConnectionId, wire: Arc<Wire>, flusher: Flusher) -> Self {
        let state = State { wire: Some(wire), line: Line::default(), phase: Phase::Idle, wants_room: false };
        Self {
            of,
            flusher,
            state: Mutex::new(state),
            signals: Signals::default(),
            answers_left: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event for the flusher. Never waits.
    pub(crate) fn push(self: &Arc<Self>, frame: Frame) {
        if self.append(frame, Kind::Event) {
            self.flusher.add([Arc::clone(self)]);
        }
    }

    /// The same for many; to how many it was.
    pub(crate) fn push_to_all<'a>(queues: impl IntoIterator<Item = &'a Arc<Self>>, frame: &Frame) -> u64 {
        let queues: Vec<_> = queues.into_iter().collect();
        let mut due = Vec::with_capacity(queues.len());
        for some in queues.chunks(TOUCHED_AT_ONCE) {
            some.iter().for_each(|queue| queue.touch());
            due.extend(
                some.iter()
                    .filter(|queue| queue.append(frame.clone(), Kind::Event))
                    .map(|queue| Arc::clone(queue)),
            );
        }
        if let Some(first) = due.first() {
            first.flusher.clone().add(due);
        }
        u64::try_from(queues.len()).unwrap_or(u64::MAX)
    }

    /// Appends a frame; whether the flusher must be told.
    fn append(&self, frame: Frame, kind: Kind) -> bool {
        let mut state = self.state();
        if state.wire.is_none() {
            return false;
        }
        if !state.line.append(frame, kind) {
            drop(state);
            self.signals.raise(Signal::TooSlow);
            return false;
        }
        if state.phase != Phase::Idle {
            return false;
        }
        state.phase = Phase::Due;
        true
    }

    /// Whether the connection's task is to wait for the kernel, and how much that has taken so far, in bytes.
    pub(crate) fn blocked(&self) -> Option<u64> {
        let state = self.state();
        (state.phase == Phase::Blocked).then(|| state.line.taken())
    }

    /// Answers a request.
    pub(crate) fn answer<T: Serialize>(self: &Arc<Self>, id: &RequestId, outcome: &Result<T, Failure>) {
        let text = match outcome {
            Ok(result) => envelope::result_frame(id, result),
            Err(failure) => envelope::failure_frame(Some(id), failure),
        };
        if text.len() > ANSWER_BYTES_MAX {
            error!(conn.id = %self.of, bytes = text.len(), "An answer is longer than any may be; this is a bug");
            return self.complain(Some(id), &Failure::internal());
        }
        self.push_answer(&text);
    }

    /// Answers what was no request, or one too many.
    pub(crate) fn complain(self: &Arc<Self>, id: Option<&RequestId>, failure: &Failure) {
        self.push_answer(&envelope::failure_frame(id, failure));
    }

    fn push_answer(self: &Arc<Self>, text: &str) {
        if self.append(Frame::text(text), Kind::Answer) {
            self.flusher.add([Arc::clone(self)]);
        }
    }

    /// Asks whether the client is there, unless something waits for it anyway.
    pub(crate) fn ping(self: &Arc<Self>) {
        if self.state().phase == Phase::Idle && self.append(Frame::ping(), Kind::Control) {
            note_sent(self.flush());
        }
    }

    /// Answers a ping.
    pub(crate) fn pong(self: &Arc<Self>, payload: &[u8]) {
        let mut state = self.state();
        state.line.push_pong(Frame::pong(payload));
        let is_due = state.phase == Phase::Idle && state.wire.is_some();
        if is_due {
            state.phase = Phase::Due;
        }
        drop(state);
        if is_due {
            self.flusher.add([Arc::clone(self)]);
        }
    }

    /// Whether another request may be begun.
    pub(crate) fn has_room_for_answers(&self) -> bool {
        let state = self.state();
        state.wire.is_none() || state.line.has_room_for_answers()
    }

    /// The same for the connection's task, which is woken when there is.
    pub(crate) fn has_room_or_wakes(&self) -> bool {
        let mut state = self.state();
        let has_room = state.line.has_room_for_answers();
        state.wants_room = !has_room;
        has_room
    }

    /// Waits until another request may be begun.
    pub(crate) async fn room_for_answers(&self) {
        loop {
            let mut left = pin!(self.answers_left.notified());
            left.as_mut().enable();
            if self.has_room_for_answers() {
                return;
            }
            left.await;
        }
    }

    /// Takes out what waits, the first of it with how much of it is written, and nothing more in: what is left to do
    /// goes on without waiting for a reader.
    pub(crate) fn part(&self) -> (Vec<Frame>, usize) {
        let left = {
            let mut state = self.state();
            state.wire = None;
            state.line.take()
        };
        self.answers_left.notify_waiters();
        left
    }
}

impl Flush for Queue {
    fn touch(&self) {
        // What the lock is next to is what is needed.
        self.state.is_poisoned();
    }

    fn flush(&self) -> u64 {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(wire) = &state.wire else { return 0 };
        let (written, outcome) = state.line.write(wire);
        state.phase = match outcome {
            Ok(Written::All) => Phase::Idle,
            Ok(Written::Some) => Phase::Blocked,
            Err(_) => Phase::Idle,
        };
        let (is_blocked, is_lost) = (state.phase == Phase::Blocked, outcome.is_err());
        let wanted = written.answers > 0 && std::mem::take(&mut state.wants_room);
        drop(guard);
        if written.answers > 0 {
            self.answers_left.notify_waiters();
        }
        if is_lost {
            self.signals.raise(Signal::Gone);
        } else if is_blocked || wanted {
            self.signals.wake();
        }
        written.frames
    }
}

#[cfg(test)]
mod tests;
