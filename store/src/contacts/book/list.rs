//! Lists of contacts: in an order, or by words.

use super::{Contact, Row, select};
use crate::{
    column,
    error::StoreError,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::id::ContactId;
use sqlx::query_as;
use uuid::Uuid;

/// The position after which a list of contacts goes on, and with it the list's order; `None` is the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// In the order of creation, after this one.
    Created(Option<ContactId>),
    /// In the order of the names, and under the same name of creation, after this one.
    Name(Option<(String, ContactId)>),
}

/// The account's contacts, without those that another stands for, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: &After, limit: u16) -> Result<Vec<Contact>, StoreError> {
    // Two statements, each with an index in its order. One statement for both orders would sort all contacts for each
    // page.
    let rows = match after {
        After::Created(after) => {
            select!(
                "WHERE c.id > $1 AND c.merged_into IS NULL ORDER BY c.id LIMIT $2",
                after.map_or(Uuid::nil(), ContactId::as_uuid),
                i64::from(limit)
            )
            .fetch_all(tx.connection())
            .await?
        }
        After::Name(after) => {
            let (name, id) =
                after.as_ref().map_or(("", Uuid::nil()), |(name, id)| (name.as_str(), id.as_uuid()));
            select!(
                "WHERE (c.name, c.id) > ($1, $2) AND c.merged_into IS NULL ORDER BY c.name, c.id LIMIT $3",
                &*column::text(name),
                id,
                i64::from(limit)
            )
            .fetch_all(tx.connection())
            .await?
        }
    };
    Ok(rows.into_iter().map(Contact::from).collect())
}

/// Contacts in whose name, e-mail address or phone number all words of `question` begin, the newest
/// first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn search(
    tx: &mut TenantTx,
    question: &str,
    before: Option<ContactId>,
    limit: u16,
) -> Result<Vec<Contact>, StoreError> {
    let words = words(question);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    by_words(tx).await?;
    // `::integer` and `IS TRUE` keep the planner from the index on ids of contacts that are not merged: it would walk
    // through all of them in the wanted order, and compare each with what was found.
    let rows = select!(
        "WHERE c.id = ANY (ARRAY(SELECT id FROM contacts
             WHERE search @@ asked($1) AND search @@ asked($1) AND search @@ asked($1)))
           AND (c.merged_into IS NULL)::integer = 1 AND (c.id < $2) IS TRUE
         ORDER BY c.id DESC LIMIT $3",
        &words,
        before.map_or(Uuid::max(), ContactId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Contact::from).collect())
}
