//! Whether a request's token was good: what a handler tells the listener.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether a handler has accepted a request's token. A status cannot say so: much is answered, and well, to
/// requests whose token nobody has looked at.
///
/// The listener puts one into a request's extensions, and asks it when the request is answered.
#[derive(Debug, Clone, Default)]
pub struct Accepted(Arc<AtomicBool>);

impl Accepted {
    /// The token is somebody's.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a handler has said so.
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
