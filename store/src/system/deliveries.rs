//! Deliveries to webhooks, taken by turns.

use super::{
    System,
    turns::{BEGIN, Taken, Turn},
};
use crate::{
    begin::begin,
    column::{self, to_seq},
    error::StoreError,
    webhooks::FAILURES_MAX,
};
use common::{
    clock::Clock,
    id::{AccountId, WebhookId},
};
use sqlx::{Postgres, Transaction, query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A delivery taken by one sender until its lease ends; see [`crate::webhooks::open_delivery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// The account whose webhook it is for.
    pub account: AccountId,
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event's number.
    pub seq: u64,
    /// How often it was taken before.
    pub attempts: u32,
    /// How many of these were before somebody wanted it made again.
    pub forgiven: u32,
    /// Since when it is wanted.
    pub wanted_at: OffsetDateTime,
}

impl ClaimedDelivery {
    /// The how manieth attempt this is, from 1: it tells this sender from the one before and the one after.
    pub const fn number(&self) -> u32 {
        self.attempts.saturating_add(1)
    }

    /// The how manieth attempt this is since the delivery is wanted, from 1.
    pub const fn tries(&self) -> u32 {
        self.number().saturating_sub(self.forgiven)
    }
}

/// Accounts and queues that this transaction has for itself.
#[derive(Default)]
struct Held {
    accounts: Vec<Uuid>,
    queue_accounts: Vec<Uuid>,
    queues: Vec<Uuid>,
}

impl System {
    /// Takes deliveries that are due: at most so many in flight of each webhook and account, one alone of
    /// a webhook that fails again and again, accounts by turns.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_deliveries(
        &self,
        turn: &Turn<'_, WebhookId>,
        clock: &dyn Clock,
    ) -> Result<Taken<ClaimedDelivery, WebhookId>, StoreError> {
        let now = clock.utc();
        // Most turns find nothing: one read without a transaction and without locks tells that.
        if turn.freed.is_empty() && !self.deliveries_wait(now).await? {
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

    async fn deliveries_wait(&self, now: OffsetDateTime) -> Result<bool, StoreError> {
        Ok(query_scalar!(
            r#"SELECT EXISTS (SELECT FROM delivery_accounts WHERE due_at <= $1 AND due_at < 'infinity') AS "waits!""#,
            now
        )
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Takes hold of accounts that are due or have room again, and of their queues. Waits for nobody.
async fn lock_queues(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, WebhookId>,
    now: OffsetDateTime,
) -> Result<Held, StoreError> {
    let freed_accounts: Vec<_> = turn.freed.iter().map(|(account, _)| account.as_uuid()).collect();
    let freed_webhooks: Vec<_> = turn.freed.iter().map(|(_, webhook)| webhook.as_uuid()).collect();
    // Accounts first, which whoever adds work locks last: SKIP LOCKED keeps the two from waiting for each other in a
    // circle. A sender that waited would also hold up what it has already.
    let accounts = query_scalar!(
        r#"WITH due AS MATERIALIZED (
               SELECT account_id FROM delivery_accounts
               WHERE due_at <= $1 AND due_at < 'infinity' AND account_id <> ALL ($3)
               ORDER BY due_at LIMIT $2
               FOR NO KEY UPDATE SKIP LOCKED
           ), freed AS MATERIALIZED (
               SELECT a.account_id FROM (SELECT DISTINCT id FROM unnest($3::uuid[]) AS u (id)) f
               CROSS JOIN LATERAL (SELECT account_id FROM delivery_accounts WHERE account_id = f.id
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
               SELECT q.account_id, q.webhook_id FROM unnest($1::uuid[]) AS account (id) CROSS JOIN LATERAL (
                   SELECT account_id, webhook_id FROM delivery_queues
                   WHERE account_id = account.id AND due_at <= $2 AND due_at < 'infinity'
                   ORDER BY due_at LIMIT $3
                   FOR NO KEY UPDATE SKIP LOCKED
               ) q
           ), freed AS MATERIALIZED (
               SELECT q.account_id, q.webhook_id
               FROM (SELECT DISTINCT * FROM unnest($4::uuid[], $5::uuid[]) AS u (account_id, webhook_id)
                     WHERE u.account_id = ANY ($1)) f
               CROSS JOIN LATERAL (
                   SELECT account_id, webhook_id FROM delivery_queues
                   WHERE account_id = f.account_id AND webhook_id = f.webhook_id FOR NO KEY UPDATE SKIP LOCKED
               ) q
           )
           SELECT account_id AS "account_id!", webhook_id AS "webhook_id!" FROM due
           UNION SELECT account_id, webhook_id FROM freed"#,
        &accounts,
        now,
        turn.targets(accounts.len()),
        &freed_accounts,
        &freed_webhooks
    )
    .fetch_all(&mut **tx)
    .await?;
    let (queue_accounts, queues) = rows.into_iter().map(|row| (row.account_id, row.webhook_id)).unzip();
    Ok(Held { accounts, queue_accounts, queues })
}

/// The freed queues that somebody else has. One that is gone is not missed.
async fn queues_not_locked(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, WebhookId>,
    held: &Held,
) -> Result<Vec<(AccountId, WebhookId)>, StoreError> {
    // Looked up: a sender that goes on naming a queue that was deleted would never come to rest.
    let missed = turn.freed.iter().filter(|(_, webhook)| !held.queues.contains(&webhook.as_uuid()));
    let (accounts, webhooks): (Vec<_>, Vec<_>) =
        missed.map(|(account, webhook)| (account.as_uuid(), webhook.as_uuid())).unzip();
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query!(
        "SELECT q.account_id, q.webhook_id FROM unnest($1::uuid[], $2::uuid[]) AS u (account_id, webhook_id)
         JOIN delivery_queues q ON q.account_id = u.account_id AND q.webhook_id = u.webhook_id",
        &accounts,
        &webhooks
    )
    .fetch_all(&mut **tx)
    .await?;
    let ids = rows.into_iter();
    Ok(ids.map(|row| (row.account_id.into(), row.webhook_id.into())).collect())
}

/// Takes what is due, of each queue in the order of its time, of each account a little of every queue, and first
/// of the accounts that have the least in flight.
/// A second statement: it counts all that the accounts' former holders took.
async fn claim_due(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, WebhookId>,
    held: &Held,
    now: OffsetDateTime,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    if held.queues.is_empty() {
        return Ok(Vec::new());
    }
    // What is in flight is counted from the rows themselves, with the lock on the account: a counter kept beside them
    // would be wrong after the first sender that dies.
    let rows = query_as!(
        Row,
        r#"WITH account AS MATERIALIZED (
               SELECT a.id, flying.count AS busy, least($4, $5 - flying.count) AS room
               FROM unnest($1::uuid[], $10::bigint[]) AS a (id, own) CROSS JOIN LATERAL (
                   SELECT greatest(a.own, count(*)) AS count FROM (
                       SELECT FROM webhook_deliveries d WHERE d.account_id = a.id AND d.taken_until > $6
                       ORDER BY d.webhook_id, d.taken_until LIMIT $5
                   ) t
               ) flying
           ), candidate AS (
               SELECT d.account_id, d.webhook_id, d.seq, d.due_at,
                      row_number() OVER (PARTITION BY d.account_id, d.webhook_id ORDER BY d.due_at, d.seq) AS number
               FROM unnest($2::uuid[], $3::uuid[]) AS held (account_id, webhook_id)
               JOIN account ON account.id = held.account_id
               CROSS JOIN LATERAL (
                   SELECT account_id, webhook_id, CASE WHEN failures >= $7 THEN 1 ELSE $8::bigint END AS share
                   FROM delivery_queues q
                   WHERE q.account_id = held.account_id AND q.webhook_id = held.webhook_id AND held_until <= $6
               ) queue
               CROSS JOIN LATERAL (
                   SELECT count(*) AS count FROM (
                       SELECT FROM webhook_deliveries d
                       WHERE d.account_id = queue.account_id AND d.webhook_id = queue.webhook_id
                         AND d.taken_until > $6
                       ORDER BY d.taken_until LIMIT $8
                   ) t
               ) flying
               CROSS JOIN LATERAL (
                   SELECT account_id, webhook_id, seq, due_at FROM webhook_deliveries d
                   WHERE d.account_id = queue.account_id AND d.webhook_id = queue.webhook_id
                     AND d.done_at IS NULL AND d.due_at <= $6
                   ORDER BY d.due_at, d.seq LIMIT greatest(0, least(account.room, queue.share - flying.count))
                   FOR NO KEY UPDATE SKIP LOCKED
               ) d
           ), chosen AS (
               SELECT c.account_id, c.webhook_id, c.seq
               FROM (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY number, due_at) AS turn
                     FROM candidate) c
               JOIN account ON account.id = c.account_id AND c.turn <= account.room
               ORDER BY account.busy + c.turn, c.due_at LIMIT $4
           )
           UPDATE webhook_deliveries d SET attempts = d.attempts + 1, due_at = $9, taken_until = $9
           FROM chosen
           WHERE d.account_id = chosen.account_id AND d.webhook_id = chosen.webhook_id AND d.seq = chosen.seq
           RETURNING d.account_id, d.webhook_id, d.seq, d.attempts, d.forgiven, d.wanted_at"#,
        &held.accounts,
        &held.queue_accounts,
        &held.queues,
        i64::from(turn.limit),
        i64::from(turn.shares.per_account),
        now,
        FAILURES_COLUMN,
        i64::from(turn.shares.per_target),
        now + turn.lease,
        &turn.under_way_of(&held.accounts)
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(ClaimedDelivery::from).collect())
}

struct Row {
    account_id: AccountId,
    webhook_id: WebhookId,
    seq: i64,
    attempts: i32,
    forgiven: i32,
    wanted_at: OffsetDateTime,
}

impl From<Row> for ClaimedDelivery {
    fn from(row: Row) -> Self {
        Self {
            account: row.account_id,
            webhook: row.webhook_id,
            seq: to_seq(row.seq),
            attempts: column::to_count(row.attempts - 1),
            forgiven: column::to_count(row.forgiven),
            wanted_at: row.wanted_at,
        }
    }
}

/// [`FAILURES_MAX`] as a column.
const FAILURES_COLUMN: i32 = FAILURES_MAX.cast_signed();

/// Sets when the queues and accounts that were looked at are due again; true if one of them is due now.
///
/// Work in flight counts with the end of its lease, so that the work of a sender that died is found again.
async fn update_due_times(
    tx: &mut Transaction<'static, Postgres>,
    turn: &Turn<'_, WebhookId>,
    held: &Held,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    // Computed anew while the locks are held. Never later than something may be taken, or it would lie until somebody
    // adds more; too early costs a look that finds nothing.
    query!(
        r#"UPDATE delivery_queues q
           SET due_at = greatest($3, q.held_until, CASE
               WHEN flying.count >= CASE WHEN q.failures >= $4 THEN 1 ELSE $5::bigint END THEN flying.ends_at
               ELSE coalesce((SELECT d.due_at FROM webhook_deliveries d
                              WHERE d.account_id = q.account_id AND d.webhook_id = q.webhook_id AND d.done_at IS NULL
                              ORDER BY d.due_at LIMIT 1), 'infinity') END)
           FROM unnest($1::uuid[], $2::uuid[]) AS held (account_id, webhook_id)
           CROSS JOIN LATERAL (
               SELECT count(*) AS count, min(t.taken_until) AS ends_at FROM (
                   SELECT d.taken_until FROM webhook_deliveries d
                   WHERE d.account_id = held.account_id AND d.webhook_id = held.webhook_id AND d.taken_until > $3
                   ORDER BY d.taken_until LIMIT $5
               ) t
           ) flying
           WHERE q.account_id = held.account_id AND q.webhook_id = held.webhook_id"#,
        &held.queue_accounts,
        &held.queues,
        now,
        FAILURES_COLUMN,
        i64::from(turn.shares.per_target)
    )
    .execute(&mut **tx)
    .await?;
    let due = query_scalar!(
        r#"UPDATE delivery_accounts a
           SET due_at = greatest($2, CASE
               WHEN flying.count >= $3 THEN coalesce(flying.ends_at, $5)
               ELSE coalesce((SELECT q.due_at FROM delivery_queues q
                              WHERE q.account_id = a.account_id AND q.due_at < 'infinity' ORDER BY q.due_at LIMIT 1), 'infinity') END)
           FROM unnest($1::uuid[], $4::bigint[]) AS held (account_id, own)
           CROSS JOIN LATERAL (
               SELECT greatest(held.own, count(*)) AS count, min(t.taken_until) AS ends_at FROM (
                   SELECT d.taken_until FROM webhook_deliveries d
                   WHERE d.account_id = held.account_id AND d.taken_until > $2
                   ORDER BY d.webhook_id, d.taken_until LIMIT $3
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
