//! Changes that administrators make to users.

use super::{User, find};
use crate::{
    accounts, column,
    error::{ChangeError, StoreError},
    sign_ins,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoleId, SignInId, UserId},
    token::Role,
};
use sqlx::{query, query_scalar};

/// A change to a user; a member that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange<'a> {
    /// The name that others see.
    pub name: Option<&'a str>,
    /// One of the three fixed roles; `None` leaves it.
    pub role: Option<Role>,
    /// The account's own role that decides instead; `Some(None)` takes it away.
    pub role_id: Option<Option<RoleId>>,
    /// Whether they may sign in.
    pub active: Option<bool>,
}

/// Why a user cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The account has no such user, or no such role.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Nobody would be left to administer the account.
    #[error("this is the account's last administrator")]
    LastAdministrator,
}

impl From<sqlx::Error> for UpdateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Change(error.into())
    }
}

impl From<StoreError> for UpdateError {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

/// Changes a user. Who is deactivated, or may do less than before, is signed out everywhere: the sign-ins that
/// this ended are returned too.
///
/// # Errors
/// [`UpdateError`]; then nothing was changed.
pub async fn update(
    tx: &mut TenantTx,
    id: UserId,
    change: &UserChange<'_>,
    clock: &dyn Clock,
) -> Result<(User, Vec<SignInId>), UpdateError> {
    // One at a time, so that two administrators cannot take each other away.
    accounts::lock(tx).await?;
    let before = find(tx, id).await?.ok_or(ChangeError::NotFound)?;
    let active = change.active.unwrap_or(before.deactivated_at.is_none());
    query!(
        "UPDATE users SET name = $2, role = $3, role_id = $4,
                deactivated_at = CASE WHEN $5 THEN NULL ELSE coalesce(deactivated_at, $6) END
         WHERE id = $1",
        id.as_uuid(),
        &*column::text(change.name.unwrap_or(&before.name)),
        change.role.unwrap_or(before.role).as_str(),
        change.role_id.unwrap_or(before.role_id).map(RoleId::as_uuid),
        active,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    let was_administrator =
        before.role == Role::Admin && before.role_id.is_none() && before.deactivated_at.is_none();
    let administrators = query_scalar!(
        r#"SELECT count(*) AS "count!" FROM users
           WHERE role = 'ADMIN' AND role_id IS NULL AND deactivated_at IS NULL"#
    )
    .fetch_one(tx.connection())
    .await?;
    // Where an outside issuer says who administers there may be none, whom nobody can take away.
    if was_administrator && administrators == 0 {
        return Err(UpdateError::LastAdministrator);
    }
    let after = find(tx, id).await?.ok_or(ChangeError::NotFound)?;
    let may_less = !active || !after.permissions.includes(before.permissions);
    let ended = if may_less { sign_ins::revoke_all(tx, id, None, clock).await? } else { Vec::new() };
    Ok((after, ended))
}
