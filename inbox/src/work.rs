//! A worker: takes from a queue in the store until it is empty, then waits for a hint or a while.

use common::{backoff::Backoff, error::Chain};
use shutdown::Shutdown;
use std::{future::Future, time::Duration};
use store::StoreError;
use tokio::{sync::Notify, time::timeout};
use tracing::warn;

/// How long a worker waits without a hint: retries fall due by themselves.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);

/// The waits between tries of what an outside party or the store refused.
pub(crate) const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10 * 60));

/// Where the workers of one queue wait.
#[derive(Default)]
pub(crate) struct Queue(std::sync::Arc<Notify>);

impl Queue {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    /// What wakes whoever waits here.
    pub(crate) fn hint(&self) -> std::sync::Arc<Notify> {
        self.0.clone()
    }

    /// Starts a worker. `step` takes some work and does it, with what the workers share; zero means there was none.
    pub(crate) fn work<Context, F, S>(&self, context: &Context, shutdown: &Shutdown, step: F)
    where
        Context: Clone + Send + 'static,
        F: Fn(Context) -> S + Send + 'static,
        S: Future<Output = Result<usize, StoreError>> + Send,
    {
        let (hint, context, token) = (self.0.clone(), context.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move {
            // A step in flight is finished when the process drains; it is short.
            while !token.is_cancelled() {
                match step(context.clone()).await {
                    Ok(0) => {
                        let waited = timeout(POLL_EVERY, hint.notified());
                        let _cancelled = token.run_until_cancelled(waited).await;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        warn!(error = %Chain(&error), "The store failed a worker; will retry");
                        let _cancelled = token.run_until_cancelled(tokio::time::sleep(POLL_EVERY)).await;
                    }
                }
            }
        });
    }
}
