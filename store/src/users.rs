//! Users: the people who sign in.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::UserId, token::Role};
use sqlx::{query, query_as};
use uuid::Uuid;

/// A person of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address in lower case; `None` for users of an outside issuer.
    pub email: Option<String>,
    /// Their name as others see it.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

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
    /// Somebody has this e-mail address already, in this account or another.
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

struct Row {
    id: Uuid,
    email: Option<String>,
    name: String,
    role: String,
}

impl TryFrom<Row> for User {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::from_uuid(row.id),
            email: row.email,
            name: row.name,
            role: column::role(&row.role)?,
        })
    }
}

/// The form of an e-mail address in which it is stored and looked up.
pub fn normal_email(email: &str) -> String {
    column::text(email.trim()).to_lowercase()
}

/// Creates a user who can sign in.
///
/// # Errors
/// [`CreateError::EmailTaken`].
pub async fn create(tx: &mut TenantTx, user: &NewUser<'_>, clock: &dyn Clock) -> Result<User, CreateError> {
    let account = tx.account_column();
    let row = query_as!(
        Row,
        "INSERT INTO users (account_id, id, email, name, role, password_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (email) DO NOTHING
         RETURNING id, email, name, role",
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
    Ok(row.ok_or(CreateError::EmailTaken)?.try_into()?)
}

/// Enters a user of an outside issuer at the first visit, under the issuer's id.
///
/// A user who is there already, in this account or another, stays as they are.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn enter(
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

/// The user with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: UserId) -> Result<Option<User>, StoreError> {
    query_as!(Row, "SELECT id, email, name, role FROM users WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?
        .map(User::try_from)
        .transpose()
}

/// The account's users in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: Option<UserId>, limit: u16) -> Result<Vec<User>, StoreError> {
    query_as!(
        Row,
        "SELECT id, email, name, role FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(User::try_from)
    .collect()
}
