//! Snoozed conversations come back when their time has come.

use crate::role::Inbox;
use common::subject::inbox::Work;
use store::{StoreError, conversations};

/// Conversations that are opened at once.
const BATCH: u16 = 64;

/// Opens some whose time has come; how many there were.
pub(crate) async fn step(inbox: Inbox) -> Result<usize, StoreError> {
    let due = inbox.store().system().due_conversations(BATCH, inbox.clock()).await?;
    let count = due.len();
    for (account, conversation) in due {
        let mut tx = inbox.store().tenant(account).await?;
        // Another instance, or the customer, may have been first.
        conversations::end_snooze(&mut tx, conversation, inbox.clock()).await?;
        tx.commit().await?;
    }
    if count > 0 {
        inbox.hint(Work::Outbox).await;
    }
    Ok(count)
}
