//! Notes: what agents write to each other beside a conversation.

use super::{
    App,
    caller::Caller,
    extract::{Body, Id, Ids, Params},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::{ConversationId, NoteId},
    permission::Permission,
    protocol::inbox::Note,
    subject::inbox::Work,
};
use serde::Deserialize;
use store::{TenantTx, conversations, notes};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("notes", "What agents write to each other in a conversation; customers never see it.")
        .needs(Permission::ConversationsRead, endpoints![list])
        .needs(Permission::ConversationsManage, endpoints![create, update, delete])
}

/// A note's text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WriteNote {
    /// The note's new text.
    text: String,
}

/// Reads a conversation's notes, the latest first.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/notes", 
    params(("id" = ConversationId, Path, description = "The conversation"), PageParams),
    responses((status = 200, body = Page<Note>), (status = 404, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Note>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    conversations::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("conversation"))?;
    let notes = notes::list(&mut tx, id, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(notes, |note| note.id.to_string())))
}

/// Writes a note. Customers never see it.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/notes", request_body = WriteNote,
    params(("id" = ConversationId, Path, description = "The conversation"), idempotency::Header),
    responses((status = 201, body = Note), (status = 404, body = Document)),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Id(conversation): Id<ConversationId>,
    Retryable(body, idempotency): Retryable<WriteNote>,
) -> Result<Response, Problem> {
    let text = fields::long_text(&body.text)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let note = notes::create(&mut tx, conversation, caller.id(), text, &*app.clock).await;
    let note = note.map_err(|error| Problem::refused("conversation", error))?;
    let answer = idempotency.created(tx, &caller, &note).await?;
    app.wake(Work::Outbox).await;
    Ok(answer)
}

/// The note, if the caller has written it.
async fn find_own(
    tx: &mut TenantTx,
    caller: &Caller,
    conversation: ConversationId,
    id: NoteId,
) -> Result<Note, Problem> {
    let note = notes::find(tx, conversation, id).await?.ok_or_else(|| Problem::not_found("note"))?;
    if note.author_id == caller.id() {
        return Ok(note);
    }
    let detail = "only who wrote a note may change it";
    Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail))
}

/// Writes one's own note anew.
#[utoipa::path(
    patch, path = "/v1/conversations/{id}/notes/{note}", request_body = WriteNote,
    params(("id" = ConversationId, Path, description = "The conversation"), ("note" = NoteId, Path, description = "The note")),
    responses((status = 200, body = Note), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Ids(conversation, id): Ids<ConversationId, NoteId>,
    Body(body): Body<WriteNote>,
) -> Result<Json<Note>, Problem> {
    let text = fields::long_text(&body.text)?;
    let mut tx = app.begin(&caller).await?;
    find_own(&mut tx, &caller, conversation, id).await?;
    let note = notes::update(&mut tx, id, text, &*app.clock).await;
    let note = note.map_err(|error| Problem::refused("note", error))?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(Json(note))
}

/// Deletes one's own note.
#[utoipa::path(
    delete, path = "/v1/conversations/{id}/notes/{note}", 
    params(("id" = ConversationId, Path, description = "The conversation"), ("note" = NoteId, Path, description = "The note")),
    responses((status = 204, description = "Deleted"), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Ids(conversation, id): Ids<ConversationId, NoteId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let note = find_own(&mut tx, &caller, conversation, id).await?;
    notes::delete(&mut tx, &note, &*app.clock).await.map_err(|error| Problem::refused("note", error))?;
    // What it said is not kept: the customer may have to be forgotten.
    caller.audit::<Note>(&app, &mut tx, "note.deleted", id, (None, None)).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(StatusCode::NO_CONTENT)
}
