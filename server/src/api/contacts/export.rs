//! Everything that is kept about a contact, for who asks for it (GDPR, article 15).

use super::super::{
    App,
    caller::Caller,
    extract::Id,
    problem::{Document, Problem},
};
use axum::{Json, extract::State};
use common::{
    id::ContactId,
    protocol::inbox::{Conversation, Message, Note},
};
use serde::Serialize;
use store::{
    contacts::{Contact, Merge},
    privacy,
};
use utoipa::ToSchema;

/// A conversation with everything in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportedConversation {
    conversation: Conversation,
    /// Its messages, oldest first.
    messages: Vec<Message>,
    /// Its notes, oldest first.
    notes: Vec<Note>,
}

/// Everything about a contact.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactExport {
    contact: Contact,
    /// Those that it stands for.
    merged: Vec<Contact>,
    /// How that came about.
    merges: Vec<Merge>,
    /// What was said, the oldest conversation first.
    conversations: Vec<ExportedConversation>,
}

/// Exports everything about a contact (GDPR, articles 15 and 20).
#[utoipa::path(
    get, path = "/v1/contacts/{id}/export", params(("id" = ContactId, Path, description = "The contact")),
    responses((status = 200, body = ContactExport), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn export(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Json<ContactExport>, Problem> {
    // What is exported is put on record.
    let mut tx = app.begin(&caller).await?;
    let export = privacy::export(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    caller.audit::<Merge>(&app, &mut tx, "contact.exported", id, (None, None)).await?;
    tx.commit().await?;
    let conversations = export.conversations.into_iter().map(|it| ExportedConversation {
        conversation: it.conversation,
        messages: it.messages,
        notes: it.notes,
    });
    Ok(Json(ContactExport {
        contact: export.contact,
        merged: export.merged,
        merges: export.merges,
        conversations: conversations.collect(),
    }))
}
