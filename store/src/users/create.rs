//! New users: those of this server, and those of outside issuers at their first visit.

use super::{Row, User, normal_email};
use crate::{
    column::{self, Named, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{clock::Clock, id::UserId, token::Role};
use sqlx::{query, query_as};

/// A user to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The e-mail address to sign in with; lower-cased here.
    pub email: &'a str,
    /// The name that others see.
    pub name: &'a str,
    /// What they may do.
    pub role: Role,
    /// The password's hash in PHC format.
    pub password_hash: &'a str,
}

/// Why a user cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Somebody of this account has this e-mail address already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Creates a user who can sign in. Somebody of another account may have the same e-mail address.
///
/// # Errors
/// [`CreateError::EmailTaken`].
pub async fn create(tx: &mut TenantTx, user: &NewUser<'_>, clock: &dyn Clock) -> Result<User, CreateError> {
    let account = tx.account_column();
    let row = query_as!(
        Row,
        r#"INSERT INTO users (account_id, id, email, name, role, password_hash, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (account_id, email) DO NOTHING
           RETURNING id, email, name, role AS "role: Named<Role>", role_id AS "role_id!: OptionalId",
                     NULL::text[] AS role_permissions, account_id, deactivated_at"#,
        account,
        UserId::generate(clock).as_uuid(),
        normal_email(user.email),
        &*column::text(user.name),
        user.role.as_str(),
        user.password_hash,
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(User::from).ok_or(CreateError::EmailTaken)
}

/// Enters a user of an outside issuer at the first visit, under the id that the token gives them here.
///
/// A user who is there already, in this account or another, stays as they are.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create_if_absent(
    tx: &mut TenantTx,
    id: UserId,
    name: &str,
    role: Role,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO users (account_id, id, name, role, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        account,
        id.as_uuid(),
        &*column::text(name),
        role.as_str(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
