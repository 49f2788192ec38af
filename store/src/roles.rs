//! Roles that an account has named: sets of permissions, as data.

use crate::{
    column,
    error::{ChangeError, StoreError},
    named::named,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoleId, UserId},
    permission::Permissions,
};
use serde::{Deserialize, Serialize};
use sqlx::{query_as, query_scalar};

/// A set of permissions with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedRole {
    /// UUIDv7: later ones sort later.
    pub id: RoleId,
    /// Unique in the account.
    pub name: String,
    /// The permissions of those who have it.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<common::permission::Permission>))]
    pub permissions: Permissions,
}

named!(NamedRole, RoleId, "roles", "id, name, permissions");

/// Names a set of permissions.
///
/// # Errors
/// [`ChangeError::Taken`].
pub async fn create(
    tx: &mut TenantTx,
    name: &str,
    permissions: Permissions,
    clock: &dyn Clock,
) -> Result<NamedRole, ChangeError> {
    let account = tx.account_column();
    let row = query_as!(
        NamedRole,
        "INSERT INTO roles (account_id, id, name, permissions, created_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING id, name, permissions",
        account,
        RoleId::generate(clock).as_uuid(),
        &*column::text(name),
        &permissions.names(),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// Gives a role another name or other permissions. One that allows less than before is noted as narrowed.
///
/// # Errors
/// [`ChangeError::NotFound`], [`ChangeError::Taken`].
pub async fn update(
    tx: &mut TenantTx,
    id: RoleId,
    name: &str,
    permissions: Permissions,
    clock: &dyn Clock,
) -> Result<NamedRole, ChangeError> {
    let row = query_as!(
        NamedRole,
        "UPDATE roles SET name = $2, permissions = $3,
                narrowed_at = CASE WHEN permissions <@ $3 THEN narrowed_at ELSE $4 END
         WHERE id = $1 RETURNING id, name, permissions",
        id.as_uuid(),
        &*column::text(name),
        &permissions.names(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Who has a role.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn holders(tx: &mut TenantTx, id: RoleId) -> Result<Vec<UserId>, StoreError> {
    let users = query_scalar!("SELECT id FROM users WHERE role_id = $1 ORDER BY id", id.as_uuid())
        .fetch_all(tx.connection())
        .await?;
    Ok(users.into_iter().map(UserId::from_uuid).collect())
}
