//! Rooms: where people meet. What is said in them is in [`mod@messages`], what becomes of it in [`mod@changes`], how
//! far it was read in [`mod@reads`], its files in [`mod@attachments`], who belongs to them in [`mod@members`], who may
//! not speak or enter in [`mod@restrictions`], those of two in [`mod@direct`], what of many concerns
//! many in [`mod@follow`], those that are entered by a name in
//! [`mod@by_name`].

mod attachments;
mod by_name;
mod changes;
mod direct;
mod follow;
mod members;
mod messages;
mod reads;
mod references;
mod restrictions;

pub use attachments::{
    NewAttachment, Quota, StoredAttachment, UNSENT_KEPT_FOR, Unreserved, Uploads, attachment, discard,
    forget_attachment, reserve, stored,
};
pub use by_name::{Opened, find_by_name, open_by_name};
pub use changes::{Reactor, Revised, find_messages, reacted, revise};
pub use direct::{DirectWith, direct_with, open_direct};
pub use follow::{all_last_seqs, followed};
pub use members::{
    MemberRow, Visitor, add_member, doubtful, facts_of, has_other_owner, members, remove, role_of, set_role,
};
pub use messages::{NewRoomMessage, Repeats, Sent, Unsent, after, before, hold_open, latest, post, send};
pub use reads::{Position, ReadTo, read_to, unread};
pub use restrictions::{Restriction, Restrictions, ban, bans, mute, mutes, restrictions, unban, unmute};

use crate::{
    column::{self, Seq, to_seq},
    error::{ChangeError, StoreError},
    join_links, recordings,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
    protocol::room::MemberRole,
    room::RoomFacts,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A place where people meet: chat, presence, calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Room {
    /// UUIDv7: later ones sort later.
    pub id: RoomId,
    /// For people.
    pub name: String,
    /// Only its members may enter and read it.
    #[serde(rename = "private")]
    pub is_private: bool,
    /// It is for two users, who are its members, and has no name of its own.
    #[serde(rename = "direct")]
    pub is_direct: bool,
    /// Since when nobody enters and nothing is said; null while it is open.
    #[serde(with = "time::serde::rfc3339::option")]
    pub closed_at: Option<OffsetDateTime>,
    /// The number of its latest message or change of one; 0 if nothing has been said.
    pub last_seq: u64,
}

/// A change to a room; a member that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoomChange<'a> {
    /// What it is to be called; `None` leaves it.
    pub name: Option<&'a str>,
    /// Whether only members may enter.
    pub is_private: Option<bool>,
}

/// The caller for whom rooms are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// A caller who sees every room.
    Anybody,
    /// A user, who sees private rooms as a member only.
    User(UserId),
}

/// Creates an empty room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    tx: &mut TenantTx,
    name: &str,
    is_private: bool,
    clock: &dyn Clock,
) -> Result<Room, StoreError> {
    let account = tx.account_column();
    let row = query_as!(
        Room,
        r#"INSERT INTO rooms (account_id, id, name, is_private, created_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING id, name, is_private, direct_low IS NOT NULL AS "is_direct!", closed_at, last_seq AS "last_seq: Seq""#,
        account,
        RoomId::generate(clock).as_uuid(),
        &*column::text(name),
        is_private,
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// A room, and what connects somebody with it.
pub type Found = (Room, RoomFacts);

/// The room with this id, and what connects `user` with it at this moment; nothing does who is `None`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    tx: &mut TenantTx,
    id: RoomId,
    user: Option<UserId>,
    now: OffsetDateTime,
) -> Result<Option<Found>, StoreError> {
    Ok(find_all(tx, &[(id, user)], now).await?.pop().flatten())
}

/// For each of these what [`find`] says, in their order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_all(
    tx: &mut TenantTx,
    asked: &[(RoomId, Option<UserId>)],
    now: OffsetDateTime,
) -> Result<Vec<Option<Found>>, StoreError> {
    let (rooms, users): (Vec<Uuid>, Vec<Option<Uuid>>) =
        asked.iter().map(|(room, user)| (room.as_uuid(), user.map(UserId::as_uuid))).unzip();
    let rows = query!(
        r#"SELECT asked.place AS "place!: Seq",
                  room.id, room.name, room.is_private, room.direct_low IS NOT NULL AS "is_direct!", room.closed_at,
                  room.last_seq AS "last_seq: Seq",
                  (SELECT member.role FROM room_members AS member
                   WHERE member.room_id = room.id AND member.user_id = asked.user_id) AS role,
                  (SELECT removal.removed_at FROM room_removals AS removal
                   WHERE removal.room_id = room.id AND removal.user_id = asked.user_id) AS removed_at,
                  EXISTS (SELECT FROM room_bans AS ban
                          WHERE ban.room_id = room.id AND ban.user_id = asked.user_id) AS "is_banned!",
                  EXISTS (SELECT FROM room_mutes AS mute
                          WHERE mute.room_id = room.id AND mute.user_id = asked.user_id
                              AND (mute.until IS NULL OR mute.until > $3)) AS "is_muted!"
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (room_id, user_id, place)
           CROSS JOIN LATERAL (SELECT id, name, is_private, direct_low, closed_at, last_seq FROM rooms
                               WHERE id = asked.room_id LIMIT 1) AS room"#,
        &rooms,
        &users as &[Option<Uuid>],
        now
    )
    .fetch_all(tx.connection())
    .await?;
    let found = rows.into_iter().map(|row| {
        let facts = RoomFacts {
            is_private: row.is_private,
            is_direct: row.is_direct,
            is_closed: row.closed_at.is_some(),
            role: row.role.as_deref().and_then(MemberRole::parse),
            removed_at: row.removed_at,
            is_banned: row.is_banned,
            is_muted: row.is_muted,
        };
        let room = Room {
            id: row.id.into(),
            name: row.name,
            is_private: row.is_private,
            is_direct: row.is_direct,
            closed_at: row.closed_at,
            last_seq: row.last_seq.into(),
        };
        (u64::from(row.place), (room, facts))
    });
    let mut found: BTreeMap<u64, Found> = found.collect();
    // Places are counted from 1.
    Ok((1..).zip(asked).map(|(place, _)| found.remove(&place)).collect())
}

