//! Contacts that agents create and change.

use super::{Contact, find};
use crate::{column, conversations, error::ChangeError, outbox, tenant::TenantTx};
use common::{clock::Clock, id::ContactId};
use serde_json::{Map, Value};
use sqlx::query;

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

/// A change to a contact; a member that is `None` stays as it is.
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

/// Creates a contact.
///
/// # Errors
/// [`ChangeError::Store`].
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
