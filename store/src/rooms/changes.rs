//! Changes of messages: they take numbers of the room's sequence, as new messages do.
//!
//! Who changes messages [holds](super::hold_open) their rooms, reads them, decides, and writes what has come of
//! it. All of it for many messages at once: a group of changes costs no more statements than one.

use super::{
    attachments,
    messages::{MessageRow, message_of},
};
use crate::{
    column::{self, Seq, from_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    id::{RoomId, UserId},
    protocol::room::{Reaction, RoomAttachment, RoomMessage},
    room::RoomEntry,
};
use sqlx::{query, types::Json};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// Somebody who reacts to a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reactor {
    /// The room.
    pub room: RoomId,
    /// The number of the message.
    pub seq: u64,
    /// With what they react.
    pub emoji: String,
    /// Who.
    pub user: UserId,
}

/// A message that has changed.
#[derive(Debug, Clone)]
pub struct Revised {
    /// Its room.
    pub room: RoomId,
    /// As it is to be. If it is deleted, its reactions and attachments go whether they are named here or not; else its
    /// attachments stay.
    pub message: RoomMessage,
    /// Who reacts and did not, with what.
    pub added: Vec<(String, UserId)>,
    /// Who reacts no longer.
    pub removed: Vec<(String, UserId)>,
    /// Whom it mentions no longer.
    pub unmentioned: Vec<UserId>,
}

/// Those of these messages that there are, by room and number.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_messages(
    tx: &mut TenantTx,
    wanted: &BTreeSet<(RoomId, u64)>,
) -> Result<BTreeMap<(RoomId, u64), RoomMessage>, StoreError> {
    let rooms: Vec<Uuid> = wanted.iter().map(|(room, _)| room.as_uuid()).collect();
    let seqs: Vec<i64> = wanted.iter().map(|(_, seq)| from_seq(*seq)).collect();
    // The next one from there on, in the order of the numbers: of the two indexes that begin with the room, Postgres
    // would otherwise take the one without the number.
    let rows = query!(
        r#"SELECT m.room_id, m.id, m.seq AS "seq: Seq", m.user_id, m.user_name AS name, m.text, m.created_at,
                  m.reply_to AS "reply_to: Seq", m.mentions,
                  m.attachments AS "attachments: Json<Vec<RoomAttachment>>", m.edited_at, m.deleted_at,
                  m.reactions AS "reactions: Json<Vec<Reaction>>"
           FROM unnest($1::uuid[], $2::bigint[]) AS wanted (room_id, seq)
           CROSS JOIN LATERAL (SELECT * FROM room_messages
                               WHERE room_id = wanted.room_id AND seq >= wanted.seq ORDER BY seq LIMIT 1) AS m
           WHERE m.seq = wanted.seq"#,
        &rooms,
        &seqs
    )
    .fetch_all(tx.connection())
    .await?;
    let found = rows.into_iter().map(|row| {
        let message = message_of!(row);
        ((row.room_id.into(), message.seq), message)
    });
    Ok(found.collect())
}

/// Reactions as columns.
#[derive(Default)]
struct Reactors {
    rooms: Vec<Uuid>,
    seqs: Vec<i64>,
    emojis: Vec<String>,
    users: Vec<Uuid>,
}

impl Reactors {
    fn push(&mut self, room: RoomId, seq: u64, emoji: &str, user: UserId) {
        self.rooms.push(room.as_uuid());
        self.seqs.push(from_seq(seq));
        self.emojis.push(column::text(emoji).into_owned());
        self.users.push(user.as_uuid());
    }
}

