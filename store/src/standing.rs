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
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

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
        Writer::Person(standing) => Ok(hold(tx, &[*standing], clock).await? == [true]),
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

/// Whether each of these tokens of persons says what is true at this moment, as [`holds`] does.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hold(
    tx: &mut TenantTx,
    standings: &[Standing],
    clock: &dyn Clock,
) -> Result<Vec<bool>, StoreError> {
    // Each once: who says much at once is looked up as often as who says little.
    let (mut signed_in, mut outside) = (BTreeSet::new(), BTreeSet::new());
    for standing in standings {
        match standing.sign_in {
            Some(sign_in) => signed_in.insert((sign_in.as_uuid(), standing.user.as_uuid())),
            None => outside.insert(standing.user.as_uuid()),
        };
    }
    let signed_in: (Vec<Uuid>, Vec<Uuid>) = signed_in.into_iter().unzip();
    let outside: Vec<Uuid> = outside.into_iter().collect();
    let rights = if signed_in.0.is_empty() { BTreeMap::new() } else { rights(tx, &signed_in, clock).await? };
    let shut_out = if outside.is_empty() { BTreeSet::new() } else { shut_out(tx, &outside).await? };
    let holds = |standing: &Standing| match standing.sign_in {
        // The token's permissions as a whole, not just the one that is needed now: who has lost any of them has to
        // get another token, which says so. More than it says does no harm.
        Some(sign_in) => rights.get(&(sign_in, standing.user)).is_some_and(|rights| {
            rights.lasting.includes(standing.lasting) && rights.all.includes(standing.permissions)
        }),
        None => !shut_out.contains(&standing.user),
    };
    Ok(standings.iter().map(holds).collect())
}

/// What somebody may do.
struct Rights {
    /// By their role.
    lasting: Permissions,
    /// By that and what they are elevated to.
    all: Permissions,
}

/// What those may do whose sign-in has not ended: sign-ins, each with its user.
async fn rights(
    tx: &mut TenantTx,
    (sign_ins, users): &(Vec<Uuid>, Vec<Uuid>),
    clock: &dyn Clock,
) -> Result<BTreeMap<(SignInId, UserId), Rights>, StoreError> {
    // LIMIT has each looked up by itself: however few people an account has, not all of them are read for some.
    let rows = query!(
        r#"SELECT s.id AS "sign_in!", u.id AS "user_id!", u.role AS "role: Named<Role>",
                  r.permissions AS "role_permissions?",
                  ARRAY(SELECT unnest(e.permissions) FROM elevations e
                        WHERE e.user_id = u.id AND e.expires_at > $3 AND e.ended_at IS NULL) AS "elevated!"
           FROM unnest($1::uuid[], $2::uuid[]) AS asked (sign_in, user_id)
           CROSS JOIN LATERAL (SELECT id FROM sign_ins WHERE id = asked.sign_in AND user_id = asked.user_id
                                   AND revoked_at IS NULL LIMIT 1) AS s
           CROSS JOIN LATERAL (SELECT id, role, role_id FROM users WHERE id = asked.user_id
                                   AND deactivated_at IS NULL LIMIT 1) AS u
           LEFT JOIN roles r ON r.id = u.role_id"#,
        sign_ins,
        users,
        clock.utc()
    )
    .fetch_all(tx.connection())
    .await?;
    let rights = rows.into_iter().map(|row| {
        let lasting = match &row.role_permissions {
            Some(names) => Permissions::from_names(names),
            None => Role::from(row.role).permissions(),
        };
        let all = lasting.or(Permissions::from_names(&row.elevated));
        ((SignInId::from_uuid(row.sign_in), UserId::from_uuid(row.user_id)), Rights { lasting, all })
    });
    Ok(rights.collect())
}

/// Those of an outside issuer's users, who are entered at the first visit and so may be unknown, that have been shut
/// out. Their issuer decides what they may do.
async fn shut_out(tx: &mut TenantTx, users: &[Uuid]) -> Result<BTreeSet<UserId>, StoreError> {
    // With a password the id belongs to a user of this server, not the issuer's: its token must not write in their
    // name.
    let known = query!(
        r#"SELECT asked.id AS "id!", u.is_shut_out AS "is_shut_out!"
           FROM unnest($1::uuid[]) AS asked (id)
           CROSS JOIN LATERAL (SELECT deactivated_at IS NOT NULL OR password_hash IS NOT NULL AS is_shut_out
                               FROM users WHERE users.id = asked.id LIMIT 1) AS u"#,
        users
    )
    .fetch_all(tx.connection())
    .await?;
    let shut_out = known.into_iter().filter(|row| row.is_shut_out);
    Ok(shut_out.map(|row| UserId::from_uuid(row.id)).collect())
}
