//! What is read of a socket, until it is a message.

use super::{
    decoder::{Decoder, Message},
    end::End,
};
use crate::wire::Wire;
use std::{cell::Cell, io};

/// A larger buffer was needed once, and is not kept.
const SPARE_BYTES_MAX: usize = 32 * 1024;

thread_local! {
    /// A buffer for whoever reads next on this thread: a connection at rest has none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads messages.
#[derive(Default)]
pub(super) struct Reader {
    /// Read, and not a message yet.
    bytes: Vec<u8>,
    /// How many of them are done with.
    done: usize,
    decoder: Decoder,
}

impl Reader {
    /// One to which so much has come already.
    pub(super) fn new(read: &[u8]) -> Self {
        Self { bytes: read.to_vec(), ..Self::default() }
    }

    /// Whether something was read that is no message yet.
    pub(super) fn has_bytes(&self) -> bool {
        self.done < self.bytes.len()
    }

    /// Reads what has come; how many bytes it was, none if nothing has.
    ///
    /// # Errors
    /// [`End::Gone`], also at the end.
    pub(super) fn fill(&mut self, wire: &Wire) -> Result<usize, End> {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take();
        }
        match wire.try_read(&mut self.bytes) {
            Ok(0) => Err(End::Gone),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Whoever is at rest has no buffer.
                self.settle();
                Ok(0)
            }
            Err(_) => Err(End::Gone),
        }
    }

    /// The next message of what was read.
    ///
    /// # Errors
    /// What the connection is to be closed with.
    pub(super) fn next(&mut self) -> Result<Option<Message<'_>>, End> {
        let input = self.bytes.get_mut(self.done..).unwrap_or_default();
        let (done, message) = self.decoder.next(input)?;
        self.done += done;
        Ok(message)
    }

    /// Keeps only what is yet to be a message, and hands the buffer on.
    pub(super) fn settle(&mut self) {
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let is_large = self.bytes.capacity() > SPARE_BYTES_MAX;
        if !rest.is_empty() && (is_large || rest.len() * 2 > self.bytes.capacity()) {
            // What has begun to be long goes on in its own buffer.
            self.bytes.drain(..self.done);
        } else {
            let rest = rest.to_vec();
            let mut buffer = std::mem::replace(&mut self.bytes, rest);
            if !is_large {
                buffer.clear();
                SPARE.set(buffer);
            }
        }
        self.done = 0;
    }
}
