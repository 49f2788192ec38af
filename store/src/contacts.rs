//! Contacts: customers, and the names that channels have for them.

mod book;
mod merge;

pub use book::{
    After, Contact, ContactChange, ContactIdentity, NewContact, add_identity, create, find, list,
    remove_identity, search, update,
};
pub use merge::{Merge, merge, merges, unmerge};

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId},
};
use sqlx::{query, query_scalar};

/// How a channel names a customer, such as scheme `phone` with a number.
///
/// Deliberately neither `Debug` nor `Display`: it identifies a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// What kind of name: `phone`, `bsuid`, …
    pub scheme: String,
    /// The name itself.
    pub value: String,
}

/// Finds the contact that has one of `identities` on `channel`, or creates it,
/// and lets it have all of them from now on.
///
/// The first known identity decides. `name` is what the channel calls the
/// customer now; without one the first identity stands in when the contact is new.
/// The transaction must hold the inbox, as [`crate::messages::receive`] sees to.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn identify(
    tx: &mut TenantTx,
    channel: ChannelId,
    identities: &[Identity],
    name: Option<&str>,
    clock: &dyn Clock,
) -> Result<ContactId, StoreError> {
    let name = name.map(column::text).filter(|name| !name.trim().is_empty());
    let schemes: Vec<String> =
        identities.iter().map(|identity| column::text(&identity.scheme).into_owned()).collect();
    let values: Vec<String> =
        identities.iter().map(|identity| column::text(&identity.value).into_owned()).collect();
    let account = tx.account_column();
    // The order of the names decides, not that of the rows: where a phone number was given to somebody else, the surer
    // name, which comes first, still finds the right person.
    let known = query_scalar!(
        // One by one: `LIMIT 1` keeps it from reading all that the channel has, to join them.
        "SELECT i.contact_id
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (scheme, value, position)
         CROSS JOIN LATERAL (
             SELECT contact_id FROM contact_identities
             WHERE channel_id = $1 AND scheme = wanted.scheme AND value = wanted.value LIMIT 1
         ) i
         ORDER BY wanted.position LIMIT 1",
        channel.as_uuid(),
        &schemes,
        &values
    )
    .fetch_optional(tx.connection())
    .await?;
    let id = match known {
        Some(id) => {
            if let Some(name) = name {
                query!("UPDATE contacts SET name = $2 WHERE id = $1 AND name <> $2", id, &*name)
                    .execute(tx.connection())
                    .await?;
            }
            ContactId::from_uuid(id)
        }
        None => {
            let id = ContactId::generate(clock);
            let name = name.as_deref().or(values.first().map(String::as_str)).unwrap_or_default();
            query!(
                "INSERT INTO contacts (account_id, id, name, created_at) VALUES ($1, $2, $3, $4)",
                account,
                id.as_uuid(),
                name,
                clock.utc()
            )
            .execute(tx.connection())
            .await?;
            id
        }
    };
    // A name that another contact has stays there: who is the same person is for people to say, by a merge.
    query!(
        "INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
         SELECT $1, $2, scheme, value, $5 FROM unnest($3::text[], $4::text[]) AS known (scheme, value)
         ON CONFLICT DO NOTHING",
        account,
        channel.as_uuid(),
        &schemes,
        &values,
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(id)
}

/// The names that `channel` has for a contact, to send to.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn identities(
    tx: &mut TenantTx,
    contact: ContactId,
    channel: ChannelId,
) -> Result<Vec<Identity>, StoreError> {
    // `IS TRUE` leaves it the index of the contact: the other one has the channel and this order, and everybody.
    let rows = query!(
        "SELECT scheme, value FROM contact_identities
         WHERE contact_id = $1 AND (channel_id = $2) IS TRUE ORDER BY scheme, value",
        contact.as_uuid(),
        channel.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| Identity { scheme: row.scheme, value: row.value }).collect())
}
