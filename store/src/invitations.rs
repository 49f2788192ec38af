//! Invitations: somebody chooses a name and a password, and is a user. Only the tokens' hashes are kept.

use crate::{
    column::{Named, OptionalId},
    error::{ChangeError, StoreError},
    tenant::TenantTx,
    users::normal_email,
};
use common::{
    clock::Clock,
    id::{InvitationId, RoleId, UserId},
    token::Role,
};
use serde::{Deserialize, Serialize};
use sqlx::{query_as, query_scalar};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// The SHA-256 of an invitation's token.
pub type InvitationHash = [u8; 32];

/// How long an invitation is good for.
///
/// Longer reaches people after their holidays; shorter leaves fewer unused tokens in mailboxes.
const GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An invitation, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// UUIDv7: later ones sort later.
    pub id: InvitationId,
    /// Who is invited.
    pub email: String,
    /// The role they will have.
    pub role: Role,
    /// The account's own role that will decide instead.
    pub role_id: Option<RoleId>,
    /// Who invited them.
    pub invited_by: UserId,
    /// When they were invited.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when it can be accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was accepted; null until then.
    #[serde(with = "time::serde::rfc3339::option")]
    pub accepted_at: Option<OffsetDateTime>,
    /// When it was taken back; null unless it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

/// An invitation to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewInvitation<'a> {
    /// Who is invited; lower-cased here.
    pub email: &'a str,
    /// The role they will have.
    pub role: Role,
    /// The account's own role that will decide instead.
    pub role_id: Option<RoleId>,
    /// The token's hash.
    pub hash: &'a InvitationHash,
    /// Who invites them.
    pub invited_by: UserId,
}

/// Makes an invitation.
///
/// # Errors
/// [`ChangeError::Referenced`] if the account has no such role.
pub async fn create(
    tx: &mut TenantTx,
    invitation: &NewInvitation<'_>,
    clock: &dyn Clock,
) -> Result<Invitation, ChangeError> {
    let account = tx.account_column();
    let row = query_as!(
        Invitation,
        r#"INSERT INTO invitations (account_id, id, email, role, role_id, hash, invited_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id, email, role AS "role: Named<Role>", role_id AS "role_id!: OptionalId", invited_by, created_at,
                expires_at, accepted_at, revoked_at"#,
        account,
        InvitationId::generate(clock).as_uuid(),
        normal_email(invitation.email),
        invitation.role.as_str(),
        invitation.role_id.map(RoleId::as_uuid),
        invitation.hash.as_slice(),
        invitation.invited_by.as_uuid(),
        clock.utc(),
        clock.utc() + GOOD_FOR
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// The account's invitations in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    after: Option<InvitationId>,
    limit: u16,
) -> Result<Vec<Invitation>, StoreError> {
    let found = query_as!(
        Invitation,
        r#"SELECT id, email, role AS "role: Named<Role>", role_id AS "role_id!: OptionalId", invited_by, created_at,
                expires_at, accepted_at, revoked_at
         FROM invitations WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.map_or(Uuid::nil(), InvitationId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
}

/// Takes an invitation back; `None` if there is none such that could still be accepted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(
    tx: &mut TenantTx,
    id: InvitationId,
    clock: &dyn Clock,
) -> Result<Option<Invitation>, StoreError> {
    let found = query_as!(
        Invitation,
        r#"UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL
         RETURNING id, email, role AS "role: Named<Role>", role_id AS "role_id!: OptionalId", invited_by, created_at,
                expires_at, accepted_at, revoked_at"#,
        id.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// The e-mail address that is invited; `None` if the invitation was accepted, is over, or was taken back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn email(
    tx: &mut TenantTx,
    hash: &InvitationHash,
    clock: &dyn Clock,
) -> Result<Option<String>, StoreError> {
    let email = query_scalar!(
        "SELECT email FROM invitations
         WHERE hash = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
        hash.as_slice(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(email)
}

/// Takes an invitation up, once; `None` if it was, is over, or was taken back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn accept(
    tx: &mut TenantTx,
    hash: &InvitationHash,
    clock: &dyn Clock,
) -> Result<Option<Invitation>, StoreError> {
    let found = query_as!(
        Invitation,
        r#"UPDATE invitations SET accepted_at = $2
         WHERE hash = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
         RETURNING id, email, role AS "role: Named<Role>", role_id AS "role_id!: OptionalId", invited_by, created_at,
                expires_at, accepted_at, revoked_at"#,
        hash.as_slice(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}
