//! Leases: at most one node holds each.

use crate::{backend::Backend, exchange::GuardId};
use common::id::NodeId;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a lease outlives a holder that died.
///
/// Longer survives longer pauses of a process; shorter frees a dead node's work sooner.
pub const LEASE_TIME: Duration = Duration::from_secs(10);

/// The outcome of trying to take a lease.
#[derive(Debug)]
pub enum Acquired {
    /// This node holds it as long as the guard lives.
    Held(LeaseGuard),
    /// Somebody holds it, possibly this node by another guard.
    Taken(NodeId),
}

/// A held lease. It renews itself, and is released when dropped.
///
/// While the bus is away it counts as held, so that an outage of Redis interrupts no work: nobody else can
/// take it then. If only this node is cut off, or its lease expired while the node stood still, another may
/// take it after [`LEASE_TIME`], and this guard is told once the node is heard again. What two holders must
/// never both do needs a guard in the store as well.
pub struct LeaseGuard {
    name: String,
    id: GuardId,
    backend: Arc<dyn Backend>,
    lost: watch::Receiver<bool>,
}

impl LeaseGuard {
    pub(crate) const fn new(
        name: String,
        id: GuardId,
        backend: Arc<dyn Backend>,
        lost: watch::Receiver<bool>,
    ) -> Self {
        Self { name, id, backend, lost }
    }

    /// Resolves if somebody else holds the lease after all: stop the work that it guards.
    pub async fn lost(&mut self) {
        if self.lost.wait_for(|lost| *lost).await.is_err() {
            // The backend forgot the lease without a word only when it is gone itself.
            std::future::pending::<()>().await;
        }
    }
}

impl std::fmt::Debug for LeaseGuard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "LeaseGuard({})", self.name)
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.backend.release(&self.name, self.id);
    }
}
