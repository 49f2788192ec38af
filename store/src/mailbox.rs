//! Mailboxes: what must reach a person on whatever device, numbered per user in the order of commit.
//!
//! Entries are written in the transaction that causes them, last: whoever has a mailbox waits for nothing else that
//! such a transaction takes.

use crate::{
    column::{self, Named, Seq, from_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{CallId, RoomId, UserId},
    protocol::mailbox::{ENTRIES_MAX, Entry, EntryKind},
};
use sqlx::{query, query_as};
use std::{collections::BTreeMap, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// How long entries are kept.
///
/// Longer lets people look further back; each entry is a row.
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// An entry that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Whose mailbox it is for.
    pub user: UserId,
    /// What happened.
    pub cause: Cause,
    /// Who wrote, or rang.
    pub from: UserId,
    /// Their name at this time.
    pub name: String,
    /// In which room.
    pub room: RoomId,
}

/// What somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The message with this number mentions them.
    Mention(u64),
    /// They have missed this call.
    CallMissed(CallId),
}

impl Cause {
    const fn kind(self) -> EntryKind {
        match self {
            Self::Mention(_) => EntryKind::Mention,
            Self::CallMissed(_) => EntryKind::CallMissed,
        }
    }
}

/// An entry that was written, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Whose mailbox it is in.
    pub user: UserId,
    /// As their devices see it.
    pub entry: Entry,
}

/// How far a mailbox goes, and how far it was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailboxPosition {
    /// The number of the latest entry; 0 before the first.
    pub last_seq: u64,
    /// Up to which number the user's devices have acknowledged.
    pub acknowledged_seq: u64,
}

/// Entries as columns.
#[derive(Default)]
struct Batch {
    users: Vec<Uuid>,
    kinds: Vec<String>,
    from_ids: Vec<Uuid>,
    from_names: Vec<String>,
    rooms: Vec<Uuid>,
    message_seqs: Vec<Option<i64>>,
    calls: Vec<Option<Uuid>>,
}

impl Batch {
    fn of(new: &[NewEntry]) -> Self {
        let mut batch = Self::default();
        for entry in new {
            let (message_seq, call) = match entry.cause {
                Cause::Mention(seq) => (Some(from_seq(seq)), None),
                Cause::CallMissed(call) => (None, Some(call.as_uuid())),
            };
            batch.users.push(entry.user.as_uuid());
            batch.kinds.push(entry.cause.kind().as_str().to_owned());
            batch.from_ids.push(entry.from.as_uuid());
            batch.from_names.push(column::text(&entry.name).into_owned());
            batch.rooms.push(entry.room.as_uuid());
            batch.message_seqs.push(message_seq);
            batch.calls.push(call);
        }
        batch
    }
}

/// Writes entries, each under its user's next number, and forgets those of the same users that are too many.
///
/// Holds the mailboxes until the transaction ends, so commit soon.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add(
    tx: &mut TenantTx,
    new: &[NewEntry],
    clock: &dyn Clock,
) -> Result<Vec<Delivered>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let (account, batch) = (tx.account_column(), Batch::of(new));
    // Users in one order for everybody, so that no two wait for each other. The bound is computed apart: under Row-Level
    // Security an index is searched only by comparisons that cannot fail.
    let rows = query!(
        r#"WITH new AS (
               SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::bigint[], $8::uuid[])
                   WITH ORDINALITY AS new (user_id, kind, from_id, from_name, room_id, message_seq, call_id, place)
           ), counted AS (
               INSERT INTO mailboxes AS known (account_id, user_id, last_seq)
               SELECT $1, user_id, count(*) FROM new GROUP BY user_id ORDER BY user_id
               ON CONFLICT (account_id, user_id) DO UPDATE SET last_seq = known.last_seq + excluded.last_seq
               RETURNING user_id, last_seq, last_seq - $10 AS forgotten_seq
           ), forgotten AS (
               DELETE FROM mailbox_entries AS old USING counted
               WHERE old.user_id = counted.user_id AND old.seq <= counted.forgotten_seq
           )
           INSERT INTO mailbox_entries
               (account_id, user_id, seq, kind, from_id, from_name, room_id, message_seq, call_id, created_at)
           SELECT $1, new.user_id,
                  counted.last_seq + 1 - row_number() OVER (PARTITION BY new.user_id ORDER BY new.place DESC),
                  new.kind, new.from_id, new.from_name, new.room_id, new.message_seq, new.call_id, $9
           FROM new JOIN counted ON counted.user_id = new.user_id
           RETURNING user_id, seq AS "seq: Seq", kind AS "kind: Named<EntryKind>", from_id, from_name, room_id,
                     message_seq AS "message_seq: Seq", call_id, created_at"#,
        account,
        &batch.users,
        &batch.kinds,
        &batch.from_ids,
        &batch.from_names,
        &batch.rooms,
        &batch.message_seqs as &[Option<i64>],
        &batch.calls as &[Option<Uuid>],
        clock.utc(),
        i64::from(ENTRIES_MAX)
    )
    .fetch_all(tx.connection())
    .await?;
    let delivered = rows.into_iter().map(|row| {
        let entry = Row {
            seq: row.seq,
            kind: row.kind,
            from_id: row.from_id,
            from_name: row.from_name,
            room_id: row.room_id,
            message_seq: row.message_seq,
            call_id: row.call_id,
            created_at: row.created_at,
            is_read: false,
        };
        Delivered { user: row.user_id.into(), entry: entry.into() }
    });
    let mut delivered: Vec<Delivered> = delivered.collect();
    delivered.sort_by_key(|delivered| (delivered.user, delivered.entry.seq));
    Ok(delivered)
}

