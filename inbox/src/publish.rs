//! From the outbox to agents' screens, each account's events in order.

use crate::context::Inbox;
use common::{error::Chain, subject::inbox::InboxTopic};
use store::StoreError;
use tracing::debug;

/// Events that a worker takes at once.
const BATCH: u16 = 512;

/// Takes some events and publishes them; how many there were.
pub(crate) async fn step(inbox: Inbox) -> Result<usize, StoreError> {
    let claim = inbox.store().system().claim_outbox(BATCH).await?;
    let count = claim.rows.len();
    for row in &claim.rows {
        // While the bus is away this instance hears it, and the others look at the
        // store, at the latest once the bus is back and says so: it counts as published.
        if let Err(error) = inbox.bus().publish(&InboxTopic(row.account), &row.event).await {
            debug!(account.id = %row.account, error = %Chain(&error), "Only this instance was told of an event");
        }
    }
    if count > 0 {
        claim.mark_published(count, inbox.clock()).await?;
        metrics::counter!("inbox_events_published_total").increment(u64::try_from(count).unwrap_or(0));
    }
    Ok(count)
}
