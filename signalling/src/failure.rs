//! What is answered to a request that failed for another part's sake, and what is logged of it, once.

use bus::BusError;
use common::{
    error::{Chain, ErrorCode, Fault},
    protocol::Failure,
};
use store::StoreError;
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
