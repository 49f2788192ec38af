//! Teams: agents who answer together.

use crate::{
    column,
    error::{ChangeError, StoreError},
    named::named,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{TeamId, UserId},
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};

/// A team of agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Team {
    /// UUIDv7: later ones sort later.
    pub id: TeamId,
    /// Unique in the account.
    pub name: String,
}

named!(Team, TeamId, "teams", "id, name");

/// Creates one.
///
/// # Errors
/// [`ChangeError::Taken`].
pub async fn create(tx: &mut TenantTx, name: &str, clock: &dyn Clock) -> Result<Team, ChangeError> {
    let account = tx.account_column();
    let row = query_as!(
        Team,
        "INSERT INTO teams (account_id, id, name, created_at) VALUES ($1, $2, $3, $4)
         RETURNING id, name",
        account,
        TeamId::generate(clock).as_uuid(),
        &*column::text(name),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// Changes one.
///
/// # Errors
/// [`ChangeError::NotFound`], [`ChangeError::Taken`].
pub async fn update(tx: &mut TenantTx, id: TeamId, name: &str) -> Result<Team, ChangeError> {
    let row = query_as!(
        Team,
        "UPDATE teams SET name = $2 WHERE id = $1 RETURNING id, name",
        id.as_uuid(),
        &*column::text(name)
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Its members, in no order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn members(tx: &mut TenantTx, id: TeamId) -> Result<Vec<UserId>, StoreError> {
    let ids = query_scalar!("SELECT user_id FROM team_members WHERE team_id = $1", id.as_uuid())
        .fetch_all(tx.connection())
        .await?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// Makes these users its members, and nobody else.
///
/// # Errors
/// [`ChangeError::Referenced`] if the account has no such team or user.
pub async fn set_members(tx: &mut TenantTx, id: TeamId, members: &[UserId]) -> Result<(), ChangeError> {
    let account = tx.account_column();
    let members = column::uuids(members);
    // Of two who do this at once the second must see whom the first has made members.
    query!("SELECT FROM teams WHERE id = $1 FOR NO KEY UPDATE", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?
        .ok_or(ChangeError::Referenced)?;
    query!("DELETE FROM team_members WHERE team_id = $1 AND user_id <> ALL ($2)", id.as_uuid(), &members)
        .execute(tx.connection())
        .await?;
    query!(
        "INSERT INTO team_members (account_id, team_id, user_id) SELECT $1, $2, unnest($3::uuid[])
         ON CONFLICT DO NOTHING",
        account,
        id.as_uuid(),
        &members
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
