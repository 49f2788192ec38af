//! Notes: what agents write to each other beside a conversation. Customers never see them.

use crate::{
    column, conversations,
    error::{ChangeError, StoreError},
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ConversationId, NoteId, UserId},
    protocol::inbox::{InboxEvent, Note},
};
use sqlx::{query, query_as};
use uuid::Uuid;

/// Writes a note and tells the inbox.
///
/// # Errors
/// [`ChangeError::NotFound`] if the account has no such conversation.
pub async fn create(
    tx: &mut TenantTx,
    conversation: ConversationId,
    author: UserId,
    text: &str,
    clock: &dyn Clock,
) -> Result<Note, ChangeError> {
    outbox::lock(tx).await?;
    conversations::find(tx, conversation).await?.ok_or(ChangeError::NotFound)?;
    let account = tx.account_column();
    let note = query_as!(
        Note,
        "INSERT INTO notes (account_id, id, conversation_id, author_id, text, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         RETURNING id, conversation_id, author_id, text, created_at, updated_at",
        account,
        NoteId::generate(clock).as_uuid(),
        conversation.as_uuid(),
        author.as_uuid(),
        &*column::text(text),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    outbox::append(tx, &InboxEvent::NoteCreated { note: note.clone() }, clock).await?;
    Ok(note)
}

/// The note with this id in this conversation.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    tx: &mut TenantTx,
    conversation: ConversationId,
    id: NoteId,
) -> Result<Option<Note>, StoreError> {
    let row = query_as!(
        Note,
        "SELECT id, conversation_id, author_id, text, created_at, updated_at FROM notes
         WHERE id = $1 AND conversation_id = $2",
        id.as_uuid(),
        conversation.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// A conversation's notes, the latest first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    conversation: ConversationId,
    before: Option<NoteId>,
    limit: u16,
) -> Result<Vec<Note>, StoreError> {
    let rows = query_as!(
        Note,
        "SELECT id, conversation_id, author_id, text, created_at, updated_at FROM notes
         WHERE conversation_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        conversation.as_uuid(),
        before.map_or(Uuid::max(), NoteId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Writes a note anew and tells the inbox.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn update(
    tx: &mut TenantTx,
    id: NoteId,
    text: &str,
    clock: &dyn Clock,
) -> Result<Note, ChangeError> {
    outbox::lock(tx).await?;
    let row = query_as!(
        Note,
        "UPDATE notes SET text = $2, updated_at = $3 WHERE id = $1
         RETURNING id, conversation_id, author_id, text, created_at, updated_at",
        id.as_uuid(),
        &*column::text(text),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    let note = row.ok_or(ChangeError::NotFound)?;
    outbox::append(tx, &InboxEvent::NoteUpdated { note: note.clone() }, clock).await?;
    Ok(note)
}

/// Deletes a note and tells the inbox.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn delete(tx: &mut TenantTx, note: &Note, clock: &dyn Clock) -> Result<(), ChangeError> {
    outbox::lock(tx).await?;
    let done = query!("DELETE FROM notes WHERE id = $1", note.id.as_uuid()).execute(tx.connection()).await?;
    if done.rows_affected() == 0 {
        return Err(ChangeError::NotFound);
    }
    let (note_id, conversation_id) = (note.id, note.conversation_id);
    outbox::append(tx, &InboxEvent::NoteDeleted { note_id, conversation_id }, clock).await?;
    Ok(())
}
