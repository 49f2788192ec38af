//! Rooms for those who follow the list of them, many rooms and many users at once.

use crate::{
    column::{Seq, to_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    id::{RoomId, UserId},
    protocol::room::{MemberRole, UNREAD_LOOKED_AT_MAX, UNREAD_MAX, Unread},
    room::{Connected, FollowedRoom, RoomFacts},
};
use sqlx::query;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// One of a room's latest messages: its number, whose it is, and whether it was deleted.
type Latest = (u64, UserId, bool);

/// The numbers of the latest messages or changes of the account's rooms, in the order of the rooms' ids, those after
/// `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all_last_seqs(
    tx: &mut TenantTx,
    after: Option<RoomId>,
    limit: u16,
) -> Result<Vec<(RoomId, u64)>, StoreError> {
    let after = after.map_or(Uuid::nil(), RoomId::as_uuid);
    let rows =
        query!("SELECT id, last_seq FROM rooms WHERE id > $1 ORDER BY id LIMIT $2", after, i64::from(limit))
            .fetch_all(tx.connection())
            .await?;
    Ok(rows.into_iter().map(|row| (RoomId::from_uuid(row.id), to_seq(row.last_seq))).collect())
}

/// Those of these rooms that there are, and what of each concerns whom: a user, or everybody. What is unread is counted
/// as in [`unread`](super::unread), but from the room's latest messages, which are read once for all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn followed(
    tx: &mut TenantTx,
    asked: &[(RoomId, Option<UserId>)],
) -> Result<Vec<FollowedRoom>, StoreError> {
    let rooms: Vec<Uuid> =
        asked.iter().map(|(room, _)| room.as_uuid()).collect::<BTreeSet<_>>().into_iter().collect();
    // First: whoever counts what came after a number does not say that it was counted at a later one.
    let mut found = rooms_of(tx, &rooms).await?;
    let latest = latest(tx, &rooms).await?;
    // Everybody is read in the order of an index, which costs what there is. To look for each of very many users costs
    // as many look-ups in every room, of which most find nothing. Mentions are found user by user all the same: of each
    // as many are counted as are told, however many somebody does not read.
    let least = |user: Option<UserId>| user.map_or(Uuid::nil(), UserId::as_uuid);
    let most = |user: Option<UserId>| user.map_or(Uuid::max(), UserId::as_uuid);
    let places: Vec<Uuid> = asked.iter().map(|(room, _)| room.as_uuid()).collect();
    let (from, to): (Vec<Uuid>, Vec<Uuid>) =
        asked.iter().map(|(_, user)| (least(*user), most(*user))).unzip();
    let rows = query!(
        r#"SELECT asked.room_id AS "room_id!", known.user_id AS "user_id!", max(known.seq) AS "seq: Seq",
                  max(known.role) AS role, sum(known.mentions)::bigint AS "mentions!: Seq",
                  bool_or(known.is_banned) AS "is_banned!"
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS asked (room_id, least, most)
           CROSS JOIN LATERAL (
               SELECT user_id, seq, NULL AS role, 0 AS mentions, false AS is_banned FROM room_reads
               WHERE room_id = asked.room_id AND user_id >= asked.least AND user_id <= asked.most
               UNION ALL
               SELECT user_id, NULL, role, 0, false FROM room_members
               WHERE room_id = asked.room_id AND user_id >= asked.least AND user_id <= asked.most
               UNION ALL
               SELECT * FROM (
                   WITH RECURSIVE mentioned AS (
                       (SELECT user_id FROM unread_mentions
                        WHERE room_id = asked.room_id AND user_id >= asked.least AND user_id <= asked.most
                        ORDER BY user_id LIMIT 1)
                       UNION ALL
                       SELECT next.user_id FROM mentioned CROSS JOIN LATERAL (
                           SELECT user_id FROM unread_mentions
                           WHERE room_id = asked.room_id AND user_id > mentioned.user_id AND user_id <= asked.most
                           ORDER BY user_id LIMIT 1) AS next
                   )
                   SELECT user_id, NULL::bigint, NULL::text,
                          (SELECT count(*) FROM (
                              SELECT FROM unread_mentions
                              WHERE room_id = asked.room_id AND user_id = mentioned.user_id ORDER BY seq LIMIT $4)
                          AS few), false
                   FROM mentioned) AS mentioned
               UNION ALL
               SELECT user_id, NULL, NULL, 0, true FROM room_bans
               WHERE room_id = asked.room_id AND user_id >= asked.least AND user_id <= asked.most
           ) AS known
           GROUP BY asked.room_id, known.user_id"#,
        &places,
        &from,
        &to,
        i64::from(UNREAD_MAX)
    )
    .fetch_all(tx.connection())
    .await?;
    for row in rows {
        let (room, user) = (RoomId::from_uuid(row.room_id), UserId::from_uuid(row.user_id));
        let Some(found) = found.get_mut(&room) else { continue };
        let role = row.role.as_deref().and_then(MemberRole::parse);
        let (position, mentions) = (row.seq.map(u64::from), u64::from(row.mentions));
        let is_concerned = position.is_some() || role.is_some() || mentions > 0;
        let unread = is_concerned.then(|| {
            let seq = position.unwrap_or_default();
            let latest = latest.get(&room).map_or(&[] as &[Latest], Vec::as_slice);
            // Who has never read in a room for all may not even know of it: only members have to.
            let counts = position.is_some() || role.is_some();
            let unread = if counts { count(latest, seq, user) } else { 0 };
            let mentions = u32::try_from(mentions).unwrap_or(u32::MAX).min(UNREAD_MAX);
            Unread { seq, unread, mentions }
        });
        let facts = RoomFacts { role, is_banned: row.is_banned, ..found.facts };
        found.users.insert(user, Connected { facts, unread });
    }
    Ok(found.into_values().collect())
}

