//! Whether a writer still has the rights that their token or key says, checked in the transaction that writes.
//!
//! A token says for a quarter of an hour what was true when it was signed. Writing by it must not
//! outlive that truth by a moment, so the sign-in, the user and the permissions, or the API key, are read again.

use crate::{column::Named, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ApiKeyId, SignInId, UserId},
    permission::Permissions,
    token::{Role, Standing},
};
use sqlx::{query, query_scalar};

/// The authority by which something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A person, by their token.
    Person(Standing),
    /// A program, by its key.
    Program(ApiKeyId),
}

/// Whether everything that the writer's token or key says is true at this moment.
///
/// Nothing is locked: what is written by a transaction that has looked before somebody was dismissed counts as
/// written before. Whoever waits for a lock that those hold who dismiss looks again once it has it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn holds(tx: &mut TenantTx, writer: &Writer, clock: &dyn Clock) -> Result<bool, StoreError> {
    match writer {
        Writer::Program(key) => program_holds(tx, *key, clock).await,
        Writer::Person(standing) => match standing.sign_in {
            Some(sign_in) => person_holds(tx, sign_in, standing, clock).await,
            None => outsider_holds(tx, standing.user).await,
        },
    }
}

async fn program_holds(tx: &mut TenantTx, key: ApiKeyId, clock: &dyn Clock) -> Result<bool, StoreError> {
    let holds = query_scalar!(
        r#"SELECT revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS "holds!"
           FROM api_keys WHERE id = $1"#,
        key.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(holds.unwrap_or(false))
}

async fn person_holds(
    tx: &mut TenantTx,
    sign_in: SignInId,
    standing: &Standing,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let Some(row) = query!(
        r#"SELECT u.role AS "role: Named<Role>", r.permissions AS "role_permissions?",
                  ARRAY(SELECT unnest(e.permissions) FROM elevations e
                        WHERE e.user_id = u.id AND e.expires_at > $3 AND e.ended_at IS NULL) AS "elevated!"
           FROM sign_ins s JOIN users u ON u.id = s.user_id LEFT JOIN roles r ON r.id = u.role_id
           WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND u.deactivated_at IS NULL"#,
        sign_in.as_uuid(),
        standing.user.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(false);
    };
    let lasting = match &row.role_permissions {
        Some(names) => Permissions::from_names(names),
        None => Role::from(row.role).permissions(),
    };
    let all = lasting.or(Permissions::from_names(&row.elevated));
    // The token's permissions as a whole, not just the one that is needed now: who has lost any of them has to get
    // another token, which says so. More than it says does no harm.
    Ok(lasting.includes(standing.lasting) && all.includes(standing.permissions))
}

/// An outside issuer's user, who is entered at the first visit and so may be unknown. Their issuer decides
/// what they may do; here they can only have been shut out.
async fn outsider_holds(tx: &mut TenantTx, user: UserId) -> Result<bool, StoreError> {
    // With a password the id belongs to a user of this server, not the issuer's: its token must not write in their
    // name.
    let holds = query_scalar!(
        r#"SELECT deactivated_at IS NULL AND password_hash IS NULL AS "holds!" FROM users WHERE id = $1"#,
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(holds.unwrap_or(true))
}
