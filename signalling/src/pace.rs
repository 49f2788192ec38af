//! Catching up at a pace that whoever reads at all keeps up with.

use common::backoff::Backoff;
use std::time::Duration;
use tokio::time::sleep;

/// What is handed out in a row, in bytes: a sixteenth of what may wait for a socket.
const BYTES: usize = 64 * 1024;

/// Events that are handed out in a row: a thirty-second of the frames that may wait for a socket.
const EVENTS: usize = 128;

/// How long what was handed out has to leave: 10 Mbit/s.
///
/// Longer spares slower lines, which are closed and resume by pages; shorter is sooner done.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// How soon a store that failed is asked again.
pub(crate) const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));

/// How many events of these sizes in bytes, at least one, may be handed out in a row.
pub(crate) fn in_a_row(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |size: &usize| {
        let is_first = bytes == 0;
        bytes += size.max(&1);
        is_first || bytes <= BYTES
    };
    sizes.take(EVENTS).take_while(fits).count()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_one_is_something_is_handed_out_and_not_much_more() {
        assert_eq!(in_a_row([].into_iter()), 0);
        assert_eq!(in_a_row([BYTES * 2, 1].into_iter()), 1);
        assert_eq!(in_a_row([BYTES / 2, BYTES / 2, 1].into_iter()), 2);
        assert_eq!(in_a_row(std::iter::repeat_n(0, 1000)), EVENTS);
    }
}
