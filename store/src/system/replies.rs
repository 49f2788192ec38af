//! Replies, taken by turns: of each conversation one at a time, in order.

use super::{
    System,
    turns::{BEGIN, Taken, Turn},
};
use crate::{begin::begin, column, error::StoreError};
use common::{
    clock::Clock,
    id::{AccountId, ChannelId, MessageId},
};
use sqlx::{Postgres, Transaction, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A reply taken by one sender until its lease ends; see [`crate::replies::read_claimed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedReply {
    /// The account that answers.
    pub account: AccountId,
    /// Through which channel it leaves.
    pub channel: ChannelId,
    /// The message to send.
    pub message: MessageId,
    /// How often it was taken before. Above zero, an earlier sender may have
    /// handed it to the channel and died before it could say so.
    pub attempts: u32,
}

/// Accounts and queues that this transaction has for itself.
#[derive(Default)]
struct Held {
    accounts: Vec<Uuid>,
    queue_accounts: Vec<Uuid>,
    queues: Vec<Uuid>,
}

impl System {
    /// Takes replies that are due: at most so many in flight of each channel and account, one alone of a
    /// conversation, accounts by turns.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_replies(
        &self,
        turn: &Turn<'_, ChannelId>,
        clock: &dyn Clock,
    ) -> Result<Taken<ClaimedReply, ChannelId>, StoreError> {
        let now = clock.utc();
        // Most turns find nothing: one read without a transaction and without locks tells that.
        if turn.freed.is_empty() && !self.replies_wait(now).await? {
            return Ok(Taken::nothing());
        }
        let mut tx = begin(&self.pool, BEGIN).await?;
        let held = lock_queues(&mut tx, turn, now).await?;
        let work = claim_due(&mut tx, turn, &held, now).await?;
        let more = update_due_times(&mut tx, turn, &held, now).await?;
        let missed = queues_not_locked(&mut tx, turn, &held).await?;
        tx.commit().await?;
        Ok(Taken { work, missed, more })
    }

    async fn replies_wait(&self, now: OffsetDateTime) -> Result<bool, StoreError> {
        Ok(query_scalar!(
            r#"SELECT EXISTS (SELECT FROM reply_accounts WHERE due_at <= $1 AND due_at < 'infinity') AS "waits!""#,
            now
        )
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Takes hold of accounts that are due or have room again, and of their queues. Waits for nobody.
async fn lock_queues(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, ChannelId>,
    now: OffsetDateTime,
) -> Result<Held, StoreError> {
    let freed_accounts: Vec<_> = turn.freed.iter().map(|(account, _)| account.as_uuid()).collect();
    let freed_channels: Vec<_> = turn.freed.iter().map(|(_, channel)| channel.as_uuid()).collect();
    // Accounts first, which whoever adds work locks last: SKIP LOCKED keeps the two from waiting for each other in a
    // circle. A sender that waited would also hold up what it has already.
    let accounts = query_scalar!(
        r#"WITH due AS MATERIALIZED (
               SELECT account_id FROM reply_accounts
               WHERE due_at <= $1 AND due_at < 'infinity' AND account_id <> ALL ($3)
               ORDER BY due_at LIMIT $2
               FOR NO KEY UPDATE SKIP LOCKED
           ), freed AS MATERIALIZED (
               SELECT a.account_id FROM (SELECT DISTINCT id FROM unnest($3::uuid[]) AS u (id)) f
               CROSS JOIN LATERAL (SELECT account_id FROM reply_accounts WHERE account_id = f.id
                                   FOR NO KEY UPDATE SKIP LOCKED) a
           )
           SELECT account_id AS "account_id!" FROM due UNION SELECT account_id FROM freed"#,
        now,
        turn.accounts(),
        &freed_accounts
    )
    .fetch_all(&mut **tx)
    .await?;
    if accounts.is_empty() {
        return Ok(Held::default());
    }
    // Freed queues beside those that are due: a queue whose share was used up is due only when a lease ends, but there
    // is room in it as soon as its sender has finished.
    let rows = query!(
        r#"WITH due AS MATERIALIZED (
               SELECT q.account_id, q.channel_id FROM unnest($1::uuid[]) AS account (id) CROSS JOIN LATERAL (
                   SELECT account_id, channel_id FROM reply_queues
                   WHERE account_id = account.id AND due_at <= $2 AND due_at < 'infinity'
                   ORDER BY due_at LIMIT $3
                   FOR NO KEY UPDATE SKIP LOCKED
               ) q
           ), freed AS MATERIALIZED (
               SELECT q.account_id, q.channel_id
               FROM (SELECT DISTINCT * FROM unnest($4::uuid[], $5::uuid[]) AS u (account_id, channel_id)
                     WHERE u.account_id = ANY ($1)) f
               CROSS JOIN LATERAL (
                   SELECT account_id, channel_id FROM reply_queues
                   WHERE account_id = f.account_id AND channel_id = f.channel_id FOR NO KEY UPDATE SKIP LOCKED
               ) q
           )
           SELECT account_id AS "account_id!", channel_id AS "channel_id!" FROM due
           UNION SELECT account_id, channel_id FROM freed"#,
        &accounts,
        now,
        turn.targets(accounts.len()),
        &freed_accounts,
        &freed_channels
    )
    .fetch_all(&mut **tx)
    .await?;
    let (queue_accounts, queues) = rows.into_iter().map(|row| (row.account_id, row.channel_id)).unzip();
    Ok(Held { accounts, queue_accounts, queues })
}

/// The freed queues that somebody else has. One that is gone is not missed.
async fn queues_not_locked(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, ChannelId>,
    held: &Held,
) -> Result<Vec<(AccountId, ChannelId)>, StoreError> {
    // Looked up: a sender that goes on naming a queue that was deleted would never come to rest.
    let missed = turn.freed.iter().filter(|(_, channel)| !held.queues.contains(&channel.as_uuid()));
    let (accounts, channels): (Vec<_>, Vec<_>) =
        missed.map(|(account, channel)| (account.as_uuid(), channel.as_uuid())).unzip();
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query!(
        "SELECT q.account_id, q.channel_id FROM unnest($1::uuid[], $2::uuid[]) AS u (account_id, channel_id)
         JOIN reply_queues q ON q.account_id = u.account_id AND q.channel_id = u.channel_id",
        &accounts,
        &channels
    )
    .fetch_all(&mut **tx)
    .await?;
    let ids = rows.into_iter();
    Ok(ids.map(|row| (AccountId::from_uuid(row.account_id), ChannelId::from_uuid(row.channel_id))).collect())
}

/// Takes what is due, of each queue in the order of its time, of each account a little of every queue, and first
/// of the accounts that have the least in flight.
/// A second statement: it counts all that the accounts' former holders took.
async fn claim_due(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, ChannelId>,
    held: &Held,
    now: OffsetDateTime,
) -> Result<Vec<ClaimedReply>, StoreError> {
    if held.queues.is_empty() {
        return Ok(Vec::new());
    }
    // What is in flight is counted from the rows themselves, with the lock on the account: a counter kept beside them
    // would be wrong after the first sender that dies. Of a conversation, only the earliest reply has a `due_at`
    // before infinity, so a customer reads them in their order.
    let rows = query!(
        r#"WITH account AS MATERIALIZED (
               SELECT a.id, flying.count AS busy, least($4, $5 - flying.count) AS room
               FROM unnest($1::uuid[], $9::bigint[]) AS a (id, own) CROSS JOIN LATERAL (
                   SELECT greatest(a.own, count(*)) AS count FROM (
                       SELECT FROM replies r WHERE r.account_id = a.id AND r.taken_until > $6
                       ORDER BY r.channel_id, r.taken_until LIMIT $5
                   ) t
               ) flying
           ), candidate AS (
               SELECT r.account_id, r.message_id, r.due_at,
                      row_number() OVER (PARTITION BY r.account_id, r.channel_id ORDER BY r.due_at) AS number
               FROM unnest($2::uuid[], $3::uuid[]) AS held (account_id, channel_id)
               JOIN account ON account.id = held.account_id
               CROSS JOIN LATERAL (
                   SELECT count(*) AS count FROM (
                       SELECT FROM replies r
                       WHERE r.account_id = held.account_id AND r.channel_id = held.channel_id
                         AND r.taken_until > $6
                       ORDER BY r.taken_until LIMIT $7
                   ) t
               ) flying
               CROSS JOIN LATERAL (
                   SELECT account_id, channel_id, message_id, due_at FROM replies r
                   WHERE r.account_id = held.account_id AND r.channel_id = held.channel_id
                     AND r.done_at IS NULL AND r.due_at <= $6 AND r.due_at < 'infinity'
                   ORDER BY r.due_at LIMIT greatest(0, least(account.room, $7 - flying.count))
                   FOR NO KEY UPDATE SKIP LOCKED
               ) r
           ), chosen AS (
               SELECT c.account_id, c.message_id
               FROM (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY number, due_at) AS turn
                     FROM candidate) c
               JOIN account ON account.id = c.account_id AND c.turn <= account.room
               ORDER BY account.busy + c.turn, c.due_at LIMIT $4
           )
           UPDATE replies r SET attempts = r.attempts + 1, due_at = $8, taken_until = $8
           FROM chosen WHERE r.account_id = chosen.account_id AND r.message_id = chosen.message_id
           RETURNING r.account_id, r.channel_id, r.message_id, r.attempts"#,
        &held.accounts,
        &held.queue_accounts,
        &held.queues,
        i64::from(turn.limit),
        i64::from(turn.shares.per_account),
        now,
        i64::from(turn.shares.per_target),
        now + turn.lease,
        &turn.under_way_of(&held.accounts)
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ClaimedReply {
            account: AccountId::from_uuid(row.account_id),
            channel: ChannelId::from_uuid(row.channel_id),
            message: MessageId::from_uuid(row.message_id),
            attempts: column::to_count(row.attempts - 1),
        })
        .collect())
}

/// Sets when the queues and accounts that were looked at are due again; true if one of them is due now.
///
/// Work in flight counts with the end of its lease, so that the work of a sender that died is found again.
async fn update_due_times(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, ChannelId>,
    held: &Held,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    // Computed anew while the locks are held. Never later than something may be taken, or it would lie until somebody
    // adds more; too early costs a look that finds nothing.
    query!(
        r#"UPDATE reply_queues q
           SET due_at = greatest($3, CASE
               WHEN flying.count >= $4 THEN flying.ends_at
               ELSE coalesce((SELECT r.due_at FROM replies r
                              WHERE r.account_id = q.account_id AND r.channel_id = q.channel_id
                                AND r.done_at IS NULL AND r.due_at < 'infinity'
                              ORDER BY r.due_at LIMIT 1), 'infinity') END)
           FROM unnest($1::uuid[], $2::uuid[]) AS held (account_id, channel_id)
           CROSS JOIN LATERAL (
               SELECT count(*) AS count, min(t.taken_until) AS ends_at FROM (
                   SELECT r.taken_until FROM replies r
                   WHERE r.account_id = held.account_id AND r.channel_id = held.channel_id AND r.taken_until > $3
                   ORDER BY r.taken_until LIMIT $4
               ) t
           ) flying
           WHERE q.account_id = held.account_id AND q.channel_id = held.channel_id"#,
        &held.queue_accounts,
        &held.queues,
        now,
        i64::from(turn.shares.per_target)
    )
    .execute(&mut **tx)
    .await?;
    let due = query_scalar!(
        r#"UPDATE reply_accounts a
           SET due_at = greatest($2, CASE
               WHEN flying.count >= $3 THEN coalesce(flying.ends_at, $5)
               ELSE coalesce((SELECT q.due_at FROM reply_queues q
                              WHERE q.account_id = a.account_id AND q.due_at < 'infinity' ORDER BY q.due_at LIMIT 1), 'infinity') END)
           FROM unnest($1::uuid[], $4::bigint[]) AS held (account_id, own)
           CROSS JOIN LATERAL (
               SELECT greatest(held.own, count(*)) AS count, min(t.taken_until) AS ends_at FROM (
                   SELECT r.taken_until FROM replies r
                   WHERE r.account_id = held.account_id AND r.taken_until > $2
                   ORDER BY r.channel_id, r.taken_until LIMIT $3
               ) t
           ) flying
           WHERE a.account_id = held.account_id
           RETURNING a.due_at <= $2 AS "is_due!""#,
        &held.accounts,
        now,
        i64::from(turn.shares.per_account),
        &turn.under_way_of(&held.accounts),
        now + turn.lease
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(due.into_iter().any(|is_due| is_due))
}
