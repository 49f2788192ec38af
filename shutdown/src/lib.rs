//! How a process ends: everything that runs is told, and waited for within a deadline.
//!
//! Whoever starts tasks receives a [`Shutdown`], spawns them on its tracker and lets them look at its token.
//! A task that is spawned otherwise would be cut off in the middle of its work when the process ends.

use std::time::Duration;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

/// Handed to everything that runs. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled when the process drains.
    pub token: CancellationToken,
    /// Everything that must have ended before the process does.
    pub tasks: TaskTracker,
}

impl Shutdown {
    /// Tells everything to end and waits until it has, at most for `deadline`.
    pub async fn drain(&self, deadline: Duration) {
        self.token.cancel();
        self.tasks.close();
        if timeout(deadline, self.tasks.wait()).await.is_err() {
            warn!(tasks = self.tasks.len(), "Some tasks did not end within the deadline");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    /// Passes for the wrong reason if the task had ended before: it ends only once it is told.
    #[tokio::test]
    async fn what_is_told_to_end_is_waited_for() {
        let (shutdown, done) = (Shutdown::default(), Arc::new(AtomicBool::new(false)));
        let (token, flag) = (shutdown.token.clone(), Arc::clone(&done));
        shutdown.tasks.spawn(async move {
            token.cancelled().await;
            tokio::task::yield_now().await;
            flag.store(true, Ordering::Relaxed);
        });
        shutdown.drain(Duration::from_secs(30)).await;
        assert!(done.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn what_does_not_end_is_given_up_at_the_deadline() {
        let shutdown = Shutdown::default();
        shutdown.tasks.spawn(pending::<()>());
        shutdown.drain(Duration::from_millis(1)).await;
        assert_eq!(shutdown.tasks.len(), 1);
    }

    #[tokio::test]
    async fn a_clone_is_told_with_its_original() {
        let shutdown = Shutdown::default();
        let clone = shutdown.clone();
        shutdown.drain(Duration::from_secs(30)).await;
        assert!(clone.token.is_cancelled() && clone.tasks.is_closed());
    }
}
