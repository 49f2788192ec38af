//! The beginning of a conversation.

use super::find;
use crate::{
    error::{ChangeError, StoreError},
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId, ConversationId},
    protocol::inbox::{Conversation, InboxEvent},
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;

/// Begins a conversation with a contact on a channel.
///
/// # Errors
/// [`ChangeError::Taken`] if there is one; [`ChangeError::Referenced`] if the account has no such
/// contact or channel.
pub async fn begin(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    clock: &dyn Clock,
) -> Result<Conversation, ChangeError> {
    outbox::lock(tx).await?;
    let id = insert(tx, channel, contact, clock.utc(), clock).await?;
    let conversation = find(tx, id).await?.ok_or(ChangeError::NotFound)?;
    let event = InboxEvent::ConversationUpdated { conversation: conversation.clone() };
    outbox::append(tx, &event, clock).await?;
    Ok(conversation)
}

/// The conversation with `contact` on `channel`, begun if need be.
pub(crate) async fn find_or_begin(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    first_message_at: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<ConversationId, StoreError> {
    let known = query_scalar!(
        "SELECT id FROM conversations WHERE channel_id = $1 AND contact_id = $2",
        channel.as_uuid(),
        contact.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    if let Some(id) = known {
        return Ok(ConversationId::from_uuid(id));
    }
    Ok(insert(tx, channel, contact, first_message_at, clock).await?)
}

async fn insert(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    at: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<ConversationId, sqlx::Error> {
    let id = ConversationId::generate(clock);
    let account = tx.account_column();
    query!(
        "INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
         VALUES ($1, $2, $3, $4, 'open', $5, $6)",
        account,
        id.as_uuid(),
        channel.as_uuid(),
        contact.as_uuid(),
        at,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(id)
}
