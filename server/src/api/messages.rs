//! Messages of a conversation: reading them and replying.

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, response::Response};
use common::{
    id::ConversationId,
    permission::Permission,
    protocol::inbox::{Message, TEXT_BYTES_MAX},
    subject::inbox::Work,
};
use serde::Deserialize;
use store::{
    conversations,
    messages::{self, NewReply},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("messages", "What was written in a conversation.")
        .needs(Permission::ConversationsRead, endpoints![list])
        .needs(Permission::MessagesSend, endpoints![send])
}

/// A reply to be sent to the customer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reply {
    /// What to say; WhatsApp takes at most 4,096 characters.
    #[schema(example = "It left this morning.")]
    text: String,
}

/// Reads a conversation's messages, the latest page first, each page oldest first.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/messages", 
    params(("id" = ConversationId, Path, description = "The conversation"), PageParams),
    responses((status = 200, body = Page<Message>), (status = 404, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Message>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    conversations::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("conversation"))?;
    let page = messages::list(&mut tx, id, before, params.limit()).await?;
    tx.commit().await?;
    Ok(Json(Page {
        items: page.messages,
        next: page.older.map(|seq| common::page::encode(&seq.to_string())),
    }))
}

/// Replies to the customer. The answer comes when the reply is stored; how it
/// fares shows in its `status`.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/messages", request_body = Reply,
    params(("id" = ConversationId, Path, description = "The conversation"), idempotency::Header),
    responses(
        (status = 201, description = "Stored, and queued to be sent", body = Message),
        (status = 404, body = Document),
        (status = 409, description = "`request.idempotencyMismatch`: the key was used for another request", body = Document),
        (status = 422, description = "`request.invalid`: the text is empty, or longer than the channel takes", body = Document),
    ),
)]
async fn send(
    State(app): State<App>,
    caller: Caller,
    Id(conversation): Id<ConversationId>,
    Retryable(body, idempotency): Retryable<Reply>,
) -> Result<Response, Problem> {
    let text = fields::text(&body.text, TEXT_BYTES_MAX)?;
    let reply = NewReply { conversation, author: caller.id(), text };
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let to = conversations::find(&mut tx, conversation).await?;
    let to = to.ok_or_else(|| Problem::not_found("conversation"))?;
    let chars_max = to.channel_kind.text_chars_max();
    if text.chars().count() > chars_max {
        let kind = to.channel_kind.as_str();
        return Err(Problem::invalid(format!("{kind} takes texts of at most {chars_max} characters")));
    }
    let message = messages::reply(&mut tx, &reply, &*app.clock).await?;
    let answer = idempotency.created(tx, &caller, &message).await?;
    app.wake(Work::Replies).await;
    app.wake(Work::Outbox).await;
    Ok(answer)
}