/// The rooms that `viewer` sees in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    viewer: Viewer,
    after: Option<RoomId>,
    limit: u16,
) -> Result<Vec<Room>, StoreError> {
    let after = after.map_or(Uuid::nil(), RoomId::as_uuid);
    let rows = match viewer {
        Viewer::Anybody => query_as!(
            Room,
            r#"SELECT id, name, is_private, direct_low IS NOT NULL AS "is_direct!", closed_at, last_seq AS "last_seq: Seq" FROM rooms WHERE id > $1 ORDER BY id LIMIT $2"#,
            after,
            i64::from(limit)
        )
        .fetch_all(tx.connection())
        .await?,
        Viewer::User(user) => {
            // The next of those that are for all and the next of their own, so that no private room of others is
            // passed over.
            query_as!(
                Room,
                r#"SELECT room.id, room.name, room.is_private, room.direct_low IS NOT NULL AS "is_direct!", room.closed_at, room.last_seq AS "last_seq: Seq" FROM (
                       (SELECT id FROM rooms WHERE NOT is_private AND id > $1 ORDER BY id LIMIT $2)
                       UNION
                       (SELECT room_id FROM room_members WHERE user_id = $3 AND room_id > $1 ORDER BY room_id LIMIT $2)
                       ORDER BY id LIMIT $2
                   ) AS next
                   JOIN rooms AS room ON room.id = next.id
                   ORDER BY room.id"#,
                after,
                i64::from(limit),
                user.as_uuid()
            )
            .fetch_all(tx.connection())
            .await?
        }
    };
    Ok(rows)
}

/// The number of the room's latest message; `None` if there is no such room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn last_seq(tx: &mut TenantTx, id: RoomId) -> Result<Option<u64>, StoreError> {
    let seq = query_scalar!("SELECT last_seq FROM rooms WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(seq.map(to_seq))
}

/// The numbers of the latest messages of those of these rooms that there are.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn last_seqs(tx: &mut TenantTx, ids: &[RoomId]) -> Result<Vec<(RoomId, u64)>, StoreError> {
    let ids = column::uuids(ids);
    let rows =
        query!("SELECT id, last_seq FROM rooms WHERE id = ANY ($1)", &ids).fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| (RoomId::from_uuid(row.id), to_seq(row.last_seq))).collect())
}

/// Changes a room.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn update(tx: &mut TenantTx, id: RoomId, change: RoomChange<'_>) -> Result<Room, ChangeError> {
    let name = change.name.map(column::text);
    let row = query_as!(
        Room,
        r#"UPDATE rooms SET name = coalesce($2, name), is_private = coalesce($3, is_private) WHERE id = $1
         RETURNING id, name, is_private, direct_low IS NOT NULL AS "is_direct!", closed_at, last_seq AS "last_seq: Seq""#,
        id.as_uuid(),
        name.as_deref(),
        change.is_private
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Closes a room from `at` on, or opens it again. One that is closed stays closed since then. Links by which guests
/// came end with that for good.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn close(tx: &mut TenantTx, id: RoomId, at: Option<OffsetDateTime>) -> Result<Room, ChangeError> {
    let row = query_as!(
        Room,
        r#"UPDATE rooms SET closed_at = CASE WHEN $2::timestamptz IS NULL THEN NULL ELSE coalesce(closed_at, $2) END
         WHERE id = $1 RETURNING id, name, is_private, direct_low IS NOT NULL AS "is_direct!", closed_at, last_seq AS "last_seq: Seq""#,
        id.as_uuid(),
        at
    )
    .fetch_optional(tx.connection())
    .await?;
    // Opening it again lets nobody in who was to be out.
    if let Some(at) = at {
        join_links::revoke_all(tx, id, at).await?;
    }
    row.ok_or(ChangeError::NotFound)
}

/// Deletes a room with everything that was said in it. Calls stay on record.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn delete(tx: &mut TenantTx, id: RoomId) -> Result<(), ChangeError> {
    // The room before its files, as whoever says something with a file or takes it back: none is overlooked, and nobody
    // waits for another in a circle.
    query!("SELECT id FROM rooms WHERE id = $1 FOR UPDATE", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    attachments::discard_of_room(tx, id).await?;
    recordings::remove_of_room(tx, id).await?;
    let deleted = query!("DELETE FROM rooms WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(ChangeError::NotFound) }
}
