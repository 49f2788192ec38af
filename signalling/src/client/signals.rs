//! What a connection's task must know at once, wherever it waits.

use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

/// One thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Signal {
    /// The client is gone.
    Gone = 1,
    /// More waits for it than may.
    TooSlow = 1 << 1,
    /// The server drains.
    Draining = 1 << 2,
    /// Somebody who may has ended the connection.
    Ended = 1 << 3,
}

/// All of them: once raised, for ever.
#[derive(Default)]
pub(crate) struct Signals {
    raised: AtomicU8,
    woken: Notify,
}

impl Signals {
    pub(crate) fn raise(&self, signal: Signal) {
        self.raised.fetch_or(signal as u8, Ordering::AcqRel);
        self.wake();
    }

    pub(crate) fn has(&self, signal: Signal) -> bool {
        self.raised.load(Ordering::Acquire) & signal as u8 != 0
    }

    /// Has the connection's task look again at what it waits for.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Waits until somebody wakes the task, or returns at once if somebody has since the last time.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }
}
