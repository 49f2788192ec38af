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
    column::{Named, OptionalId, from_seq, to_seq},
    error::StoreError,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::{
    id::{ConversationId, MessageId},
    protocol::inbox::{DeliveryStatus, Direction, Message},
};
use serde_json::{Map, Value};
use sqlx::query_scalar;
use uuid::Uuid;

/// A stretch of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// To read what was before: the `before` of the next call. `None` at the beginning.
    pub older: Option<u64>,
}

/// Names of columns have at most 63 bytes, and these stand in one.
type DirectionColumn = Named<Direction>;
type StatusColumn = Named<DeliveryStatus>;

/// A statement that gives messages: `$before` and `$after` are what stands around the columns.
macro_rules! messages {
    ($before:literal, $after:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            common::protocol::inbox::Message,
            $before
                + r#"id, conversation_id, direction AS "direction: crate::messages::DirectionColumn",
                     author_id AS "author_id!: crate::column::OptionalId", text, false AS "truncated!",
                     attachments AS "attachments: crate::messages::attachments::Column",
                     status AS "status: crate::messages::StatusColumn", error, created_at, sent_at, delivered_at, read_at,
                     failed_at"#
                + $after,
            $($argument),*
        )
    };
}
use messages;

/// What is said about a message's files, from all that the channel said about them.
pub(crate) fn complete(row: &mut Map<String, Value>) -> Option<()> {
    let files = Vec::from(attachments::Column::from(row.remove("attachments")?));
    row.insert("attachments".to_owned(), serde_json::to_value(files).ok()?);
    Some(())
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
    let rows = messages!(
        "SELECT ",
        "
         FROM messages WHERE id = ANY (ARRAY(SELECT id FROM messages
             WHERE search @@ asked($1) AND search @@ asked($1) AND search @@ asked($1))) AND (id < $2) IS TRUE
         ORDER BY id DESC LIMIT $3",
        &words,
        before.map_or(Uuid::max(), MessageId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// The message with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: MessageId) -> Result<Option<Message>, StoreError> {
    let found = messages!(
        "SELECT ",
        "
         FROM messages WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
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
        r#"SELECT seq, id, conversation_id, direction AS "direction: DirectionColumn",
                  author_id AS "author_id!: OptionalId", text, attachments AS "attachments: attachments::Column",
                  status AS "status: StatusColumn", error, created_at, sent_at, delivered_at, read_at,
                  failed_at
           FROM messages WHERE conversation_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"#,
        conversation.as_uuid(),
        from_seq(before.unwrap_or(u64::MAX)),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    // Numbers begin at 1 and have no gaps.
    let older = rows.last().map(|row| to_seq(row.seq)).filter(|seq| *seq > 1);
    let messages = rows.into_iter().rev().map(|row| Message {
        id: row.id.into(),
        conversation_id: row.conversation_id.into(),
        direction: row.direction.into(),
        author_id: row.author_id.into(),
        text: row.text,
        truncated: false,
        attachments: row.attachments.into(),
        status: row.status.into(),
        error: row.error,
        created_at: row.created_at,
        sent_at: row.sent_at,
        delivered_at: row.delivered_at,
        read_at: row.read_at,
        failed_at: row.failed_at,
    });
    let messages = messages.collect();
    Ok(Page { messages, older })
}