/// Those of these who react.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn reacted(tx: &mut TenantTx, asked: &BTreeSet<Reactor>) -> Result<BTreeSet<Reactor>, StoreError> {
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut columns = Reactors::default();
    asked.iter().for_each(|reactor| {
        columns.push(reactor.room, reactor.seq, &reactor.emoji, reactor.user);
    });
    let rows = query!(
        r#"SELECT r.room_id, r.message_seq AS "seq: Seq", r.emoji, r.user_id
           FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[]) AS asked (room_id, message_seq, emoji, user_id)
           CROSS JOIN LATERAL (SELECT * FROM room_reactions
                               WHERE room_id = asked.room_id AND message_seq = asked.message_seq
                                   AND emoji = asked.emoji AND user_id = asked.user_id LIMIT 1) AS r"#,
        &columns.rooms,
        &columns.seqs,
        &columns.emojis,
        &columns.users
    )
    .fetch_all(tx.connection())
    .await?;
    let found = rows.into_iter().map(|row| Reactor {
        room: row.room_id.into(),
        seq: row.seq.into(),
        emoji: row.emoji,
        user: row.user_id.into(),
    });
    Ok(found.collect())
}

/// Stores messages as they are to be, each change under its room's next number. The rooms are held.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revise(tx: &mut TenantTx, revised: &[Revised]) -> Result<Vec<RoomEntry>, StoreError> {
    if revised.is_empty() {
        return Ok(Vec::new());
    }
    write(tx, revised).await?;
    unreact(tx, revised).await?;
    react(tx, revised).await?;
    unmention(tx, revised).await?;
    number(tx, revised).await
}

async fn write(tx: &mut TenantTx, revised: &[Revised]) -> Result<(), StoreError> {
    let (mut rooms, mut seqs, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut edited, mut deleted, mut reactions) = (Vec::new(), Vec::new(), Vec::new());
    for Revised { room, message, .. } in revised {
        rooms.push(room.as_uuid());
        seqs.push(from_seq(message.seq));
        texts.push(column::text(&message.text).into_owned());
        edited.push(message.edited_at);
        deleted.push(message.deleted_at);
        reactions.push((!message.reactions.is_empty()).then_some(Json(&message.reactions)));
    }
    // By where the rows are, which stays so while the rooms are held.
    query!(
        "UPDATE room_messages AS m
         SET text = r.text, edited_at = r.edited_at, deleted_at = r.deleted_at, reactions = r.reactions,
             reply_to = CASE WHEN r.deleted_at IS NULL THEN m.reply_to END,
             mentions = CASE WHEN r.deleted_at IS NULL THEN m.mentions END,
             attachments = CASE WHEN r.deleted_at IS NULL THEN m.attachments END
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[])
             AS r (room_id, seq, text, edited_at, deleted_at, reactions)
         CROSS JOIN LATERAL (SELECT ctid FROM room_messages
                             WHERE room_id = r.room_id AND seq >= r.seq ORDER BY seq LIMIT 1) AS place
         WHERE m.ctid = place.ctid",
        &rooms,
        &seqs,
        &texts,
        &edited as &[Option<OffsetDateTime>],
        &deleted as &[Option<OffsetDateTime>],
        &reactions as &[Option<Json<&Vec<Reaction>>>]
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes reactions back; of deleted messages all, and their files.
async fn unreact(tx: &mut TenantTx, revised: &[Revised]) -> Result<(), StoreError> {
    let mut gone = Reactors::default();
    let (mut rooms, mut seqs) = (Vec::new(), Vec::new());
    for Revised { room, message, removed, .. } in revised {
        if message.deleted_at.is_some() {
            rooms.push(room.as_uuid());
            seqs.push(from_seq(message.seq));
            continue;
        }
        removed.iter().for_each(|(emoji, user)| gone.push(*room, message.seq, emoji, *user));
    }
    if !gone.rooms.is_empty() {
        query!(
            "DELETE FROM room_reactions AS r
             USING unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[])
                 AS gone (room_id, message_seq, emoji, user_id)
             WHERE r.room_id = gone.room_id AND r.message_seq = gone.message_seq AND r.emoji = gone.emoji
                 AND r.user_id = gone.user_id",
            &gone.rooms,
            &gone.seqs,
            &gone.emojis,
            &gone.users
        )
        .execute(tx.connection())
        .await?;
    }
    if !rooms.is_empty() {
        query!(
            "DELETE FROM room_reactions AS r USING unnest($1::uuid[], $2::bigint[]) AS gone (room_id, message_seq)
             WHERE r.room_id = gone.room_id AND r.message_seq = gone.message_seq",
            &rooms,
            &seqs
        )
        .execute(tx.connection())
        .await?;
        attachments::discard_of_messages(tx, &rooms, &seqs).await?;
    }
    Ok(())
}

