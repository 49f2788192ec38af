//! Users: the people who sign in.

mod create;
mod password;
mod update;

pub use create::{CreateError, NewUser, create, create_if_absent};
pub use password::{
    FAILURES_MAX, LOCK_TIME, forgive_wrong_passwords, has_email, lock_for_sign_in, note_wrong_password,
    password_hash, set_password,
};
pub use update::{UpdateError, UserChange, update};

use crate::{
    column::{self, Named, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    id::{AccountId, RoleId, UserId},
    permission::Permissions,
    token::Role,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{query, query_as};
use std::collections::BTreeMap;
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

struct Row {
    id: UserId,
    email: Option<String>,
    name: String,
    role: Role,
    role_id: Option<RoleId>,
    role_permissions: Option<Vec<String>>,
    account_id: AccountId,
    deactivated_at: Option<OffsetDateTime>,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        let own = row.role_permissions.as_ref().map(Permissions::from_names);
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            role: row.role,
            role_id: row.role_id,
            permissions: own.unwrap_or(row.role.permissions()),
            account_id: row.account_id,
            deactivated_at: row.deactivated_at,
        }
    }
}

/// Adds the permissions of a row's role, from the names that `sql/feed_rows.sql` gives for a role of the account's
/// own.
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

/// The names of those of these users whom there are.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn names(tx: &mut TenantTx, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    // LIMIT has each looked up by itself, however few users the account has.
    let rows = query!(
        r#"SELECT u.id AS "id!", u.name AS "name!"
           FROM unnest($1::uuid[]) AS asked (id)
           CROSS JOIN LATERAL (SELECT id, name FROM users WHERE users.id = asked.id LIMIT 1) AS u"#,
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (UserId::from_uuid(row.id), row.name)).collect())
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
