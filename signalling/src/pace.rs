//! Catching up at a pace that whoever reads at all keeps up with.

use std::time::Duration;
use tokio::time::sleep;

/// What is handed out in a row, in bytes: a sixteenth of what may wait for a socket.
const BYTES: usize = 64 * 1024;

/// Events that are handed out in a row: a thirty-second of the frames that may wait for a socket.
const EVENTS: usize = 128;

/// How long what was handed out has to leave: 10 Mbit/s.
///
/// Longer spares slower lines, which are closed and resume by pages; shorter is sooner done.
const PAUSE: Duration = Duration::from_millis(50);

/// Counts what is handed out of a backlog.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    bytes: usize,
    events: usize,
}

impl Pace {
    /// An event of so many bytes was handed out. Waits if that was enough for now.
    pub(crate) async fn passed(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.events += 1;
        if self.bytes >= BYTES || self.events >= EVENTS {
            *self = Self::default();
            sleep(PAUSE).await;
        }
    }
}
