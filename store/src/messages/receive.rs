//! A customer's message, stored once however often the channel delivers it.

use super::messages;
use crate::{
    column,
    contacts::{self, Identity},
    conversations,
    error::StoreError,
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ConversationId, MessageId},
    protocol::inbox::{Conversation, InboxEvent, Message},
};
use serde_json::Value;
use sqlx::query_scalar;
use time::OffsetDateTime;

/// A message from a customer.
#[derive(Clone)]
pub struct Inbound<'a> {
    /// The channel it came through.
    pub channel: ChannelId,
    /// The channel's id for it.
    pub external_id: &'a str,
    /// How the channel names the sender, the surest name first; at least one.
    pub from: &'a [Identity],
    /// The sender's name, if the channel gives one.
    pub name: Option<&'a str>,
    /// What kind of message: `text`, `image`, …
    pub kind: &'a str,
    /// What it says, if it says something.
    pub text: Option<&'a str>,
    /// Everything else about it, for automations and later features.
    pub metadata: &'a Value,
    /// When it was written, by the channel's clock.
    pub created_at: OffsetDateTime,
}

/// The outcome of storing a customer's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is stored, and the inbox will be told.
    New {
        /// The conversation with it.
        conversation: Box<Conversation>,
        /// The message as it is stored.
        message: Box<Message>,
    },
    /// It had been stored before; nothing was changed.
    Duplicate,
}

/// Stores a customer's message: the contact, the conversation, which opens
/// again if it was resolved, and the event for the inbox.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn receive(
    tx: &mut TenantTx,
    inbound: &Inbound<'_>,
    clock: &dyn Clock,
) -> Result<Received, StoreError> {
    // The lock comes before the search for a duplicate. The other way round, two workers with the same message would
    // both find none, and the second would fail on the unique index with everything else it had done in its
    // transaction.
    outbox::lock(tx).await?;
    let external_id = column::text(inbound.external_id);
    let known = query_scalar!(
        "SELECT id FROM messages WHERE channel_id = $1 AND external_id = $2",
        inbound.channel.as_uuid(),
        &*external_id
    )
    .fetch_optional(tx.connection())
    .await?;
    if known.is_some() {
        return Ok(Received::Duplicate);
    }
    let contact = contacts::identify(tx, inbound.channel, inbound.from, inbound.name, clock).await?;
    // No channel's clock may put a conversation on top of the list for the years to come.
    let at = inbound.created_at.min(clock.utc());
    let conversation = conversations::find_or_begin(tx, inbound.channel, contact, at, clock).await?;
    let message = insert(tx, conversation, inbound, &external_id, at, clock).await?;
    // Read after the message is in: the event shows the conversation with its new preview, opened and unread.
    let conversation = conversations::find(tx, conversation).await?.ok_or(StoreError::NoAccount)?;
    let event = InboxEvent::MessageCreated { conversation: conversation.clone(), message: message.clone() };
    outbox::append(tx, &event, clock).await?;
    Ok(Received::New { conversation: Box::new(conversation), message: Box::new(message) })
}

async fn insert(
    tx: &mut TenantTx,
    conversation: ConversationId,
    inbound: &Inbound<'_>,
    external_id: &str,
    at: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<Message, StoreError> {
    let account = tx.account_column();
    let text = inbound.text.map(column::text);
    // The latest message is the one stored last; its time never runs backwards in the list.
    let seq = query_scalar!(
        "UPDATE conversations
         SET last_seq = last_seq + 1, unread = unread + 1, status = 'open', snoozed_until = NULL, preview = $2,
             last_message_at = greatest(last_message_at, $3)
         WHERE id = $1 RETURNING last_seq",
        conversation.as_uuid(),
        conversations::preview(text.as_deref(), inbound.kind),
        at
    )
    .fetch_one(tx.connection())
    .await?;
    let message = messages!(
        "INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, metadata,
                               external_id, status, created_at)
         VALUES ($1, $2, $3, $4, $5, 'inbound', $6, $7, $8, $9, 'delivered', $10)
         RETURNING ", "",
        account,
        MessageId::generate(clock).as_uuid(),
        conversation.as_uuid(),
        seq,
        inbound.channel.as_uuid(),
        &*column::text(inbound.kind),
        text.as_deref(),
        column::json(inbound.metadata),
        external_id,
        // As the channel says it, unlike the conversation's time: the customer's clock is part of the message.
        inbound.created_at
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(message)
}
