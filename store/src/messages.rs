//! Messages of conversations: received, replied, and followed until they are read.

mod attachments;
mod receive;
mod reply;
mod status;

pub use attachments::{RemoteFile, attachment};
pub use receive::{Inbound, Received, receive};
pub use reply::{NewReply, ReplyError, reply};
pub use status::{StatusOutcome, StatusReport, apply_status, refused, sent};

use crate::{
    column::{self, from_seq, to_seq},
    error::StoreError,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::{
    id::{ConversationId, MessageId, UserId},
    protocol::inbox::Message,
};
use serde_json::Value;
use sqlx::{query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A stretch of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// To read what was before: the `before` of the next call. `None` at the beginning.
    pub older: Option<u64>,
}

struct Row {
    id: Uuid,
    conversation_id: Uuid,
    direction: String,
    author_id: Option<Uuid>,
    text: Option<String>,
    attachments: Value,
    status: String,
    error: Option<String>,
    created_at: OffsetDateTime,
    sent_at: Option<OffsetDateTime>,
    delivered_at: Option<OffsetDateTime>,
    read_at: Option<OffsetDateTime>,
    failed_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Message {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId::from_uuid(row.id),
            conversation_id: ConversationId::from_uuid(row.conversation_id),
            direction: column::direction(&row.direction)?,
            author_id: row.author_id.map(UserId::from_uuid),
            text: row.text,
            truncated: false,
            attachments: attachments::of(row.attachments),
            status: column::delivery_status(&row.status)?,
            error: row.error,
            created_at: row.created_at,
            sent_at: row.sent_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            failed_at: row.failed_at,
        })
    }
}

/// Messages in whose text all words of `question` begin, the newest first, those before `before`, at
/// most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn search(
    tx: &mut TenantTx,
    question: &str,
    before: Option<MessageId>,
    limit: u16,
) -> Result<Vec<Message>, StoreError> {
    let words = words(question);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    by_words(tx).await?;
    let rows = query_as!(
        Row,
        "SELECT id, conversation_id, direction, author_id, text, attachments, status, error, created_at, sent_at, delivered_at,
                read_at, failed_at
         FROM messages WHERE id = ANY (ARRAY(SELECT id FROM messages
             WHERE search @@ asked($1) AND search @@ asked($1) AND search @@ asked($1))) AND (id < $2) IS TRUE
         ORDER BY id DESC LIMIT $3",
        &words,
        before.map_or(Uuid::max(), MessageId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter().map(Message::try_from).collect()
}

/// The message with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: MessageId) -> Result<Option<Message>, StoreError> {
    query_as!(
        Row,
        "SELECT id, conversation_id, direction, author_id, text, attachments, status, error, created_at, sent_at, delivered_at,
                read_at, failed_at
         FROM messages WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Message::try_from)
    .transpose()
}

/// What a channel said about a message beyond its text, as [`Inbound::metadata`] put it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn metadata(tx: &mut TenantTx, id: MessageId) -> Result<Option<Value>, StoreError> {
    Ok(query_scalar!("SELECT metadata FROM messages WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?)
}

/// The latest messages of a conversation, or those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    conversation: ConversationId,
    before: Option<u64>,
    limit: u16,
) -> Result<Page, StoreError> {
    let rows = sqlx::query!(
        "SELECT seq, id, conversation_id, direction, author_id, text, attachments, status, error, created_at, sent_at, delivered_at,
                read_at, failed_at
         FROM messages WHERE conversation_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
        conversation.as_uuid(),
        from_seq(before.unwrap_or(u64::MAX)),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    // Numbers begin at 1 and have no gaps.
    let older = rows.last().map(|row| to_seq(row.seq)).filter(|seq| *seq > 1);
    let messages = rows
        .into_iter()
        .rev()
        .map(|row| {
            Message::try_from(Row {
                id: row.id,
                conversation_id: row.conversation_id,
                direction: row.direction,
                author_id: row.author_id,
                text: row.text,
                attachments: row.attachments,
                status: row.status,
                error: row.error,
                created_at: row.created_at,
                sent_at: row.sent_at,
                delivered_at: row.delivered_at,
                read_at: row.read_at,
                failed_at: row.failed_at,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Page { messages, older })
}
