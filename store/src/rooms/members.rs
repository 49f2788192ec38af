//! Members of rooms, and users who were removed from them.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
    identity::Identity,
    protocol::room::MemberRole,
    room::RoomFacts,
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// Somebody who was let into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visitor {
    /// Into which.
    pub room: RoomId,
    /// Who it is.
    pub who: Identity,
}

/// Somebody who belongs to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    /// The user.
    pub user: UserId,
    /// What they are in it.
    pub role: MemberRole,
}

/// A room's members in the order of their ids, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn members(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<UserId>,
    limit: u16,
) -> Result<Vec<MemberRow>, StoreError> {
    let rows = query!(
        "SELECT user_id, role FROM room_members WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        room.as_uuid(),
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    let member = |role: &str| MemberRole::parse(role).unwrap_or(MemberRole::Member);
    Ok(rows.into_iter().map(|row| MemberRow { user: row.user_id.into(), role: member(&row.role) }).collect())
}

/// Makes a user a member, who is no more than that. One who is a member stays what they are.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn add_member(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO room_members (account_id, room_id, user_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        account,
        room.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Makes a member something else in the room; false if they are none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_role(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    role: MemberRole,
) -> Result<bool, StoreError> {
    let changed = query!(
        "UPDATE room_members SET role = $3 WHERE room_id = $1 AND user_id = $2",
        room.as_uuid(),
        user.as_uuid(),
        role.as_str()
    )
    .execute(tx.connection())
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// What somebody is in a room; `None` if they are no member.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn role_of(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
) -> Result<Option<MemberRole>, StoreError> {
    let role = query_scalar!(
        "SELECT role FROM room_members WHERE room_id = $1 AND user_id = $2",
        room.as_uuid(),
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(role.as_deref().and_then(MemberRole::parse))
}

/// Whether somebody else owns the room, or nobody else belongs to it. Whoever changes its members waits until the
/// transaction ends, so that it stays so.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_other_owner(tx: &mut TenantTx, room: RoomId, user: UserId) -> Result<bool, StoreError> {
    query!("SELECT id FROM rooms WHERE id = $1 FOR UPDATE", room.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    let has = query_scalar!(
        r#"SELECT EXISTS (SELECT FROM room_members WHERE room_id = $1 AND user_id <> $2 AND role = 'owner')
               OR NOT EXISTS (SELECT FROM room_members WHERE room_id = $1 AND user_id <> $2) AS "has!""#,
        room.as_uuid(),
        user.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(has)
}

/// Shows somebody the door: they are a member no longer, and join tokens from before are good no more.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn remove(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!("DELETE FROM room_members WHERE room_id = $1 AND user_id = $2", room.as_uuid(), user.as_uuid())
        .execute(tx.connection())
        .await?;
    query!(
        "INSERT INTO room_removals (account_id, room_id, user_id, removed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id, room_id, user_id) DO UPDATE SET removed_at = excluded.removed_at",
        account,
        room.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Visitors as columns.
struct Columns {
    rooms: Vec<Uuid>,
    users: Vec<Uuid>,
    guests: Vec<bool>,
}

impl Columns {
    fn of(visitors: &[Visitor]) -> Self {
        Self {
            rooms: visitors.iter().map(|visitor| visitor.room.as_uuid()).collect(),
            users: visitors.iter().map(|visitor| visitor.who.as_user().as_uuid()).collect(),
            guests: visitors.iter().map(|visitor| matches!(visitor.who, Identity::Guest(_))).collect(),
        }
    }
}

/// The visitor of a row, and what there is to decide by.
macro_rules! found {
    ($visitors:ident, $row:ident) => {{
        let visitor = usize::try_from($row.nth)
            .ok()
            .and_then(|nth| nth.checked_sub(1))
            .and_then(|at| $visitors.get(at));
        let facts = $row.is_private.map(|is_private| RoomFacts {
            is_private,
            is_direct: $row.is_direct,
            is_closed: $row.is_closed,
            role: $row.role.as_deref().and_then(MemberRole::parse),
            removed_at: $row.removed_at,
            is_banned: $row.is_banned,
            is_muted: $row.is_muted,
        });
        visitor.map(|visitor| (*visitor, facts))
    }};
}

/// Returns those of `visitors` whose stay, or whose speaking, has to be decided, each with what there is to decide by;
/// `None` if the room is gone. Of all others nothing has changed that could keep anybody out or silent: the room is
/// there and open, nobody has muted or banned them, the guest was never removed, the person is a member or need not be.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn doubtful(
    tx: &mut TenantTx,
    visitors: &[Visitor],
    now: OffsetDateTime,
) -> Result<Vec<(Visitor, Option<RoomFacts>)>, StoreError> {
    let Columns { rooms, users, guests } = Columns::of(visitors);
    let rows = query!(
        r#"SELECT here.nth AS "nth!", room.is_private AS "is_private?", room.closed_at IS NOT NULL AS "is_closed!",
                  room.direct_low IS NOT NULL AS "is_direct!",
                  (SELECT member.role FROM room_members AS member
                   WHERE member.room_id = here.room_id AND member.user_id = here.user_id) AS role,
                  (SELECT removal.removed_at FROM room_removals AS removal
                   WHERE removal.room_id = here.room_id AND removal.user_id = here.user_id) AS removed_at,
                  EXISTS (SELECT FROM room_bans AS ban
                          WHERE ban.room_id = here.room_id AND ban.user_id = here.user_id) AS "is_banned!",
                  EXISTS (SELECT FROM room_mutes AS mute
                          WHERE mute.room_id = here.room_id AND mute.user_id = here.user_id
                              AND (mute.until IS NULL OR mute.until > $4)) AS "is_muted!"
           FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) WITH ORDINALITY AS here (room_id, user_id, is_guest, nth)
           LEFT JOIN rooms AS room ON room.id = here.room_id
           WHERE room.id IS NULL OR room.closed_at IS NOT NULL
              OR EXISTS (SELECT FROM room_bans AS ban
                         WHERE ban.room_id = here.room_id AND ban.user_id = here.user_id)
              OR EXISTS (SELECT FROM room_mutes AS mute
                         WHERE mute.room_id = here.room_id AND mute.user_id = here.user_id
                             AND (mute.until IS NULL OR mute.until > $4))
              OR CASE WHEN here.is_guest
                 THEN EXISTS (SELECT FROM room_removals AS removal
                              WHERE removal.room_id = here.room_id AND removal.user_id = here.user_id)
                 ELSE room.is_private
                      AND NOT EXISTS (SELECT FROM room_members AS member
                                      WHERE member.room_id = here.room_id AND member.user_id = here.user_id)
                 END"#,
        &rooms,
        &users,
        &guests,
        now
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().filter_map(|row| found!(visitors, row)).collect())
}

/// What there is to decide by of all of these visitors.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn facts_of(
    tx: &mut TenantTx,
    visitors: &[Visitor],
    now: OffsetDateTime,
) -> Result<Vec<(Visitor, Option<RoomFacts>)>, StoreError> {
    let asked: Vec<_> = visitors.iter().map(|it| (it.room, Some(it.who.as_user()))).collect();
    let found = super::find_all(tx, &asked, now).await?;
    let facts = found.into_iter().map(|found| found.map(|(_, facts)| facts));
    Ok(visitors.iter().copied().zip(facts).collect())
}
