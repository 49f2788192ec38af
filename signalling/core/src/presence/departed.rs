//! Devices that have gone, for as long as it may still be said or read that they are there.

use common::id::ConnectionId;
use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// How long one is remembered: longer than news of it is said again that could not be said at first, and than
/// its entry takes to be removed where the bus is there.
///
/// Each costs some 50 bytes for this time.
pub(super) const DEPARTED_TIME: Duration = Duration::from_secs(60);

/// A device never comes back under the same id: remembering those that left is harmless.
#[derive(Debug, Default)]
pub(super) struct Departed {
    ids: BTreeSet<ConnectionId>,
    order: VecDeque<(Instant, ConnectionId)>,
}

impl Departed {
    pub(super) fn has(&self, connection: ConnectionId) -> bool {
        self.ids.contains(&connection)
    }

    pub(super) fn insert(&mut self, connection: ConnectionId, now: Instant) {
        while let Some((until, first)) = self.order.front().copied()
            && until <= now
        {
            self.order.pop_front();
            self.ids.remove(&first);
        }
        if self.ids.insert(connection) {
            self.order.push_back((now + DEPARTED_TIME, connection));
        }
    }
}
