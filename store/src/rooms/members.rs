//! Members of rooms, and users who were removed from them.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
    identity::Identity,
    room::RoomFacts,
};
use sqlx::{query, query_scalar};
use uuid::Uuid;

/// Somebody who was let into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visitor {
    /// Into which.
    pub room: RoomId,
    /// Who it is.
    pub who: Identity,
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
) -> Result<Vec<UserId>, StoreError> {
    let ids = query_scalar!(
        "SELECT user_id FROM room_members WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        room.as_uuid(),
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// Makes a user a member. One who is a member stays one.
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

/// Returns those of `visitors` whose stay has to be decided, each with what there is to decide by; `None` if the room is
/// gone. Of all others nothing has changed that could keep anybody out: the room is there and open, the guest was never
/// removed, the person is a member or need not be.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn doubtful(
    tx: &mut TenantTx,
    visitors: &[Visitor],
) -> Result<Vec<(Visitor, Option<RoomFacts>)>, StoreError> {
    let rooms: Vec<Uuid> = visitors.iter().map(|visitor| visitor.room.as_uuid()).collect();
    let users: Vec<Uuid> = visitors.iter().map(|visitor| visitor.who.as_user().as_uuid()).collect();
    let guests: Vec<bool> =
        visitors.iter().map(|visitor| matches!(visitor.who, Identity::Guest(_))).collect();
    let rows = query!(
        r#"SELECT here.nth AS "nth!", room.is_private AS "is_private?", room.closed_at IS NOT NULL AS "is_closed!",
                  EXISTS (SELECT FROM room_members AS member
                          WHERE member.room_id = here.room_id AND member.user_id = here.user_id) AS "is_member!",
                  (SELECT removal.removed_at FROM room_removals AS removal
                   WHERE removal.room_id = here.room_id AND removal.user_id = here.user_id) AS removed_at
           FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) WITH ORDINALITY AS here (room_id, user_id, is_guest, nth)
           LEFT JOIN rooms AS room ON room.id = here.room_id
           WHERE room.id IS NULL OR room.closed_at IS NOT NULL
              OR CASE WHEN here.is_guest
                 THEN EXISTS (SELECT FROM room_removals AS removal
                              WHERE removal.room_id = here.room_id AND removal.user_id = here.user_id)
                 ELSE room.is_private
                      AND NOT EXISTS (SELECT FROM room_members AS member
                                      WHERE member.room_id = here.room_id AND member.user_id = here.user_id)
                 END"#,
        &rooms,
        &users,
        &guests
    )
    .fetch_all(tx.connection())
    .await?;
    let doubtful = rows.into_iter().filter_map(|row| {
        let visitor = *visitors.get(usize::try_from(row.nth).ok()?.checked_sub(1)?)?;
        let facts = row.is_private.map(|is_private| RoomFacts {
            is_private,
            is_closed: row.is_closed,
            is_member: row.is_member,
            removed_at: row.removed_at,
        });
        Some((visitor, facts))
    });
    Ok(doubtful.collect())
}
