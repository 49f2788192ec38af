//! Telling everything about a contact, and forgetting it.

use crate::{
    changes,
    column::uuids,
    contacts::{self, Contact, Merge},
    error::StoreError,
    imports, join_links, mailbox, messages, notes, notifications, outbox, recordings, room_events,
    system::REVIEWS_KEPT_FOR,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    guest::JOIN_TOKEN_TIME_MAX,
    id::{ContactId, ConversationId},
    protocol::inbox::{Conversation, InboxEvent, Message, Note},
};
use sqlx::{query, query_scalar};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Rows of one list that are read at once.
const BATCH: u16 = 500;

/// Everything about a contact.
#[derive(Debug, Clone)]
pub struct Export {
    /// The contact as REST shows it.
    pub contact: Contact,
    /// Those that it stands for.
    pub merged: Vec<Contact>,
    /// How that came about.
    pub merges: Vec<Merge>,
    /// What was said, oldest conversation first.
    pub conversations: Vec<ExportedConversation>,
}

/// A conversation with everything in it.
#[derive(Debug, Clone)]
pub struct ExportedConversation {
    /// The conversation as REST shows it.
    pub conversation: Conversation,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
    /// Its notes, oldest first.
    pub notes: Vec<Note>,
}

/// The contact and those that it stands for.
async fn with_merged(tx: &mut TenantTx, contact: ContactId) -> Result<Vec<ContactId>, StoreError> {
    let ids = query_scalar!(
        "SELECT id FROM contacts WHERE id = $1 UNION SELECT id FROM contacts WHERE merged_into = $1",
        contact.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().flatten().map(ContactId::from_uuid).collect())
}

async fn conversations_of(
    tx: &mut TenantTx,
    contacts: &[ContactId],
) -> Result<Vec<ConversationId>, StoreError> {
    let ids = query_scalar!(
        "SELECT id FROM conversations WHERE contact_id = ANY ($1) ORDER BY id",
        &uuids(contacts)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(ConversationId::from_uuid).collect())
}

/// Everything about a contact and those that it stands for; `None` if there is none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn export(tx: &mut TenantTx, id: ContactId) -> Result<Option<Export>, StoreError> {
    let Some(contact) = contacts::find(tx, id).await? else { return Ok(None) };
    let persons = with_merged(tx, id).await?;
    let mut merged = Vec::new();
    for other in persons.iter().filter(|other| **other != id) {
        merged.extend(contacts::find(tx, *other).await?);
    }
    let mut exported = Vec::new();
    for conversation in conversations_of(tx, &persons).await? {
        exported.extend(export_conversation(tx, conversation).await?);
    }
    let merges = contacts::merges(tx, id).await?;
    Ok(Some(Export { contact, merged, merges, conversations: exported }))
}

