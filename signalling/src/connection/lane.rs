//! Requests of one connection that are carried out one after the other. One that has to wait for something goes on on a
//! task of the hub: what has begun is completed whatever becomes of the connection.

use crate::{client::Client, hub::Hub};
use futures_util::FutureExt;
use std::{
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Requests that may wait in a lane. When full, the socket is not read: the client waits.
pub(crate) const WAITING_MAX: usize = 32;

/// Bytes of requests that may wait in a lane, likewise. One more request always fits.
pub(crate) const WAITING_BYTES_MAX: usize = 256 * 1024;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Lane(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Told when there is room for one more, and when there is nothing more to do.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Each with its length on the wire.
    waiting: VecDeque<(usize, Work)>,
    bytes: usize,
    is_running: bool,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request; the lane rests if there is none.
    fn next(&self) -> Option<Work> {
        let mut state = self.state();
        match state.waiting.pop_front() {
            Some((bytes, work)) => {
                state.bytes = state.bytes.saturating_sub(bytes);
                Some(work)
            }
            None => {
                state.is_running = false;
                None
            }
        }
    }
}

/// Lets the lane go on if a request panics, which is a bug: else nobody would ever leave it.
struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.state();
            state.is_running = false;
            state.waiting.clear();
            state.bytes = 0;
        }
        self.0.changed.notify_one();
    }
}

impl Lane {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), changed: Notify::new() }))
    }

    pub(super) fn has_room(&self) -> bool {
        let state = self.0.state();
        state.waiting.len() < WAITING_MAX && state.bytes < WAITING_BYTES_MAX
    }

    /// Has `work`, a request of so many bytes, carried out after those before it.
    pub(super) fn push(
        &self,
        hub: &Hub,
        client: &Arc<Client>,
        bytes: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut work: Work = Box::pin(work);
        let mut state = self.0.state();
        if state.is_running || !client.queue.has_room_for_answers() {
            state.waiting.push_back((bytes, work));
            state.bytes += bytes;
            if !std::mem::replace(&mut state.is_running, true) {
                drop(state);
                hub.finish(run(Running(Arc::clone(&self.0)), Arc::clone(client), None));
            }
            return;
        }
        drop(state);
        // Most requests wait for nothing: a task for each would cost as much again. That one panics, which is a bug, is
        // its own affair here as it is there.
        let begun = panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().now_or_never()));
        if matches!(begun, Ok(None)) {
            self.0.state().is_running = true;
            hub.finish(run(Running(Arc::clone(&self.0)), Arc::clone(client), Some(work)));
        }
    }

    /// Waits until there is room for one more, or nothing more to do.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Forgets what has not begun.
    pub(super) fn drop_waiting(&self) {
        let waiting = {
            let mut state = self.0.state();
            state.bytes = 0;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }

    /// Waits until everything is done.
    pub(super) async fn finished(&self) {
        while self.0.state().is_running {
            self.changed().await;
        }
    }
}

/// Carries out what has begun, and then what waits.
async fn run(lane: Running, client: Arc<Client>, begun: Option<Work>) {
    let mut next = begun;
    loop {
        if let Some(work) = next {
            work.await;
        }
        client.queue.room_for_answers().await;
        next = lane.0.next();
        if next.is_none() {
            return;
        }
        // Only now: before, the lane may have been as full as it was.
        lane.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
