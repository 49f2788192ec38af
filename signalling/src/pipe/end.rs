//! The end of a pipe that a connection's task has.

use super::Pipe;
use crate::frame::Frame;
use std::{io, sync::Arc};

/// What a connection's task reads from and writes to. When it is dropped the connection is over, and forgotten.
pub(crate) struct End {
    pipe: Arc<Pipe>,
    forget: Box<dyn Fn() + Send + Sync>,
}

impl End {
    pub(super) fn new(pipe: Arc<Pipe>, forget: impl Fn() + Send + Sync + 'static) -> Self {
        metrics::gauge!("hub_event_connections").increment(1.0);
        Self { pipe, forget: Box::new(forget) }
    }

    /// Appends what was posted; how much it was.
    pub(crate) fn try_read(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let count = self.pipe.state().read(bytes);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.pipe.read.notify_waiters();
        Ok(count)
    }

    /// Waits until something was posted.
    pub(crate) async fn readable(&self) {
        while !self.pipe.state().has_posts() {
            self.pipe.came.notified().await;
        }
    }

    /// Takes a frame; false if there is no room for it.
    pub(crate) fn push(&self, frame: &Frame) -> bool {
        let is_taken = self.pipe.state().push(frame);
        if is_taken {
            self.pipe.said.notify_waiters();
        }
        is_taken
    }

    /// Waits until there is room for a frame.
    pub(crate) async fn writable(&self) {
        while !self.pipe.state().has_room() {
            self.pipe.left.notified().await;
        }
    }

    /// Takes a frame once there is room for it.
    pub(crate) async fn write(&self, frame: &Frame) {
        while !self.push(frame) {
            self.pipe.left.notified().await;
        }
    }

    /// Waits until somebody has taken everything that was said.
    pub(crate) async fn finish(&self) {
        while !self.pipe.state().is_taken() {
            self.pipe.left.notified().await;
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        (self.forget)();
        self.pipe.state().end();
        self.pipe.said.notify_waiters();
        self.pipe.read.notify_waiters();
        metrics::gauge!("hub_event_connections").decrement(1.0);
    }
}
