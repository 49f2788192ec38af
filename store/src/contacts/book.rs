//! The address book: contacts as agents read and write them.

use super::Identity;
use crate::{
    column, conversations,
    error::{ChangeError, StoreError},
    outbox,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

/// A customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ContactDetails))]
pub struct Contact {
    /// UUIDv7: later ones sort later.
    pub id: ContactId,
    /// As agents wrote it, or as a channel calls them.
    pub name: String,
    /// As it was written.
    pub email: Option<String>,
    /// As it was written.
    pub phone: Option<String>,
    /// What the account's own programs say about it.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Map<String, Value>,
    /// The contact that stands for it, if they were merged.
    pub merged_into: Option<ContactId>,
    /// When it was first seen.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// How channels name it and those that were merged into it.
    pub identities: Vec<ContactIdentity>,
}

/// How a channel names a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContactIdentity {
    /// The channel that knows the customer by it.
    pub channel_id: ChannelId,
    /// What kind of name, such as `phone` or `bsuid`.
    #[cfg_attr(feature = "openapi", schema(example = "phone"))]
    pub scheme: String,
    /// The name itself.
    #[cfg_attr(feature = "openapi", schema(example = "15550100"))]
    pub value: String,
}

/// A contact to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewContact<'a> {
    /// What the contact is called until an agent says otherwise.
    pub name: &'a str,
    /// Its e-mail address.
    pub email: Option<&'a str>,
    /// Its phone number.
    pub phone: Option<&'a str>,
    /// What the account's own programs say about it.
    pub attributes: &'a Map<String, Value>,
}

/// What is changed about a contact; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ContactChange<'a> {
    /// What the contact is called; `None` leaves it.
    pub name: Option<&'a str>,
    /// Its e-mail address.
    pub email: Option<Option<&'a str>>,
    /// Its phone number.
    pub phone: Option<Option<&'a str>>,
    /// Members to set; null takes one away.
    pub attributes: Option<&'a Map<String, Value>>,
}

struct Row {
    id: ContactId,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    attributes: Value,
    merged_into: Option<Uuid>,
    created_at: OffsetDateTime,
    channels: Vec<Uuid>,
    schemes: Vec<String>,
    values: Vec<String>,
}

impl From<Row> for Contact {
    fn from(row: Row) -> Self {
        let identities =
            row.channels.into_iter().zip(row.schemes).zip(row.values).map(|((channel, scheme), value)| {
                ContactIdentity { channel_id: channel.into(), scheme, value }
            });
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            phone: row.phone,
            attributes: column::object(row.attributes),
            merged_into: row.merged_into.map(ContactId::from_uuid),
            created_at: row.created_at,
            identities: identities.collect(),
        }
    }
}

/// The contacts where the clause holds, for [`Row`].
macro_rules! select {
    ($clause:literal, $($argument:expr),* $(,)?) => {
        query_as!(
            Row,
            r#"SELECT c.id, c.name, c.email, c.phone, c.attributes, c.merged_into, c.created_at,
                      coalesce(i.channels, '{}') AS "channels!", coalesce(i.schemes, '{}') AS "schemes!",
                      coalesce(i.names, '{}') AS "values!"
               FROM contacts c
               LEFT JOIN LATERAL (
                   SELECT array_agg(i.channel_id ORDER BY i.channel_id, i.scheme, i.value) AS channels,
                          array_agg(i.scheme ORDER BY i.channel_id, i.scheme, i.value) AS schemes,
                          array_agg(i.value ORDER BY i.channel_id, i.scheme, i.value) AS names
                   FROM contact_identities i
                   WHERE i.contact_id = ANY (ARRAY(SELECT c.id UNION ALL
                         SELECT merged.id FROM contacts merged WHERE merged.merged_into = c.id))
               ) i ON true "# + $clause,
            $($argument),*
        )
    };
}

/// The contact with this id, merged or not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ContactId) -> Result<Option<Contact>, StoreError> {
    let row = select!("WHERE c.id = $1", id.as_uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.map(Contact::from))
}

/// Where a list of contacts goes on, which says its order too; `None` is the beginning.
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

/// Creates a contact.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    tx: &mut TenantTx,
    contact: &NewContact<'_>,
    clock: &dyn Clock,
) -> Result<Contact, ChangeError> {
    let id = ContactId::generate(clock);
    let email = contact.email.map(column::text);
    let phone = contact.phone.map(column::text);
    let account = tx.account_column();
    query!(
        "INSERT INTO contacts (account_id, id, name, email, phone, attributes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        account,
        id.as_uuid(),
        &*column::text(contact.name),
        email.as_deref(),
        phone.as_deref(),
        column::json(&Value::Object(contact.attributes.clone())),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    find(tx, id).await?.ok_or(ChangeError::NotFound)
}

/// Changes a contact.
///
/// # Errors
/// [`ChangeError::NotFound`]; [`ChangeError::Referenced`] if its attributes become too long together.
pub async fn update(
    tx: &mut TenantTx,
    id: ContactId,
    change: &ContactChange<'_>,
) -> Result<Contact, ChangeError> {
    // Names come from channels too, which hold the inbox.
    outbox::lock(tx).await?;
    // Read under the lock: attributes are merged here, and of two changes at once the second must see the first.
    let mut contact = find(tx, id).await?.ok_or(ChangeError::NotFound)?;
    if let Some(attributes) = change.attributes {
        conversations::merge(&mut contact.attributes, attributes).ok_or(ChangeError::Referenced)?;
    }
    let email = change.email.unwrap_or(contact.email.as_deref()).map(column::text);
    let phone = change.phone.unwrap_or(contact.phone.as_deref()).map(column::text);
    query!(
        "UPDATE contacts SET name = $2, email = $3, phone = $4, attributes = $5 WHERE id = $1",
        id.as_uuid(),
        &*column::text(change.name.unwrap_or(&contact.name)),
        email.as_deref(),
        phone.as_deref(),
        column::json(&Value::Object(contact.attributes.clone()))
    )
    .execute(tx.connection())
    .await?;
    find(tx, id).await?.ok_or(ChangeError::NotFound)
}

/// Lets a channel name a contact so.
///
/// # Errors
/// [`ChangeError::Taken`] if it names another; [`ChangeError::Referenced`] if the account has no
/// such contact or channel.
pub async fn add_identity(
    tx: &mut TenantTx,
    contact: ContactId,
    channel: ChannelId,
    identity: &Identity,
) -> Result<(), ChangeError> {
    outbox::lock(tx).await?;
    let account = tx.account_column();
    query!(
        "INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
         VALUES ($1, $2, $3, $4, $5)",
        account,
        channel.as_uuid(),
        &*column::text(&identity.scheme),
        &*column::text(&identity.value),
        contact.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes a channel's name from a contact; false if it had none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove_identity(
    tx: &mut TenantTx,
    contact: ContactId,
    channel: ChannelId,
    identity: &Identity,
) -> Result<bool, StoreError> {
    outbox::lock(tx).await?;
    let done = query!(
        "DELETE FROM contact_identities
         WHERE contact_id = $1 AND channel_id = $2 AND scheme = $3 AND value = $4",
        contact.as_uuid(),
        channel.as_uuid(),
        &*column::text(&identity.scheme),
        &*column::text(&identity.value)
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}