async fn export_conversation(
    tx: &mut TenantTx,
    id: ConversationId,
) -> Result<Option<ExportedConversation>, StoreError> {
    let Some(conversation) = crate::conversations::find(tx, id).await? else { return Ok(None) };
    let (mut messages, mut before) = (Vec::new(), None);
    loop {
        let page = messages::list(tx, id, before, BATCH).await?;
        messages.extend(page.messages.into_iter().rev());
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    messages.reverse();
    let (mut notes, mut before) = (Vec::new(), None);
    loop {
        let page = notes::list(tx, id, before, BATCH).await?;
        before = page.last().map(|note| note.id);
        notes.extend(page);
        if before.is_none() {
            break;
        }
    }
    notes.reverse();
    Ok(Some(ExportedConversation { conversation, messages, notes }))
}

/// Forgets a contact, those that it stands for, and everything that was said with them; false if
/// there is none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn erase(tx: &mut TenantTx, id: ContactId, clock: &dyn Clock) -> Result<bool, StoreError> {
    let began = clock.utc();
    let known = with_merged(tx, id).await?;
    if known.is_empty() {
        return Ok(false);
    }
    // Takes long where there is much, and needs no peace in the inbox.
    blank_webhooks(tx, &known, OffsetDateTime::UNIX_EPOCH).await?;
    outbox::lock(tx).await?;
    // While the inbox was waited for others may have been merged into it, or all have been forgotten; and webhooks may
    // have been worked on whose end was not to be seen yet.
    let persons = with_merged(tx, id).await?;
    let is_more = persons.iter().any(|person| !known.contains(person));
    let since = if is_more { OffsetDateTime::UNIX_EPOCH } else { began - WORKED_ON_WITHIN };
    blank_webhooks(tx, &persons, since).await?;
    let conversations = conversations_of(tx, &persons).await?;
    erase_conversations(tx, &conversations, clock).await?;
    forget_in_others(tx, &persons).await?;
    query!("DELETE FROM contact_identities WHERE contact_id = ANY ($1)", &uuids(&persons))
        .execute(tx.connection())
        .await?;
    // One by one: of several Postgres expects so many rows that it would rather read all.
    for person in &persons {
        for statement in [
            query!("DELETE FROM contact_merges WHERE winner_id = $1", person.as_uuid()),
            query!("DELETE FROM contact_merges WHERE loser_id = $1", person.as_uuid()),
        ] {
            statement.execute(tx.connection()).await?;
        }
    }
    changes::blank(tx, &uuids(&persons)).await?;
    // Together: they refer to each other.
    query!("DELETE FROM contacts WHERE id = ANY ($1)", &uuids(&persons)).execute(tx.connection()).await?;
    Ok(!persons.is_empty())
}

