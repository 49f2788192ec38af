//! Leases: at most one node holds each.

use crate::{backend::Backend, error::BusError, exchange::GuardId};
use common::id::NodeId;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a lease outlives a holder that stands still. Of one that has died, which the bus knows by its not listening
/// any more, it is free within three seconds.
///
/// Longer survives longer pauses of a process; shorter frees the work of a node that hangs sooner.
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
/// take it then. If only this node is cut off, another may take it after some seconds, and if the node stood
/// still after [`LEASE_TIME`]; this guard is told once the node is heard again. What two holders must
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

    /// Gives the lease to another node, which holds it as soon as it [acquires](crate::Bus::acquire) it and has
    /// [`LEASE_TIME`] for that; nobody can take it in between while that node lives. False if it is not this guard's
    /// any more, or there are no other nodes.
    ///
    /// # Errors
    /// [`BusError::Away`] and [`BusError::Redis`]: then it may have been given all the same, of which this guard is
    /// told like of any other loss.
    pub async fn hand_over(&self, to: NodeId) -> Result<bool, BusError> {
        self.backend.hand_over(&self.name, self.id, to).await
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
