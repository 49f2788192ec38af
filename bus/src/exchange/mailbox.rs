//! What waits for one subscriber.
//!
//! There are two for each live room, nearly always empty: an empty one has no buffer, where a channel of the runtime
//! keeps a kilobyte.

use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Messages that may wait for one subscriber. When full, the subscriber is told
/// that it lost something and reads the store; publishers never wait.
pub(super) const SUBSCRIBER_QUEUE: usize = 1024;

/// Places that are kept when nothing waits.
const KEPT_PLACES: usize = 4;

/// What reaches a subscriber.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Message(Bytes),
    Lost,
}

#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Raw>,
    /// Something had no room. Beside the queue, because that has no room for the news that it is full.
    has_overflowed: bool,
    /// Nothing more will come.
    is_closed: bool,
}

impl State {
    fn take(&mut self) -> Option<Raw> {
        if std::mem::take(&mut self.has_overflowed) {
            return Some(Raw::Lost);
        }
        let next = self.waiting.pop_front();
        if self.waiting.is_empty() {
            self.waiting.shrink_to(KEPT_PLACES);
        }
        next
    }
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; false if there is no room, which the subscriber is told before the next message.
    pub(super) fn put(&self, raw: Raw) -> bool {
        let mut state = self.state();
        let has_room = state.waiting.len() < SUBSCRIBER_QUEUE;
        if has_room {
            state.waiting.push_back(raw);
        } else {
            state.has_overflowed = true;
        }
        drop(state);
        self.arrived.notify_one();
        has_room
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.arrived.notify_one();
    }

    /// The next of what waits; `None` once nothing does and nothing more will come. One at a time may wait.
    ///
    /// Cancelling the wait loses nothing.
    pub(crate) async fn next(&self) -> Option<Raw> {
        loop {
            {
                let mut state = self.state();
                let next = state.take();
                if next.is_some() || state.is_closed {
                    return next;
                }
            }
            self.arrived.notified().await;
        }
    }
}