/// An entry as a row.
struct Row {
    seq: Seq,
    kind: Named<EntryKind>,
    from_id: Uuid,
    from_name: String,
    room_id: Uuid,
    message_seq: Option<Seq>,
    call_id: Option<Uuid>,
    created_at: OffsetDateTime,
    is_read: bool,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            seq: row.seq.into(),
            kind: row.kind.into(),
            from: row.from_id.into(),
            name: row.from_name,
            room_id: row.room_id.into(),
            message_seq: row.message_seq.map(Into::into),
            call_id: row.call_id.map(CallId::from_uuid),
            created_at: row.created_at,
            is_read: row.is_read,
        }
    }
}

/// How far a user's mailbox goes, and how far it was seen.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn position(tx: &mut TenantTx, user: UserId) -> Result<MailboxPosition, StoreError> {
    Ok(positions(tx, &[user]).await?.remove(&user).unwrap_or_default())
}

/// The positions of those of these users who have entries.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn positions(
    tx: &mut TenantTx,
    users: &[UserId],
) -> Result<BTreeMap<UserId, MailboxPosition>, StoreError> {
    let rows = query!(
        r#"SELECT known.user_id, known.last_seq AS "last_seq: Seq", known.acknowledged_seq AS "acknowledged_seq: Seq"
           FROM unnest($1::uuid[]) AS asked (user_id)
           CROSS JOIN LATERAL (SELECT user_id, last_seq, acknowledged_seq FROM mailboxes
                               WHERE user_id = asked.user_id LIMIT 1) AS known"#,
        &column::uuids(users)
    )
    .fetch_all(tx.connection())
    .await?;
    let position = rows.into_iter().map(|row| {
        let (last_seq, acknowledged_seq) = (row.last_seq.into(), row.acknowledged_seq.into());
        (row.user_id.into(), MailboxPosition { last_seq, acknowledged_seq })
    });
    Ok(position.collect())
}

/// A user's latest entries before `before`, the latest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn latest(
    tx: &mut TenantTx,
    user: UserId,
    before: Option<u64>,
    limit: u16,
) -> Result<Vec<Entry>, StoreError> {
    // A mention is seen where it stands, too: what is not read there any more is not unread here.
    let rows = query_as!(
        Row,
        r#"SELECT e.seq AS "seq: Seq", e.kind AS "kind: Named<EntryKind>", e.from_id, e.from_name, e.room_id,
                  e.message_seq AS "message_seq: Seq", e.call_id, e.created_at,
                  (e.seq <= coalesce((SELECT acknowledged_seq FROM mailboxes WHERE user_id = $1), 0)
                   OR (e.message_seq IS NOT NULL AND unread.seq IS NULL)) AS "is_read!"
           FROM (SELECT * FROM mailbox_entries WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3) AS e
           LEFT JOIN LATERAL (SELECT seq FROM unread_mentions
                              WHERE room_id = e.room_id AND user_id = $1 AND seq = e.message_seq LIMIT 1)
               AS unread ON true
           ORDER BY e.seq DESC"#,
        user.as_uuid(),
        before.map_or(i64::MAX, from_seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A user has seen their mailbox up to `seq`, or all of it if it does not go so far: up to where that is, and whether
/// it is further than before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn acknowledge(tx: &mut TenantTx, user: UserId, seq: u64) -> Result<(u64, bool), StoreError> {
    let moved = query!(
        r#"UPDATE mailboxes SET acknowledged_seq = least($2, last_seq)
           WHERE user_id = $1 AND acknowledged_seq < least($2, last_seq)
           RETURNING acknowledged_seq AS "seq: Seq""#,
        user.as_uuid(),
        from_seq(seq)
    )
    .fetch_optional(tx.connection())
    .await?;
    match moved {
        Some(row) => Ok((row.seq.into(), true)),
        None => Ok((position(tx, user).await?.acknowledged_seq, false)),
    }
}

/// Forgets entries that are older than [`KEPT_FOR`].
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn prune(tx: &mut TenantTx, now: OffsetDateTime) -> Result<(), StoreError> {
    query!("DELETE FROM mailbox_entries WHERE created_at < $1", now - KEPT_FOR)
        .execute(tx.connection())
        .await?;
    Ok(())
}
