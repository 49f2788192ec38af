//! Webhooks: kept before they are acknowledged, taken by one worker at a time per account.

use super::System;
use crate::{begin::begin, column, error::StoreError};
use common::{
    clock::Clock,
    id::{AccountId, ChannelId, RawEventId},
};
use sqlx::{Postgres, Transaction, query, query_scalar};
use std::collections::HashMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// The name space of the advisory locks by which a worker has an account for itself.
const ACCOUNT_LOCKS: i32 = 0x5357_0001;

/// How many channels a worker takes at once: few, so that other workers find some too.
const CHANNELS_MAX: i64 = 8;

/// The bytes of bodies that a worker takes at once, beside the first body of each account.
///
/// More saves round trips for large bodies; fewer leaves more memory to others.
const BYTES_MAX: i64 = 8 * 1024 * 1024;

/// A webhook's body, its signature checked.
#[derive(Debug, Clone, Copy)]
pub struct NewRawEvent<'a> {
    /// Whose channel.
    pub account: AccountId,
    /// The channel that the body came to.
    pub channel: ChannelId,
    /// The bytes as they came.
    pub body: &'a [u8],
    /// Their SHA-256, by which a repeated delivery is known.
    pub sha256: &'a [u8; 32],
}

/// A webhook's body to be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// Its id, to finish it by.
    pub id: RawEventId,
    /// The account of the channel.
    pub account: AccountId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// How often processing it has failed.
    pub attempts: u32,
}

/// Events taken by one worker.
///
/// While it lives no other worker gets events of the same accounts, so that
/// they are processed in order and no account keeps several workers busy. It is
/// a transaction without row locks: if the worker dies, its connection ends and
/// everything is free again.
#[derive(Debug)]
pub struct RawEventClaim {
    tx: Transaction<'static, Postgres>,
    /// The account of each event, kept here because `events` may be taken out.
    accounts: HashMap<RawEventId, AccountId>,
    /// What to process: one of each account by turns, of each the oldest first. Finish each with
    /// [`crate::raw_events::finish`] in its account's transaction; what is not is taken again.
    pub events: Vec<RawEvent>,
}

