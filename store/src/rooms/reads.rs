//! How far users have read, and what is unread.

use crate::{
    column::{Seq, from_seq, uuids},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    id::{RoomId, UserId},
    protocol::room::{UNREAD_LOOKED_AT_MAX, UNREAD_MAX, Unread},
};
use sqlx::query;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Up to where a user has read in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub user: UserId,
    /// The number.
    pub seq: u64,
}

/// Up to where users have read, after they said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTo {
    /// Those that are further than before.
    pub moved: Vec<Position>,
    /// Those that were as far before, or further.
    pub unmoved: Vec<Position>,
}

/// Notes how far users have read, and no further than their rooms go. Mentions up to there are unread no longer.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn read_to(tx: &mut TenantTx, said: &[Position]) -> Result<ReadTo, StoreError> {
    // Each once, in one order for everybody, so that no two wait for each other.
    let mut furthest: BTreeMap<(RoomId, UserId), u64> = BTreeMap::new();
    for Position { room, user, seq } in said {
        let known = furthest.entry((*room, *user)).or_default();
        *known = (*known).max(*seq);
    }
    let rooms: Vec<Uuid> = furthest.keys().map(|(room, _)| room.as_uuid()).collect();
    let users: Vec<Uuid> = furthest.keys().map(|(_, user)| user.as_uuid()).collect();
    let seqs: Vec<i64> = furthest.values().map(|seq| from_seq(*seq)).collect();
    let account = tx.account_column();
    let rows = query!(
        r#"INSERT INTO room_reads AS known (account_id, room_id, user_id, seq)
           SELECT $1, room.id, said.user_id, least(said.seq, room.last_seq)
           FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) WITH ORDINALITY AS said (room_id, user_id, seq, place)
           CROSS JOIN LATERAL (SELECT id, last_seq FROM rooms WHERE id = said.room_id LIMIT 1) AS room
           ORDER BY said.place
           ON CONFLICT (account_id, room_id, user_id) DO UPDATE SET seq = excluded.seq
               WHERE known.seq < excluded.seq
           RETURNING room_id, user_id, seq AS "seq: Seq""#,
        account,
        &rooms,
        &users,
        &seqs
    )
    .fetch_all(tx.connection())
    .await?;
    let moved = rows.into_iter().map(|row| Position {
        room: row.room_id.into(),
        user: row.user_id.into(),
        seq: row.seq.into(),
    });
    let moved: Vec<Position> = moved.collect();
    forget_mentions(tx, &moved).await?;
    for position in &moved {
        furthest.remove(&(position.room, position.user));
    }
    let unmoved = known(tx, furthest.into_keys()).await?;
    Ok(ReadTo { moved, unmoved })
}

/// The positions of these.
async fn known(
    tx: &mut TenantTx,
    whose: impl Iterator<Item = (RoomId, UserId)>,
) -> Result<Vec<Position>, StoreError> {
    let (rooms, users): (Vec<Uuid>, Vec<Uuid>) =
        whose.map(|(room, user)| (room.as_uuid(), user.as_uuid())).unzip();
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query!(
        r#"SELECT known.room_id, known.user_id, known.seq AS "seq: Seq"
           FROM unnest($1::uuid[], $2::uuid[]) AS asked (room_id, user_id)
           CROSS JOIN LATERAL (SELECT room_id, user_id, seq FROM room_reads
                               WHERE room_id = asked.room_id AND user_id = asked.user_id LIMIT 1) AS known"#,
        &rooms,
        &users
    )
    .fetch_all(tx.connection())
    .await?;
    let positions = rows.into_iter().map(|row| Position {
        room: row.room_id.into(),
        user: row.user_id.into(),
        seq: row.seq.into(),
    });
    Ok(positions.collect())
}

async fn forget_mentions(tx: &mut TenantTx, moved: &[Position]) -> Result<(), StoreError> {
    if moved.is_empty() {
        return Ok(());
    }
    let rooms: Vec<Uuid> = moved.iter().map(|position| position.room.as_uuid()).collect();
    let users: Vec<Uuid> = moved.iter().map(|position| position.user.as_uuid()).collect();
    let seqs: Vec<i64> = moved.iter().map(|position| from_seq(position.seq)).collect();
    query!(
        "DELETE FROM unread_mentions AS m
         USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS moved (room_id, user_id, seq)
         WHERE m.room_id = moved.room_id AND m.user_id = moved.user_id AND m.seq <= moved.seq",
        &rooms,
        &users,
        &seqs
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How far a user has read in these rooms, and what is unread there.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unread(
    tx: &mut TenantTx,
    user: UserId,
    rooms: &[RoomId],
) -> Result<BTreeMap<RoomId, Unread>, StoreError> {
    let rooms = uuids(rooms);
    // Who has never read in a room for all may not even know of it: only members have to.
    let rows = query!(
        r#"SELECT asked.room_id AS "room_id!", coalesce(position.seq, 0) AS "seq!: Seq",
                  CASE WHEN position.seq IS NULL
                      AND NOT EXISTS (SELECT FROM room_members AS member
                                      WHERE member.room_id = asked.room_id AND member.user_id = $2)
                  THEN 0 ELSE (
                      SELECT count(*) FROM (
                          SELECT user_id, deleted_at FROM room_messages
                          WHERE room_id = asked.room_id AND seq > coalesce(position.seq, 0)
                          ORDER BY seq DESC LIMIT $3) AS later
                      WHERE later.user_id <> $2 AND later.deleted_at IS NULL)
                  END AS "unread!: Seq",
                  (SELECT count(*) FROM (
                      SELECT FROM unread_mentions WHERE room_id = asked.room_id AND user_id = $2
                      ORDER BY seq LIMIT $4)
                  AS mentions) AS "mentions!: Seq"
           FROM unnest($1::uuid[]) AS asked (room_id)
           LEFT JOIN LATERAL (SELECT seq FROM room_reads WHERE room_id = asked.room_id AND user_id = $2 LIMIT 1)
               AS position ON true"#,
        &rooms,
        user.as_uuid(),
        i64::from(UNREAD_LOOKED_AT_MAX),
        i64::from(UNREAD_MAX)
    )
    .fetch_all(tx.connection())
    .await?;
    let count = |count: Seq| u32::try_from(u64::from(count)).unwrap_or(u32::MAX).min(UNREAD_MAX);
    let found = rows.into_iter().map(|row| {
        let unread = Unread { seq: row.seq.into(), unread: count(row.unread), mentions: count(row.mentions) };
        (RoomId::from(row.room_id), unread)
    });
    Ok(found.collect())
}
