//! Waiting for a time.

use common::clock::Clock;
use std::time::Instant;
use tokio::time::sleep;

/// Waits until `at`; for ever if there is no such time.
pub(crate) async fn until(at: Option<Instant>, clock: &dyn Clock) {
    match at {
        Some(at) => sleep(at.saturating_duration_since(clock.now())).await,
        None => std::future::pending().await,
    }
}
