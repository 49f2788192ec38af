//! An agent's reply: stored as queued together with the work of sending it.

use super::messages;
use crate::{column, conversations, error::StoreError, outbox, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ConversationId, MessageId, UserId},
    protocol::inbox::{InboxEvent, Message},
};
use sqlx::query;
use uuid::Uuid;

/// A reply to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewReply<'a> {
    /// The conversation that is answered.
    pub conversation: ConversationId,
    /// The agent who wrote it.
    pub author: UserId,
    /// What it says.
    pub text: &'a str,
}

/// Why a reply is not stored.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The account has no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Stores a reply, queues it to be sent and tells the inbox.
///
/// # Errors
/// [`ReplyError`]; then nothing was stored.
pub async fn reply(
    tx: &mut TenantTx,
    reply: &NewReply<'_>,
    clock: &dyn Clock,
) -> Result<Message, ReplyError> {
    outbox::lock(tx).await?;
    let text = column::text(reply.text);
    let Some(conversation) = query!(
        "UPDATE conversations
         SET last_seq = last_seq + 1, unread = 0, preview = $2, last_message_at = greatest(last_message_at, $3)
         WHERE id = $1 RETURNING last_seq, channel_id",
        reply.conversation.as_uuid(),
        conversations::preview(Some(&text), "text"),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Err(ReplyError::NotFound);
    };
    let message = insert(tx, reply, &text, conversation.last_seq, conversation.channel_id, clock).await?;
    let conversation = conversations::find(tx, reply.conversation).await?.ok_or(ReplyError::NotFound)?;
    outbox::append(tx, &InboxEvent::MessageCreated { conversation, message: message.clone() }, clock).await?;
    Ok(message)
}

async fn insert(
    tx: &mut TenantTx,
    reply: &NewReply<'_>,
    text: &str,
    seq: i64,
    channel: Uuid,
    clock: &dyn Clock,
) -> Result<Message, StoreError> {
    let account = tx.account_column();
    let message = messages!(
        "WITH message AS (
             INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, author_id, kind, text,
                                   status, created_at)
             VALUES ($1, $2, $3, $4, $5, 'outbound', $6, 'text', $7, 'queued', $8)
             RETURNING *
         ), work AS (
             INSERT INTO replies (account_id, message_id, conversation_id, seq, due_at)
             SELECT $1, id, conversation_id, seq, created_at FROM message
         )
         SELECT ", " FROM message",
        account,
        MessageId::generate(clock).as_uuid(),
        reply.conversation.as_uuid(),
        seq,
        channel,
        reply.author.as_uuid(),
        text,
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(message)
}