impl System {
    /// Keeps a webhook's body. Once this returns, it can be acknowledged.
    ///
    /// True if it is new, false if the same bytes came through the channel before.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then it must not be acknowledged.
    pub async fn insert_raw_event(
        &self,
        event: &NewRawEvent<'_>,
        clock: &dyn Clock,
    ) -> Result<bool, StoreError> {
        // Outside of any transaction: when this returns, it is committed, and the provider may be answered. Providers
        // repeat what they had no answer to; the digest makes that one row.
        let inserted = query!(
            "INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (channel_id, sha256) DO NOTHING",
            event.account.as_uuid(),
            RawEventId::generate(clock).as_uuid(),
            event.channel.as_uuid(),
            event.body,
            event.sha256.as_slice(),
            clock.utc()
        )
        .execute(&self.pool)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// Takes about `limit` events that are due, as many of each channel, of accounts that no other worker has, and
    /// fewer if they are large.
    ///
    /// Drop the claim, or [`release`](RawEventClaim::release) it, when all are processed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_raw_events(&self, limit: u16, clock: &dyn Clock) -> Result<RawEventClaim, StoreError> {
        let now = clock.utc();
        let mut tx = begin(&self.pool, "BEGIN").await?;
        // MATERIALIZED, so that the sort is over before the first lock is tried: only as many accounts are locked as
        // are taken. They are ordered by turns, the first channel of each account before anybody's second, so that an
        // account with many channels does not take all places.
        let channels = query_scalar!(
            // From channel to channel, however many events each has; one step of the recursion reads one entry
            // of the index, and one more tells whether the channel has anything that is due.
            r#"WITH RECURSIVE channel (id) AS (
                   (SELECT channel_id FROM raw_events WHERE processed_at IS NULL AND attempts >= 0 ORDER BY channel_id LIMIT 1)
                   UNION ALL
                   SELECT next.channel_id FROM channel CROSS JOIN LATERAL (
                       SELECT channel_id FROM raw_events
                       WHERE processed_at IS NULL AND attempts >= 0 AND channel_id > channel.id ORDER BY channel_id LIMIT 1
                   ) next
               ), waiting AS MATERIALIZED (
                   SELECT channel.id, oldest.account_id FROM channel CROSS JOIN LATERAL (
                       SELECT account_id, due_at FROM raw_events
                       WHERE processed_at IS NULL AND attempts >= 0 AND channel_id = channel.id AND due_at <= $1
                       ORDER BY due_at LIMIT 1
                   ) oldest
                   ORDER BY row_number() OVER (PARTITION BY oldest.account_id ORDER BY oldest.due_at), oldest.due_at
               )
               SELECT id AS "id!" FROM waiting
               WHERE pg_try_advisory_xact_lock($2, hashtext(account_id::text)) LIMIT $3"#,
            now,
            ACCOUNT_LOCKS,
            CHANNELS_MAX
        )
        .fetch_all(&mut *tx)
        .await?;
        if channels.is_empty() {
            return Ok(RawEventClaim { tx, accounts: HashMap::new(), events: Vec::new() });
        }
        // A second statement: it sees all that the accounts' former workers committed. `attempts` is
        // not mentioned: see the index on what is due.
        // The first body of each account is taken however long it is: a limit on bytes alone would leave one that
        // exceeds it waiting for ever.
        let rows = query!(
            r#"WITH waiting AS MATERIALIZED (
                   SELECT e.*, row_number() OVER (PARTITION BY e.account_id ORDER BY e.received_at, e.id) AS turn
                   FROM unnest($1::uuid[]) AS channel (id) CROSS JOIN LATERAL (
                       SELECT * FROM raw_events
                       WHERE channel_id = channel.id AND processed_at IS NULL AND due_at <= $2
                       ORDER BY received_at, raw_events.id LIMIT $3
                   ) e
               ), counted AS (
                   SELECT *, sum(length(body)) OVER (ORDER BY turn, received_at, id) AS bytes FROM waiting
               )
               SELECT id AS "id!", account_id AS "account_id!", channel_id AS "channel_id!", body AS "body!", attempts AS "attempts!"
               FROM counted WHERE turn = 1 OR bytes <= $4
               ORDER BY turn, received_at, id"#,
            &channels,
            now,
            share(limit, channels.len()),
            BYTES_MAX
        )
        .fetch_all(&mut *tx)
        .await?;
        let events: Vec<_> = rows
            .into_iter()
            .map(|row| RawEvent {
                id: RawEventId::from_uuid(row.id),
                account: AccountId::from_uuid(row.account_id),
                channel: ChannelId::from_uuid(row.channel_id),
                body: row.body,
                attempts: column::to_count(row.attempts),
            })
            .collect();
        let accounts = events.iter().map(|event| (event.id, event.account)).collect();
        Ok(RawEventClaim { tx, accounts, events })
    }
}

/// The part of `limit` that each of `takers` gets, so that a busy one leaves room for the others.
pub(super) fn share(limit: u16, takers: usize) -> i64 {
    i64::from(limit).checked_div(i64::try_from(takers).unwrap_or(i64::MAX)).unwrap_or(0).max(1)
}

impl RawEventClaim {
    /// The account of an event of this claim; of another's there is none, and NULL is no row's account.
    fn account(&self, id: RawEventId) -> Option<Uuid> {
        self.accounts.get(&id).map(|account| account.as_uuid())
    }

    /// Processing failed for now: try again at `due_at`. Later events of the channel overtake it.
    ///
    /// The account's transaction must have ended, or this waits for it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn postpone(
        &mut self,
        id: RawEventId,
        error: &str,
        due_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        // In the claim's own transaction, not the account's: that one has rolled back what failed, and this must stay.
        query!(
            "UPDATE raw_events SET attempts = attempts + 1, due_at = $3, error = $4
             WHERE account_id = $1 AND id = $2 AND (processed_at IS NULL)::integer = 1",
            self.account(id),
            id.as_uuid(),
            due_at,
            &*column::text(error)
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Processing will never succeed: it is kept with its `error` and not tried again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn give_up(
        &mut self,
        id: RawEventId,
        error: &str,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        query!(
            "UPDATE raw_events SET attempts = attempts + 1, processed_at = $3, error = $4
             WHERE account_id = $1 AND id = $2 AND (processed_at IS NULL)::integer = 1",
            self.account(id),
            id.as_uuid(),
            clock.utc(),
            &*column::text(error)
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Gives the accounts back, keeping what was postponed or given up.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then postponed events are due again at once.
    pub async fn release(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}
