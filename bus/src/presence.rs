//! Presence: entries that vanish with the node that keeps them up.

use crate::{backend::Backend, exchange::GuardId};
use std::sync::Arc;

/// One entry of a set. It is kept up while this lives and removed when it is dropped,
/// unless this node has put another there under the same key meanwhile.
pub struct Presence(Box<Kept>);

/// Apart: whoever keeps many of these has a pointer for each.
struct Kept {
    set: String,
    key: String,
    id: GuardId,
    backend: Arc<dyn Backend>,
}

impl Presence {
    pub(crate) fn new(set: String, key: String, id: GuardId, backend: Arc<dyn Backend>) -> Self {
        Self(Box::new(Kept { set, key, id, backend }))
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Presence({} in {})", self.0.key, self.0.set)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.backend.absent(&self.0.set, &self.0.key, self.0.id);
    }
}
