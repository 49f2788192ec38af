//! The names that channels have for a contact, as agents add and remove them.

use crate::{
    column,
    contacts::Identity,
    error::{ChangeError, StoreError},
    outbox,
    tenant::TenantTx,
};
use common::id::{ChannelId, ContactId};
use sqlx::query;

/// Adds a channel's name to a contact.
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