async fn react(tx: &mut TenantTx, revised: &[Revised]) -> Result<(), StoreError> {
    let mut new = Reactors::default();
    for Revised { room, message, added, .. } in revised {
        added.iter().for_each(|(emoji, user)| new.push(*room, message.seq, emoji, *user));
    }
    if new.rooms.is_empty() {
        return Ok(());
    }
    let account = tx.account_column();
    query!(
        "INSERT INTO room_reactions (account_id, room_id, message_seq, emoji, user_id)
         SELECT $1, new.room_id, new.message_seq, new.emoji, new.user_id
         FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::uuid[])
             AS new (room_id, message_seq, emoji, user_id)",
        account,
        &new.rooms,
        &new.seqs,
        &new.emojis,
        &new.users
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

async fn unmention(tx: &mut TenantTx, revised: &[Revised]) -> Result<(), StoreError> {
    let (mut rooms, mut users, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for Revised { room, message, unmentioned, .. } in revised {
        for user in unmentioned {
            rooms.push(room.as_uuid());
            users.push(user.as_uuid());
            seqs.push(from_seq(message.seq));
        }
    }
    if rooms.is_empty() {
        return Ok(());
    }
    query!(
        "DELETE FROM unread_mentions AS m
         USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS gone (room_id, user_id, seq)
         WHERE m.room_id = gone.room_id AND m.user_id = gone.user_id AND m.seq = gone.seq",
        &rooms,
        &users,
        &seqs
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes the rooms' next numbers, in the order of `revised`.
async fn number(tx: &mut TenantTx, revised: &[Revised]) -> Result<Vec<RoomEntry>, StoreError> {
    let account = tx.account_column();
    let rooms: Vec<Uuid> = revised.iter().map(|revised| revised.room.as_uuid()).collect();
    let seqs: Vec<i64> = revised.iter().map(|revised| from_seq(revised.message.seq)).collect();
    let rows = query!(
        r#"WITH changed AS (
               SELECT *, row_number() OVER (PARTITION BY room_id ORDER BY place) AS number
               FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY AS changed (room_id, message_seq, place)
           ), numbered AS (
               UPDATE rooms SET last_seq = last_seq + counts.count
               FROM (SELECT room_id, count(*) FROM changed GROUP BY room_id) AS counts
               WHERE rooms.id = counts.room_id
               RETURNING rooms.id, rooms.last_seq - counts.count AS before
           )
           INSERT INTO room_changes (account_id, room_id, seq, message_seq)
           SELECT $1, changed.room_id, numbered.before + changed.number, changed.message_seq
           FROM changed JOIN numbered ON numbered.id = changed.room_id
           RETURNING room_id, seq AS "seq: Seq", message_seq AS "message_seq: Seq""#,
        account,
        &rooms,
        &seqs
    )
    .fetch_all(tx.connection())
    .await?;
    let numbers =
        rows.into_iter().map(|row| ((RoomId::from(row.room_id), u64::from(row.message_seq)), row.seq.into()));
    let numbers: BTreeMap<(RoomId, u64), u64> = numbers.collect();
    let entries = revised.iter().filter_map(|Revised { room, message, .. }| {
        Some(RoomEntry { seq: *numbers.get(&(*room, message.seq))?, message: message.clone() })
    });
    Ok(entries.collect())
}
