//! Conversations: one thread for each customer on each channel.

use crate::{
    column::{self, to_count},
    error::StoreError,
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId, ConversationId, UserId},
    protocol::inbox::{Contact, Conversation, ConversationStatus, InboxEvent},
};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A conversation's place in the list of the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When its latest message was.
    pub last_message_at: OffsetDateTime,
    /// Its id, which decides between equal times.
    pub id: ConversationId,
}

/// What an agent changes about a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Where it stands from now on.
    pub status: Option<ConversationStatus>,
    /// Who answers it from now on; `Some(None)` gives it back to all.
    pub assignee: Option<Option<UserId>>,
    /// Whether its messages have been read.
    pub read: bool,
}

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The account has no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// The account has no such user.
    #[error("there is no such user to assign to")]
    UnknownAssignee,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UpdateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

struct Row {
    id: Uuid,
    channel_id: Uuid,
    channel_kind: String,
    contact_id: Uuid,
    contact_name: String,
    status: String,
    assignee_id: Option<Uuid>,
    preview: String,
    last_message_at: OffsetDateTime,
    unread: i32,
}

impl TryFrom<Row> for Conversation {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ConversationId::from_uuid(row.id),
            channel_id: ChannelId::from_uuid(row.channel_id),
            channel_kind: column::channel_kind(&row.channel_kind)?,
            contact: Contact { id: ContactId::from_uuid(row.contact_id), name: row.contact_name },
            status: column::conversation_status(&row.status)?,
            assignee_id: row.assignee_id.map(UserId::from_uuid),
            preview: row.preview,
            last_message_at: row.last_message_at,
            unread: to_count(row.unread),
        })
    }
}

/// The conversation with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
    query_as!(
        Row,
        "SELECT c.id, c.channel_id, channels.kind AS channel_kind, c.contact_id, contacts.name AS contact_name,
                c.status, c.assignee_id, c.preview, c.last_message_at, c.unread
         FROM conversations c
         JOIN contacts ON contacts.id = c.contact_id
         JOIN channels ON channels.id = c.channel_id
         WHERE c.id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Conversation::try_from)
    .transpose()
}

/// The latest conversations first, with one status or any, those below `below`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    status: Option<ConversationStatus>,
    below: Option<Position>,
    limit: u16,
) -> Result<Vec<Conversation>, StoreError> {
    let (time, id) =
        below.map_or((None, None), |below| (Some(below.last_message_at), Some(below.id.as_uuid())));
    let rows = match status {
        // Two statements, so that each has the index that fits it.
        Some(status) => {
            query_as!(
                Row,
                "SELECT c.id, c.channel_id, channels.kind AS channel_kind, c.contact_id,
                        contacts.name AS contact_name, c.status, c.assignee_id, c.preview, c.last_message_at, c.unread
                 FROM conversations c
                 JOIN contacts ON contacts.id = c.contact_id
                 JOIN channels ON channels.id = c.channel_id
                 WHERE c.status = $4
                   AND (c.last_message_at, c.id) < (coalesce($1::timestamptz, 'infinity'),
                        coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                 ORDER BY c.last_message_at DESC, c.id DESC LIMIT $3",
                time,
                id,
                i64::from(limit),
                status.as_str()
            )
            .fetch_all(tx.connection())
            .await?
        }
        None => {
            query_as!(
                Row,
                "SELECT c.id, c.channel_id, channels.kind AS channel_kind, c.contact_id,
                        contacts.name AS contact_name, c.status, c.assignee_id, c.preview, c.last_message_at, c.unread
                 FROM conversations c
                 JOIN contacts ON contacts.id = c.contact_id
                 JOIN channels ON channels.id = c.channel_id
                 WHERE (c.last_message_at, c.id) < (coalesce($1::timestamptz, 'infinity'),
                        coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                 ORDER BY c.last_message_at DESC, c.id DESC LIMIT $3",
                time,
                id,
                i64::from(limit)
            )
            .fetch_all(tx.connection())
            .await?
        }
    };
    rows.into_iter().map(Conversation::try_from).collect()
}

/// Changes a conversation and tells the inbox, if anything is different.
///
/// # Errors
/// [`UpdateError`]; then nothing was changed.
pub async fn update(
    tx: &mut TenantTx,
    id: ConversationId,
    change: &Change,
    clock: &dyn Clock,
) -> Result<Conversation, UpdateError> {
    outbox::hold(tx).await?;
    let before = find(tx, id).await?.ok_or(UpdateError::NotFound)?;
    let status = change.status.unwrap_or(before.status);
    let assignee = change.assignee.unwrap_or(before.assignee_id);
    if let Some(user) = assignee
        && assignee != before.assignee_id
        && query_scalar!("SELECT id FROM users WHERE id = $1", user.as_uuid())
            .fetch_optional(tx.connection())
            .await?
            .is_none()
    {
        return Err(UpdateError::UnknownAssignee);
    }
    let unread = if change.read { 0 } else { before.unread };
    let after = Conversation { status, assignee_id: assignee, unread, ..before.clone() };
    if after == before {
        return Ok(before);
    }
    query!(
        "UPDATE conversations SET status = $2, assignee_id = $3, unread = $4 WHERE id = $1",
        id.as_uuid(),
        status.as_str(),
        assignee.map(UserId::as_uuid),
        i32::try_from(unread).unwrap_or(i32::MAX)
    )
    .execute(tx.connection())
    .await?;
    outbox::append(tx, &InboxEvent::ConversationUpdated { conversation: after.clone() }, clock).await?;
    Ok(after)
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
    let id = ConversationId::generate(clock);
    let account = tx.account_column();
    query!(
        "INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
         VALUES ($1, $2, $3, $4, 'open', $5, $6)",
        account,
        id.as_uuid(),
        channel.as_uuid(),
        contact.as_uuid(),
        first_message_at,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(id)
}

/// How much of a message the list shows, in characters.
const PREVIEW_CHARS: usize = 140;

/// What the list shows of a message: its beginning, or its kind where it has no text.
pub(crate) fn preview(text: Option<&str>, kind: &str) -> String {
    match text {
        Some(text) => {
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PREVIEW_CHARS).collect()
        }
        None => format!("[{kind}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview(Some("two\n\nlines"), "text"), "two lines");
        assert_eq!(preview(Some(&"ü".repeat(200)), "text").chars().count(), PREVIEW_CHARS);
        assert_eq!(preview(None, "image"), "[image]");
    }
}
