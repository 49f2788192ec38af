//! Users: the people who sign in.

use crate::{
    accounts,
    column::{self, Named, OptionalId},
    error::{ChangeError, StoreError},
    sign_ins,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AccountId, RoleId, SignInId, UserId},
    permission::Permissions,
    secret::Secret,
    token::Role,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{query, query_as, query_scalar};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// A person of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// UUIDv7 for those who sign in here; made from the token for those of an outside issuer.
    pub id: UserId,
    /// As others see it.
    pub name: String,
    /// In lower case; null for users of an outside issuer.
    pub email: Option<String>,
    /// Their role, or the nearest below.
    pub role: Role,
    /// The account's own role that decides instead; null if there is none.
    pub role_id: Option<RoleId>,
    /// What they may do.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<common::permission::Permission>))]
    pub permissions: Permissions,
    /// The account that they belong to.
    pub account_id: AccountId,
    /// When they were deactivated: they cannot sign in any more. Null while they may.
    #[serde(with = "time::serde::rfc3339::option")]
    pub deactivated_at: Option<OffsetDateTime>,
}

/// What is changed about a user; `None` stays as it is.
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

struct Row {
    id: Uuid,
    email: Option<String>,
    name: String,
    role: Role,
    role_id: Option<RoleId>,
    role_permissions: Option<Vec<String>>,
    account_id: Uuid,
    deactivated_at: Option<OffsetDateTime>,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        let own = row.role_permissions.as_ref().map(Permissions::from_names);
        Self {
            id: row.id.into(),
            name: row.name,
            email: row.email,
            role: row.role,
            role_id: row.role_id,
            permissions: own.unwrap_or(row.role.permissions()),
            account_id: row.account_id.into(),
            deactivated_at: row.deactivated_at,
        }
    }
}

/// What a role allows, from the names that `sql/feed_rows.sql` gives of one of the account's own.
pub(crate) fn complete(row: &mut Map<String, Value>) -> Option<()> {
    let role = Role::parse(row.get("role")?.as_str()?)?;
    let own = row.remove("permissions").and_then(|names| serde_json::from_value::<Vec<String>>(names).ok());
    let permissions = own.map_or(role.permissions(), Permissions::from);
    row.insert("permissions".to_owned(), serde_json::to_value(permissions).ok()?);
    Some(())
}

/// The form of an e-mail address in which it is stored and looked up.
pub fn normal_email(email: &str) -> String {
    column::text(email.trim()).to_lowercase()
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
    let found = query_as!(
        Row,
        r#"SELECT u.id, u.email, u.name, u.role AS "role: Named<Role>", u.role_id AS "role_id!: OptionalId",
                  r.permissions AS "role_permissions?", u.account_id, u.deactivated_at
           FROM users u LEFT JOIN roles r ON r.id = u.role_id WHERE u.id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.map(User::from))
}

/// The account's users in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: Option<UserId>, limit: u16) -> Result<Vec<User>, StoreError> {
    let found = query_as!(
        Row,
        r#"SELECT u.id, u.email, u.name, u.role AS "role: Named<Role>", u.role_id AS "role_id!: OptionalId",
                  r.permissions AS "role_permissions?", u.account_id, u.deactivated_at
           FROM users u LEFT JOIN roles r ON r.id = u.role_id
           WHERE u.id > $1 ORDER BY u.id LIMIT $2"#,
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(User::from).collect())
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
    accounts::hold(tx).await?;
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

/// Gives a user another password and ends all sign-ins but `except`: those that it returns.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn set_password(
    tx: &mut TenantTx,
    id: UserId,
    password_hash: &str,
    except: Option<SignInId>,
    clock: &dyn Clock,
) -> Result<Vec<SignInId>, ChangeError> {
    let done = query!("UPDATE users SET password_hash = $2 WHERE id = $1", id.as_uuid(), password_hash)
        .execute(tx.connection())
        .await?;
    if done.rows_affected() == 0 {
        return Err(ChangeError::NotFound);
    }
    Ok(sign_ins::revoke_all(tx, id, except, clock).await?)
}

/// Whether somebody of the account has this e-mail address.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_email(tx: &mut TenantTx, email: &str) -> Result<bool, StoreError> {
    let email = normal_email(email);
    let exists = query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE email = $1) AS "exists!""#, email)
        .fetch_one(tx.connection())
        .await?;
    Ok(exists)
}

/// The hash of a user's password; `None` for users of an outside issuer.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn password_hash(tx: &mut TenantTx, id: UserId) -> Result<Option<Secret>, StoreError> {
    let hash = query_scalar!("SELECT password_hash FROM users WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(hash.flatten().map(Secret::new))
}

/// The hash of a user's password, if they may sign in; nobody can change that until `tx` ends, nor sign in as
/// the same user: who signs in may change the row, so two that only shared it would wait for each other.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hold_for_sign_in(tx: &mut TenantTx, id: UserId) -> Result<Option<Secret>, StoreError> {
    let hash = query_scalar!(
        "SELECT password_hash FROM users WHERE id = $1 AND deactivated_at IS NULL FOR NO KEY UPDATE",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(hash.flatten().map(Secret::new))
}

/// Wrong passwords in a row after which nobody may try for [`LOCK_TIME`].
pub const FAILURES_MAX: i32 = 20;

/// How long a lock lasts.
///
/// Longer makes guessing slower still, and lets anybody lock somebody out for longer.
pub const LOCK_TIME: Duration = Duration::from_secs(15 * 60);

/// Counts a wrong password; true if that locks the user.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_wrong_password(
    tx: &mut TenantTx,
    id: UserId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let locked = query_scalar!(
        r#"UPDATE users SET
               failed_sign_ins = CASE WHEN failed_sign_ins + 1 >= $2 THEN 0 ELSE failed_sign_ins + 1 END,
               locked_until    = CASE WHEN failed_sign_ins + 1 >= $2 THEN $3 ELSE locked_until END
           WHERE id = $1 RETURNING failed_sign_ins = 0 AS "locked!""#,
        id.as_uuid(),
        FAILURES_MAX,
        clock.utc() + LOCK_TIME
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(locked.unwrap_or(false))
}

/// Forgets wrong passwords, because the last one was right, and lifts a lock.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forgive_wrong_passwords(tx: &mut TenantTx, id: UserId) -> Result<(), StoreError> {
    query!(
        "UPDATE users SET failed_sign_ins = 0, locked_until = NULL
         WHERE id = $1 AND (failed_sign_ins > 0 OR locked_until IS NOT NULL)",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
