//! What a connection is yet to be sent, bounded: events that it is told, and answers that it asked for.

use common::{
    id::ConnectionId,
    protocol::{Failure, RequestId, envelope},
};
use serde::Serialize;
use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;
use tracing::error;

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

/// Requests that may be at work, or refused, while answers wait: each may add one more.
const ANSWERS_UNDER_WAY: usize = 8;

/// A frame that waits for the socket.
pub(crate) struct Queued {
    pub(crate) frame: Utf8Bytes,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The server says so by itself: too many of these end the connection.
    Event,
    /// The client has asked for it.
    Answer,
}

/// How much of one kind waits.
#[derive(Default)]
struct Waiting {
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    /// Counts one more; how many and how long they are with it.
    fn add(&self, bytes: usize) -> (usize, usize) {
        let (frames, before) =
            (self.frames.fetch_add(1, Ordering::Relaxed), self.bytes.fetch_add(bytes, Ordering::Relaxed));
        (frames + 1, before + bytes)
    }

    fn remove(&self, bytes: usize) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The sending side. Both kinds are in one order: what happens after an answer comes after it.
pub(crate) struct Queue {
    of: ConnectionId,
    sender: mpsc::Sender<Queued>,
    events: Waiting,
    answers: Waiting,
    /// Told when an answer has left the queue, or nobody takes any out any more.
    answers_left: Notify,
    /// The queue is not read any more.
    is_over: AtomicBool,
    /// Cancelled when there were too many events.
    pub(crate) too_slow: CancellationToken,
}

impl Queue {
    pub(crate) fn new(of: ConnectionId) -> (Self, mpsc::Receiver<Queued>) {
        let (sender, receiver) = mpsc::channel(QUEUE_FRAMES + ANSWERS_WAITING + ANSWERS_UNDER_WAY);
        let queue = Self {
            of,
            sender,
            events: Waiting::default(),
            answers: Waiting::default(),
            answers_left: Notify::new(),
            is_over: AtomicBool::new(false),
            too_slow: CancellationToken::new(),
        };
        (queue, receiver)
    }

    /// Queues an event. Never waits.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        let (frames, bytes) = self.events.add(frame.len());
        if frames > QUEUE_FRAMES || bytes > QUEUE_BYTES {
            self.too_slow.cancel();
        } else {
            self.enqueue(Queued { frame, kind: Kind::Event });
        }
    }

    fn enqueue(&self, queued: Queued) {
        if self.sender.try_send(queued).is_err() {
            self.too_slow.cancel();
        }
    }

    /// The connection has taken this out of the queue.
    pub(crate) fn taken(&self, queued: &Queued) {
        match queued.kind {
            Kind::Event => self.events.remove(queued.frame.len()),
            Kind::Answer => {
                self.answers.remove(queued.frame.len());
                self.answers_left.notify_waiters();
            }
        }
    }

    /// Answers a request.
    pub(crate) fn answer<T: Serialize>(&self, id: &RequestId, outcome: &Result<T, Failure>) {
        let frame = match outcome {
            Ok(result) => envelope::result_frame(id, result),
            Err(failure) => envelope::failure_frame(Some(id), failure),
        };
        if frame.len() > ANSWER_BYTES_MAX {
            error!(conn.id = %self.of, bytes = frame.len(), "An answer is longer than any may be; this is a bug");
            return self.complain(Some(id), &Failure::internal());
        }
        self.queue_answer(frame);
    }

    /// Answers what was no request, or one too many.
    pub(crate) fn complain(&self, id: Option<&RequestId>, failure: &Failure) {
        self.queue_answer(envelope::failure_frame(id, failure));
    }

    fn queue_answer(&self, frame: String) {
        self.answers.add(frame.len());
        self.enqueue(Queued { frame: frame.into(), kind: Kind::Answer });
    }

    /// Whether another request may be begun.
    pub(crate) fn has_room_for_answers(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
            || (self.answers.frames.load(Ordering::Relaxed) < ANSWERS_WAITING
                && self.answers.bytes.load(Ordering::Relaxed) < ANSWER_BYTES_MAX)
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

    /// Nobody reads the queue any more: what is left to do goes on without waiting for a reader.
    pub(crate) fn stop_queueing(&self) {
        self.is_over.store(true, Ordering::Release);
        self.answers_left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{clock::ManualClock, protocol::room::TEXT_BYTES_MAX};

    fn queue() -> (Queue, mpsc::Receiver<Queued>) {
        Queue::new(ConnectionId::generate(&ManualClock::default()))
    }

    fn answer(queue: &Queue, bytes: usize) {
        queue.answer(&RequestId::Number(1), &Ok("x".repeat(bytes)));
    }

    /// Passes for the wrong reason if the events alone were too much: one more of them is.
    #[test]
    fn the_longest_answer_fits_beside_as_many_events_as_may_wait() {
        let (queue, _receiver) = queue();
        let event = Utf8Bytes::from("x".repeat(TEXT_BYTES_MAX));
        for _ in 0..QUEUE_BYTES / TEXT_BYTES_MAX {
            queue.push(event.clone());
        }
        answer(&queue, 256 * 1024);
        assert!(!queue.too_slow.is_cancelled(), "nobody is too slow for what they asked for");
        queue.push(event);
        assert!(queue.too_slow.is_cancelled());
    }

    #[test]
    fn an_answer_that_is_longer_than_any_may_be_is_an_internal_error_and_ends_nothing() {
        let (queue, mut receiver) = queue();
        answer(&queue, ANSWER_BYTES_MAX);
        let queued = receiver.try_recv().unwrap();
        let answer: serde_json::Value = serde_json::from_str(&queued.frame).unwrap();
        assert_eq!(answer["error"]["data"]["code"], "internal");
        assert_eq!(answer["id"], 1);
        assert!(!queue.too_slow.is_cancelled());
    }

    #[tokio::test]
    async fn no_request_is_begun_while_too_many_answers_wait() {
        let (queue, mut receiver) = queue();
        for _ in 0..ANSWERS_WAITING {
            assert!(queue.has_room_for_answers());
            answer(&queue, 1);
        }
        assert!(!queue.has_room_for_answers());
        let room = queue.room_for_answers();
        let reader = async { queue.taken(&receiver.recv().await.unwrap()) };
        tokio::join!(room, reader);
        answer(&queue, 1);
        assert!(!queue.has_room_for_answers());
        let over = async { queue.stop_queueing() };
        tokio::join!(queue.room_for_answers(), over);
    }
}
