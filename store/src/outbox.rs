//! The inbox's events, numbered without gaps per account, waiting to be published.
//!
//! Each is written in the transaction that made it true. The account's sequence
//! row is locked by whatever changes the inbox, first thing: so numbers are in
//! the order of commit, and two such transactions queue instead of deadlocking.

use crate::{
    column::{from_seq, to_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    protocol::inbox::{Direction, InboxEvent, Sequenced},
};
use sqlx::{query, query_scalar, types::Json};

/// Takes the account's sequence until the transaction ends, so that changes to the inbox queue.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    // Every function that changes the inbox locks it for itself, and they call each other: a round trip for the first
    // alone.
    if tx.holds_inbox {
        return Ok(());
    }
    // The first lock that such a transaction takes. Whoever locked rows of conversations or contacts before it could
    // wait for the sequence while its holder waits for those rows.
    let held =
        query!("SELECT FROM inbox_sequences FOR NO KEY UPDATE").fetch_optional(tx.connection()).await?;
    if held.is_none() {
        return Err(StoreError::NoAccount);
    }
    tx.holds_inbox = true;
    Ok(())
}

/// Whether workflows of n8n are told: customers' messages only, so that a
/// workflow's own replies cannot call it again.
const fn is_by_a_customer(event: &InboxEvent) -> bool {
    match event {
        InboxEvent::MessageCreated { message, .. } => matches!(message.direction, Direction::Inbound),
        InboxEvent::MessageUpdated { .. }
        | InboxEvent::ConversationUpdated { .. }
        | InboxEvent::NoteCreated { .. }
        | InboxEvent::NoteUpdated { .. }
        | InboxEvent::NoteDeleted { .. }
        | InboxEvent::ConversationErased { .. } => false,
    }
}

/// Writes an event under the account's next number, with the deliveries it causes.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn append(tx: &mut TenantTx, event: &InboxEvent, clock: &dyn Clock) -> Result<u64, StoreError> {
    lock(tx).await?;
    // A row and not a Postgres sequence: a transaction that rolls back gives its number back, so that clients may take
    // a gap for something missed. One statement, because the account's inbox stands still for each round trip.
    let account = tx.account_column();
    let seq = query_scalar!(
        r#"WITH numbered AS (
               UPDATE inbox_sequences SET last_seq = last_seq + 1 RETURNING last_seq
           ), event AS (
               INSERT INTO outbox (account_id, seq, event, created_at)
               SELECT $1, last_seq, $2, $3 FROM numbered RETURNING seq
           ), deliveries AS (
               INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, wanted_at)
               SELECT $1, webhooks.id, event.seq, $3, $3 FROM event, webhooks
               WHERE disabled_at IS NULL AND subject = 'inbox' AND $4 = ANY (events) AND (kind <> 'n8n' OR $5)
           )
           SELECT seq FROM event"#,
        account,
        Json(event) as _,
        clock.utc(),
        event.name(),
        is_by_a_customer(event)
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(to_seq(seq))
}

/// The events that follow number `seq`, in order, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn after(tx: &mut TenantTx, seq: u64, limit: u32) -> Result<Vec<Sequenced>, StoreError> {
    // No lock: numbers are committed in their order, so whatever is seen has everything before it.
    let rows = query!(
        r#"SELECT seq, event AS "event: Json<InboxEvent>" FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2"#,
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| Sequenced { seq: to_seq(row.seq), event: row.event.0 }).collect())
}

/// The number of the account's latest event; 0 before the first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn last_seq(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let seq = query_scalar!("SELECT last_seq FROM inbox_sequences").fetch_optional(tx.connection()).await?;
    Ok(seq.map_or(0, to_seq))
}
