//! Meters that have let through a block, of which other instances are to be told.

use signalling_core::{
    ledger::{SharedMeter, with},
    limit::Meter,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Meters that are told at once, each by two commands.
const AT_ONCE: usize = 64;

/// Meters of which others are to be told. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Dues(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Each is in it once, until others are told.
    due: Mutex<Vec<SharedMeter>>,
    work: Notify,
}

impl Dues {
    fn due(&self) -> MutexGuard<'_, Vec<SharedMeter>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on a meter, and has others told of it if there is a block to tell.
    pub(crate) fn with<T>(&self, meter: &SharedMeter, work: impl FnOnce(&mut Meter) -> T) -> T {
        let (done, is_due) = with(meter, |meter| (work(meter), meter.becomes_due()));
        if is_due {
            self.due().push(Arc::clone(meter));
            self.0.work.notify_one();
        }
        done
    }

    /// Waits for some; each is known to be told then.
    pub(crate) async fn next(&self) -> Vec<SharedMeter> {
        loop {
            let some: Vec<_> = {
                let mut due = self.due();
                let count = due.len().min(AT_ONCE);
                due.drain(..count).collect()
            };
            if !some.is_empty() {
                return some;
            }
            self.0.work.notified().await;
        }
    }
}
