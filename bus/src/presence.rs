//! Presence: entries that vanish with the node that keeps them up.

use crate::{backend::Backend, exchange::GuardId};
use std::sync::Arc;

/// What a set has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<E> {
    /// By key. This node's own are always right.
    pub entries: Vec<(String, E)>,
    /// Whether those of other nodes were read just now; if not, they are as they were last seen.
    pub is_fresh: bool,
}

/// One entry of a set. It is kept up while this lives and removed when it is dropped,
/// unless this node has put another there under the same key meanwhile.
pub struct Presence {
    set: String,
    key: String,
    id: GuardId,
    backend: Arc<dyn Backend>,
}

impl Presence {
    pub(crate) const fn new(set: String, key: String, id: GuardId, backend: Arc<dyn Backend>) -> Self {
        Self { set, key, id, backend }
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Presence({} in {})", self.key, self.set)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.backend.absent(&self.set, &self.key, self.id);
    }
}
