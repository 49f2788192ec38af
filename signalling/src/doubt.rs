//! Until when there is reason to doubt what the bus says of other instances, for those who begin to listen meanwhile.
//!
//! The entries of an instance that has died outlive it for a while. What is followed already is told that instances
//! have come or gone; what is opened after that would find the entries, have no reason to look again, and keep them.

use signalling_core::comparison::DOUBT_TIME;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// See the module.
#[derive(Default)]
pub(crate) struct Doubt(Mutex<Option<Instant>>);

impl Doubt {
    /// Instances have come or gone.
    pub(crate) fn begin(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + DOUBT_TIME);
    }

    /// Until when, if there is reason.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }
}
