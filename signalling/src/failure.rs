//! What is answered to a request that failed for another part's sake, and what is logged of it, once.

use bus::BusError;
use common::{
    error::{Chain, ErrorCode, Fault},
    protocol::Failure,
};
use std::time::Duration;
use store::StoreError;
use tokio::time::timeout;
use tracing::{debug, error, warn};

/// The answer to a request that failed for the store's sake; logged here, once.
pub(crate) fn store_failed(error: &StoreError) -> Failure {
    if error.is_away() || error.is_conflict() {
        warn!(error = %Chain(error), "The store is away, or was busy with another");
        return Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the store is away; try again");
    }
    error!(error = %Chain(error), "The store failed");
    Failure::internal()
}

/// Why something is not known that the store would say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its host may be gone without a word; other connections reach another one by now.
    #[error("the store does not answer")]
    Silent,
}

/// What is read, unless that takes longer than `limit`.
pub(crate) async fn answered_within<T>(
    limit: Duration,
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Unread> {
    Ok(timeout(limit, reading).await.map_err(|_| Unread::Silent)??)
}

/// The answer to a request for which something was not read; logged here, once.
pub(crate) fn unread(error: &Unread) -> Failure {
    match error {
        Unread::Store(error) => store_failed(error),
        Unread::Silent => {
            warn!(error = %Chain(error), "The store is away");
            Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the store is away; try again")
        }
    }
}

/// The answer to a request that failed for the bus's sake; logged here, once.
pub(crate) fn bus_failed(error: &BusError) -> Failure {
    warn!(error = %Chain(error), "The bus failed");
    Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "another part is away; try again")
}

/// While the bus is away only this instance is told. What is stored others find in the store, who is there by
/// comparing when the bus is back; the rest they do not hear.
pub(crate) fn published(outcome: Result<(), BusError>) {
    if let Err(error) = outcome {
        debug!(error = %Chain(&error), "Only this instance was told");
    }
}

/// What does not exist in the caller's account looks like what does not exist at all.
pub(crate) fn not_found(what: &str) -> Failure {
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, format!("there is no such {what}"))
}