/// How many messages of others there are after a number that are not deleted.
fn count(latest: &[Latest], after: u64, user: UserId) -> u32 {
    let unread =
        latest.iter().filter(|(seq, author, is_deleted)| *seq > after && *author != user && !is_deleted);
    u32::try_from(unread.count()).unwrap_or(u32::MAX).min(UNREAD_MAX)
}

async fn rooms_of(tx: &mut TenantTx, rooms: &[Uuid]) -> Result<BTreeMap<RoomId, FollowedRoom>, StoreError> {
    let rows = query!(
        r#"SELECT room.id, room.is_private, room.direct_low IS NOT NULL AS "is_direct!",
                  room.closed_at IS NOT NULL AS "is_closed!", room.last_seq AS "last_seq: Seq"
           FROM unnest($1::uuid[]) AS asked (room_id)
           CROSS JOIN LATERAL (SELECT id, is_private, direct_low, closed_at, last_seq FROM rooms
                               WHERE id = asked.room_id LIMIT 1) AS room"#,
        rooms
    )
    .fetch_all(tx.connection())
    .await?;
    let found = rows.into_iter().map(|row| {
        let id = RoomId::from_uuid(row.id);
        let facts = RoomFacts {
            is_private: row.is_private,
            is_direct: row.is_direct,
            is_closed: row.is_closed,
            ..RoomFacts::default()
        };
        (id, FollowedRoom { id, last_seq: row.last_seq.into(), facts, users: BTreeMap::new() })
    });
    Ok(found.collect())
}

/// The latest messages of these rooms, of each as many as are looked at to count what is unread.
async fn latest(tx: &mut TenantTx, rooms: &[Uuid]) -> Result<BTreeMap<RoomId, Vec<Latest>>, StoreError> {
    let rows = query!(
        r#"SELECT asked.room_id AS "room_id!", latest.seq AS "seq: Seq", latest.user_id,
                  latest.deleted_at IS NOT NULL AS "is_deleted!"
           FROM unnest($1::uuid[]) AS asked (room_id)
           CROSS JOIN LATERAL (SELECT seq, user_id, deleted_at FROM room_messages
                               WHERE room_id = asked.room_id ORDER BY seq DESC LIMIT $2) AS latest"#,
        rooms,
        i64::from(UNREAD_LOOKED_AT_MAX)
    )
    .fetch_all(tx.connection())
    .await?;
    let mut latest: BTreeMap<RoomId, Vec<Latest>> = BTreeMap::new();
    for row in rows {
        let message = (u64::from(row.seq), UserId::from_uuid(row.user_id), row.is_deleted);
        latest.entry(RoomId::from_uuid(row.room_id)).or_default().push(message);
    }
    Ok(latest)
}
