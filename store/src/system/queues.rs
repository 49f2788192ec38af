//! Events to be published.

use super::{System, raw_events::share};
use crate::{
    begin::begin,
    column::{self, to_seq},
    error::StoreError,
};
use common::{
    clock::Clock,
    id::AccountId,
    protocol::inbox::{InboxEvent, Sequenced},
};
use sqlx::{Postgres, Transaction, query, query_scalar, types::Json};

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

impl System {
    /// Takes about `limit` events that are not published yet, as many of each account, of accounts that no
    /// other publisher has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_outbox(&self, limit: u16) -> Result<OutboxClaim, StoreError> {
        let mut tx = begin(&self.pool, "BEGIN").await?;
        // MATERIALIZED, so that the sort is over before the first lock is tried. Tried below the sort, it would lock
        // every waiting account, and other publishers would find nothing. Two accounts with the same hash exclude each
        // other, which costs only time.
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
}

impl OutboxClaim {
    /// Records that the first `count` rows are published and gives the accounts back.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then they will be published again.
    pub async fn mark_published(mut self, count: usize, clock: &dyn Clock) -> Result<(), StoreError> {
        // In the transaction that has the locks: the accounts become free in the moment in which their events count as
        // published, so no other publisher reads them again.
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
