//! Writes what waits for sockets: for many of them in a row, so that what comes meanwhile leaves together.
//!
//! Handing an event to a thousand connections costs a thousand writes; waking each connection's task for its own
//! would cost as much again.

use crate::counters::FRAMES_SENT;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, task::yield_now};

/// Queues that are written in a row, before other tasks have their turn.
///
/// More saves a little; fewer lets a request be answered sooner while a large room is told.
const AT_ONCE: usize = 64;

/// Queues that are fetched from memory together: the processor waits for all of them at once, and not for each.
///
/// About as many as it can have under way.
pub(crate) const TOUCHED_AT_ONCE: usize = 16;

/// Where something waits for a socket.
pub(crate) trait Flush: Send + Sync {
    /// Fetches what [`flush`](Self::flush) will need from memory, as far as that can be done without waiting.
    fn touch(&self);

    /// Hands the kernel what it takes of what waits; how many frames that were.
    fn flush(&self) -> u64;
}

/// Counts frames that the kernel has taken.
pub(crate) fn note_sent(frames: u64) {
    if frames > 0 {
        FRAMES_SENT.increment(frames);
    }
}

/// Queues in which something waits. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Flusher(Arc<Inner>);

#[derive(Default)]
struct Inner {
    due: Mutex<VecDeque<Arc<dyn Flush>>>,
    work: Notify,
}

impl Flusher {
    fn due(&self) -> MutexGuard<'_, VecDeque<Arc<dyn Flush>>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has these written, after those before them.
    pub(crate) fn add<T: Flush + 'static>(&self, queues: impl IntoIterator<Item = Arc<T>>) {
        self.due().extend(queues.into_iter().map(|queue| queue as Arc<dyn Flush>));
        self.0.work.notify_one();
    }

    /// Writes, for ever. Several may.
    pub(crate) async fn run(self) {
        loop {
            self.0.work.notified().await;
            while self.write_some() {
                yield_now().await;
            }
        }
    }

    /// Whether there is more to write.
    fn write_some(&self) -> bool {
        let (some, is_more): (Vec<_>, _) = {
            let mut due = self.due();
            let count = due.len().min(AT_ONCE);
            (due.drain(..count).collect(), !due.is_empty())
        };
        if is_more {
            // There is enough for another one.
            self.0.work.notify_one();
        }
        let mut sent = 0;
        for queues in some.chunks(TOUCHED_AT_ONCE) {
            for queue in queues {
                queue.touch();
            }
            sent += queues.iter().map(|queue| queue.flush()).sum::<u64>();
        }
        note_sent(sent);
        is_more
    }
}

#[cfg(test)]
mod tests;
