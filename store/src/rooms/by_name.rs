//! Rooms that are entered by a name: of each name an account has one, whoever opens it, and however often.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::RoomId, room_name::RoomName};
use sqlx::{query, query_scalar};

/// What came of [`open_by_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The room of that name, which may have been there before.
    Room(RoomId),
    /// There is none, and the account has as many as it may.
    TooMany,
}

/// The room of this name; `None` if there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_by_name(tx: &mut TenantTx, name: &RoomName) -> Result<Option<RoomId>, StoreError> {
    let id =
        query_scalar!("SELECT id FROM rooms WHERE join_name IS NOT NULL AND join_name = $1", name.as_str())
            .fetch_optional(tx.connection())
            .await?;
    Ok(id.map(RoomId::from_uuid))
}

/// The room of this name, created if there is none and the account has fewer than `max` with a name. Who opens it at the
/// same moment waits, and gets the same.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn open_by_name(
    tx: &mut TenantTx,
    name: &RoomName,
    max: usize,
    clock: &dyn Clock,
) -> Result<Opened, StoreError> {
    if let Some(room) = find_by_name(tx, name).await? {
        return Ok(Opened::Room(room));
    }
    let account = tx.account_column();
    query!(
        "INSERT INTO rooms (account_id, id, name, is_private, join_name, created_at)
         SELECT $1, $2, $3, false, $4, $5
         WHERE (SELECT count(*) FROM rooms WHERE join_name IS NOT NULL) < $6
         ON CONFLICT (account_id, join_name) WHERE join_name IS NOT NULL DO NOTHING",
        account,
        RoomId::generate(clock).as_uuid(),
        &*column::text(shown(name)),
        name.as_str(),
        clock.utc(),
        i64::try_from(max).unwrap_or(i64::MAX)
    )
    .execute(tx.connection())
    .await?;
    Ok(find_by_name(tx, name).await?.map_or(Opened::TooMany, Opened::Room))
}

/// As people read it: as much as the name of a room may have.
fn shown(name: &RoomName) -> &str {
    let name = name.as_str();
    let end = name.char_indices().nth(common::text::NAME_CHARS_MAX).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}
