//! Two contacts that are the same person, and taking that back.
//!
//! Nothing is moved: the loser points at the winner, which stands for it
//! wherever it is shown. So taking it back is exact.

use super::book;
use crate::{
    error::{ChangeError, StoreError},
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ContactId, MergeId},
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;

/// Two contacts that are the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Merge {
    /// UUIDv7: later ones sort later.
    pub id: MergeId,
    /// The contact that stands for both.
    pub winner_id: ContactId,
    /// The contact that it stands for.
    pub loser_id: ContactId,
    /// When they were merged.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When that was taken back; null while it holds.
    #[serde(with = "time::serde::rfc3339::option")]
    pub undone_at: Option<OffsetDateTime>,
}

/// Lets `winner` stand for `loser`, and for those that `loser` stood for.
///
/// # Errors
/// [`ChangeError::NotFound`] if there is no such contact; [`ChangeError::Referenced`] if they are the
/// same, or another stands for one of them already.
pub async fn merge(
    tx: &mut TenantTx,
    winner: ContactId,
    loser: ContactId,
    clock: &dyn Clock,
) -> Result<Merge, ChangeError> {
    // Under the lock, so that of two merges of the same contacts the second sees the first. Without it, each could
    // point at the other, and nobody would stand for either.
    outbox::lock(tx).await?;
    for id in [winner, loser] {
        let contact = book::find(tx, id).await?.ok_or(ChangeError::NotFound)?;
        if contact.merged_into.is_some() || winner == loser {
            return Err(ChangeError::Referenced);
        }
    }
    // Everybody points straight at who stands for them, never along a chain: what shows a conversation joins once. Who
    // was moved is written down, because afterwards nothing else tells them from the winner's own.
    let moved = query_scalar!(
        "UPDATE contacts SET merged_into = $2 WHERE merged_into = $1 RETURNING id",
        loser.as_uuid(),
        winner.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    query!("UPDATE contacts SET merged_into = $2 WHERE id = $1", loser.as_uuid(), winner.as_uuid())
        .execute(tx.connection())
        .await?;
    let account = tx.account_column();
    let row = query_as!(
        Merge,
        "INSERT INTO contact_merges (account_id, id, winner_id, loser_id, moved, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING id, winner_id, loser_id, created_at, undone_at",
        account,
        MergeId::generate(clock).as_uuid(),
        winner.as_uuid(),
        loser.as_uuid(),
        &moved,
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// The merges that a contact took part in, the latest first; at most 100.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn merges(tx: &mut TenantTx, contact: ContactId) -> Result<Vec<Merge>, StoreError> {
    let rows = query_as!(
        Merge,
        r#"SELECT id AS "id!", winner_id AS "winner_id!", loser_id AS "loser_id!", created_at AS "created_at!", undone_at
           FROM (SELECT id, winner_id, loser_id, created_at, undone_at FROM contact_merges WHERE winner_id = $1
                 UNION
                 SELECT id, winner_id, loser_id, created_at, undone_at FROM contact_merges WHERE loser_id = $1) AS either
           ORDER BY id DESC LIMIT 100"#,
        contact.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Takes a merge back: every contact is as it was before.
///
/// # Errors
/// [`ChangeError::NotFound`] if there is no such merge of this contact; [`ChangeError::Referenced`]
/// if it was taken back already, or a later merge has to be taken back first.
pub async fn unmerge(
    tx: &mut TenantTx,
    contact: ContactId,
    id: MergeId,
    clock: &dyn Clock,
) -> Result<Merge, ChangeError> {
    outbox::lock(tx).await?;
    let merge = query!(
        "SELECT winner_id, loser_id, moved, undone_at FROM contact_merges
         WHERE id = $1 AND (winner_id = $2 OR loser_id = $2) FOR UPDATE",
        id.as_uuid(),
        contact.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?
    .ok_or(ChangeError::NotFound)?;
    let loser = book::find(tx, ContactId::from_uuid(merge.loser_id)).await?.ok_or(ChangeError::NotFound)?;
    // A later merge has moved the loser on to somebody else. Taking back this one first would leave those who came
    // with it where they are.
    let stands = loser.merged_into == Some(ContactId::from_uuid(merge.winner_id));
    if merge.undone_at.is_some() || !stands {
        return Err(ChangeError::Referenced);
    }
    query!("UPDATE contacts SET merged_into = NULL WHERE id = $1", merge.loser_id)
        .execute(tx.connection())
        .await?;
    query!("UPDATE contacts SET merged_into = $2 WHERE id = ANY ($1)", &merge.moved, merge.loser_id)
        .execute(tx.connection())
        .await?;
    let row = query_as!(
        Merge,
        "UPDATE contact_merges SET undone_at = $2 WHERE id = $1
         RETURNING id, winner_id, loser_id, created_at, undone_at",
        id.as_uuid(),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}
