//! Events to be published, replies to be sent, deliveries to be made.

use super::{System, raw_events::share};
use crate::{
    column::{self, to_seq},
    error::StoreError,
};
use common::{
    clock::Clock,
    id::{AccountId, MessageId, WebhookId},
    protocol::inbox::{InboxEvent, Sequenced},
};
use sqlx::{Postgres, Transaction, query, query_scalar, types::Json};
use std::time::Duration;

/// The name space of the advisory locks by which a publisher has an account for itself.
const ACCOUNT_LOCKS: i32 = 0x5357_0002;

/// How many accounts a publisher takes at once: few, so that other publishers find some too.
const ACCOUNTS_MAX: i64 = 32;

/// An event to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Whose inbox.
    pub account: AccountId,
    /// What happened, with its number.
    pub event: Sequenced,
}

/// Events taken by one publisher.
///
/// While it lives no other publisher gets events of the same accounts, so that
/// each account's are published in order. If the publisher dies, its
/// connection ends and they are free again at once.
#[derive(Debug)]
pub struct OutboxClaim {
    tx: Transaction<'static, Postgres>,
    /// What to publish, in this order: account by account, by number.
    pub rows: Vec<OutboxRow>,
}

/// A reply taken by one sender until its lease ends; see [`crate::replies::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedReply {
    /// Whose it is.
    pub account: AccountId,
    /// The message to send.
    pub message: MessageId,
    /// How often it was taken before. Above zero, an earlier sender may have
    /// handed it to the channel and died before it could say so.
    pub attempts: u32,
}

/// A delivery taken by one sender until its lease ends; see [`crate::webhooks::open_delivery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Whose it is.
    pub account: AccountId,
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event's number.
    pub seq: u64,
    /// How often it was taken before.
    pub attempts: u32,
}

impl System {
    /// Takes about `limit` events that are not published yet, as many of each account, of accounts that no
    /// other publisher has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_outbox(&self, limit: u16) -> Result<OutboxClaim, StoreError> {
        let mut tx = self.pool.begin().await?;
        let accounts = query_scalar!(
            // From account to account, however many events each has.
            r#"WITH RECURSIVE account (id, since) AS (
                   (SELECT account_id, created_at FROM outbox WHERE published_at IS NULL
                    ORDER BY account_id, seq LIMIT 1)
                   UNION ALL
                   SELECT next.account_id, next.created_at FROM account CROSS JOIN LATERAL (
                       SELECT account_id, created_at FROM outbox
                       WHERE published_at IS NULL AND account_id > account.id ORDER BY account_id, seq LIMIT 1
                   ) next
               ), waiting AS MATERIALIZED (
                   SELECT id FROM account ORDER BY since
               )
               SELECT id AS "id!" FROM waiting
               WHERE pg_try_advisory_xact_lock($1, hashtext(id::text)) LIMIT $2"#,
            ACCOUNT_LOCKS,
            ACCOUNTS_MAX
        )
        .fetch_all(&mut *tx)
        .await?;
        if accounts.is_empty() {
            return Ok(OutboxClaim { tx, rows: Vec::new() });
        }
        // A second statement: it sees all that the accounts' former publishers committed.
        let rows = query!(
            r#"SELECT o.account_id, o.seq, o.event AS "event: Json<InboxEvent>"
               FROM unnest($1::uuid[]) AS account (id) CROSS JOIN LATERAL (
                   SELECT account_id, seq, event FROM outbox
                   WHERE account_id = account.id AND published_at IS NULL ORDER BY seq LIMIT $2
               ) o
               ORDER BY o.account_id, o.seq"#,
            &accounts,
            share(limit, accounts.len())
        )
        .fetch_all(&mut *tx)
        .await?;
        let rows = rows
            .into_iter()
            .map(|row| OutboxRow {
                account: AccountId::from_uuid(row.account_id),
                event: Sequenced { seq: to_seq(row.seq), event: row.event.0 },
            })
            .collect();
        Ok(OutboxClaim { tx, rows })
    }

    /// Takes up to `limit` replies that are due, for `lease`.
    ///
    /// Of each conversation only the oldest that is not done, so that replies leave in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_replies(
        &self,
        limit: u16,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Vec<ClaimedReply>, StoreError> {
        let now = clock.utc();
        let rows = query!(
            r#"WITH due AS (
                   SELECT account_id, message_id FROM replies r
                   WHERE done_at IS NULL AND due_at <= $1
                     AND NOT EXISTS (SELECT FROM replies earlier
                         WHERE earlier.account_id = r.account_id AND earlier.conversation_id = r.conversation_id
                           AND earlier.done_at IS NULL AND earlier.seq < r.seq)
                   ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
               )
               UPDATE replies SET attempts = attempts + 1, due_at = $2
               FROM due WHERE replies.account_id = due.account_id AND replies.message_id = due.message_id
               RETURNING replies.account_id, replies.message_id, replies.attempts"#,
            now,
            now + lease,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| ClaimedReply {
                account: AccountId::from_uuid(row.account_id),
                message: MessageId::from_uuid(row.message_id),
                attempts: column::to_count(row.attempts - 1),
            })
            .collect())
    }

    /// Takes up to `limit` deliveries that are due, for `lease`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_deliveries(
        &self,
        limit: u16,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let now = clock.utc();
        let rows = query!(
            r#"WITH due AS (
                   SELECT account_id, webhook_id, seq FROM webhook_deliveries
                   WHERE done_at IS NULL AND due_at <= $1
                   ORDER BY due_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
               )
               UPDATE webhook_deliveries d SET attempts = d.attempts + 1, due_at = $2
               FROM due
               WHERE d.account_id = due.account_id AND d.webhook_id = due.webhook_id AND d.seq = due.seq
               RETURNING d.account_id, d.webhook_id, d.seq, d.attempts"#,
            now,
            now + lease,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| ClaimedDelivery {
                account: AccountId::from_uuid(row.account_id),
                webhook: WebhookId::from_uuid(row.webhook_id),
                seq: to_seq(row.seq),
                attempts: column::to_count(row.attempts - 1),
            })
            .collect())
    }
}

impl OutboxClaim {
    /// Records that the first `count` rows are published and gives the accounts back.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then they will be published again.
    pub async fn mark_published(mut self, count: usize, clock: &dyn Clock) -> Result<(), StoreError> {
        let published = || self.rows.iter().take(count);
        let accounts: Vec<_> = published().map(|row| row.account.as_uuid()).collect();
        let seqs: Vec<_> = published().map(|row| column::from_seq(row.event.seq)).collect();
        query!(
            "UPDATE outbox SET published_at = $3
             FROM unnest($1::uuid[], $2::bigint[]) AS published (account_id, seq)
             WHERE outbox.account_id = published.account_id AND outbox.seq = published.seq",
            &accounts,
            &seqs,
            clock.utc()
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(self.tx.commit().await?)
    }
}