/// How long a transaction that finishes a webhook may take after it has noted the time, clocks that differ included.
///
/// Longer has more webhooks looked through while the inbox is locked; shorter could miss one that was being finished.
const WORKED_ON_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Blanks what the channels have sent about these contacts and was worked on since then; the digests stay.
async fn blank_webhooks(
    tx: &mut TenantTx,
    contacts: &[ContactId],
    since: OffsetDateTime,
) -> Result<(), StoreError> {
    query!(
        "UPDATE raw_events r SET body = ''
         FROM contact_identities i
         WHERE i.contact_id = ANY ($1) AND r.channel_id = i.channel_id AND r.processed_at >= $2
           AND length(r.body) > 0
           AND position(convert_to(i.value, 'UTF8') IN r.body) > 0",
        &uuids(contacts),
        since
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Forgets these contacts where others stood for them, or they for others, which was taken back since: in events of the
/// others' conversations, and in what the change feed has recorded of them. Whoever resumes there sees a gap.
async fn forget_in_others(tx: &mut TenantTx, persons: &[ContactId]) -> Result<(), StoreError> {
    let mut others = Vec::new();
    for person in persons {
        let merged = query_scalar!(
            "SELECT winner_id FROM contact_merges WHERE loser_id = $1
             UNION SELECT loser_id FROM contact_merges WHERE winner_id = $1
             UNION SELECT unnest(moved) FROM contact_merges WHERE winner_id = $1",
            person.as_uuid()
        )
        .fetch_all(tx.connection())
        .await?;
        let merged = merged.into_iter().flatten().map(ContactId::from_uuid);
        others.extend(merged.filter(|other| !persons.contains(other)));
    }
    let conversations = conversations_of(tx, &others).await?;
    let names: Vec<String> = conversations.iter().map(ToString::to_string).collect();
    let erased: Vec<String> = persons.iter().map(ToString::to_string).collect();
    query!(
        r#"UPDATE outbox SET event = jsonb_set(event, '{conversation,contact,name}', '""')
           WHERE conversation_id = ANY ($1) AND event #>> '{conversation,contact,id}' = ANY ($2)"#,
        &names,
        &erased
    )
    .execute(tx.connection())
    .await?;
    let rows: Vec<Uuid> = uuids(&others).into_iter().chain(uuids(&conversations)).collect();
    query!("DELETE FROM changes WHERE row_id = ANY ($1)", &rows).execute(tx.connection()).await?;
    Ok(())
}

/// Forgets conversations with everything in them, and tells the inbox. The transaction holds the inbox.
async fn erase_conversations(
    tx: &mut TenantTx,
    conversations: &[ConversationId],
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    if conversations.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = conversations.iter().map(ConversationId::to_string).collect();
    let ids = uuids(conversations);
    // Events keep their numbers and say only that there is nothing left.
    query!(
        "UPDATE outbox SET event = jsonb_build_object('type', 'conversationErased', 'conversationId', conversation_id)
         WHERE conversation_id = ANY ($1)",
        &names
    )
    .execute(tx.connection())
    .await?;
    let mut rows = query_scalar!(
        r#"SELECT id AS "id!" FROM messages WHERE conversation_id = ANY ($1)
           UNION ALL SELECT id FROM notes WHERE conversation_id = ANY ($1)"#,
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    rows.extend(&ids);
    changes::blank(tx, &rows).await?;
    for statement in [
        query!("DELETE FROM replies WHERE conversation_id = ANY ($1)", &ids),
        query!("DELETE FROM notes WHERE conversation_id = ANY ($1)", &ids),
        query!("DELETE FROM conversation_labels WHERE conversation_id = ANY ($1)", &ids),
        query!("DELETE FROM messages WHERE conversation_id = ANY ($1)", &ids),
        query!("DELETE FROM conversations WHERE id = ANY ($1)", &ids),
    ] {
        statement.execute(tx.connection()).await?;
    }
    for &conversation_id in conversations {
        outbox::append(tx, &InboxEvent::ConversationErased { conversation_id }, clock).await?;
    }
    Ok(())
}

/// Forgets resolved conversations that have been quiet for longer than `keep`, at most `limit`; how many.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn expire_conversations(
    tx: &mut TenantTx,
    keep: Duration,
    limit: u16,
    clock: &dyn Clock,
) -> Result<usize, StoreError> {
    outbox::lock(tx).await?;
    let expired: Vec<ConversationId> = query_scalar!(
        "SELECT id FROM conversations WHERE status = 'resolved' AND last_message_at < $1
         ORDER BY last_message_at LIMIT $2",
        clock.utc() - keep,
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(ConversationId::from_uuid)
    .collect();
    erase_conversations(tx, &expired, clock).await?;
    Ok(expired.len())
}

/// Forgets what only serves for a while: answers kept for retries, webhooks that were worked on,
/// tokens that expired, and whose tokens are good no more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(tx: &mut TenantTx, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.utc();
    query!("DELETE FROM idempotent_requests WHERE created_at < $1", now - KEEP_ANSWERS)
        .execute(tx.connection())
        .await?;
    query!("DELETE FROM refresh_tokens WHERE expires_at < $1", now).execute(tx.connection()).await?;
    query!("DELETE FROM room_removals WHERE removed_at < $1", now - JOIN_TOKEN_TIME_MAX)
        .execute(tx.connection())
        .await?;
    query!("DELETE FROM room_reviews WHERE at < $1", now - REVIEWS_KEPT_FOR).execute(tx.connection()).await?;
    join_links::prune(tx, now).await?;
    changes::prune(tx, clock).await?;
    imports::prune(tx, now - KEEP_IMPORTS).await?;
    recordings::prune(tx, clock).await?;
    room_events::prune(tx, now).await?;
    query!(
        "UPDATE raw_events SET body = '' WHERE processed_at < $1 AND length(body) > 0",
        now - KEEP_WEBHOOKS
    )
    .execute(tx.connection())
    .await?;
    // Last: what is said in rooms waits for these.
    mailbox::prune(tx, now).await?;
    notifications::prune(tx, now).await?;
    Ok(())
}

/// How long a request may be sent again and get the same answer.
const KEEP_ANSWERS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the reports on imports are kept.
const KEEP_IMPORTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long webhooks are kept as they came, for whoever looks for a mistake.
const KEEP_WEBHOOKS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
