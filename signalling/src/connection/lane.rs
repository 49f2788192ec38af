//! Requests of one connection that are carried out one after the other.

use std::{collections::VecDeque, future::Future, pin::Pin};

/// Requests that may wait in a lane. When full, the socket is not read: the client waits.
const WAITING_MAX: usize = 32;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(super) struct Lane {
    current: Option<Work>,
    waiting: VecDeque<Work>,
}

impl Lane {
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    pub(super) fn push(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.waiting.push_back(Box::pin(work));
    }

    /// Carries out the next request. Waits for ever if there is none; cancelling loses nothing.
    pub(super) async fn next(&mut self) {
        if self.current.is_none() {
            self.current = self.waiting.pop_front();
        }
        match &mut self.current {
            Some(work) => {
                work.await;
                self.current = None;
            }
            None => std::future::pending().await,
        }
    }
}
