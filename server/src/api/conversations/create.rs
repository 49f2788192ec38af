//! A conversation that the account begins.

use super::super::{
    App,
    caller::Caller,
    idempotency::{self, Retryable},
    problem::{Document, Problem},
};
use axum::{extract::State, response::Response};
use common::{
    id::{ChannelId, ContactId},
    protocol::inbox::Conversation,
    subject::inbox::Work,
};
use serde::Deserialize;
use store::conversations;
use utoipa::ToSchema;

/// A conversation to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateConversation {
    /// On which channel.
    channel_id: ChannelId,
    /// With whom; the channel must know them by some name before a message can be sent.
    contact_id: ContactId,
}

/// Begins a conversation with a contact on a channel.
#[utoipa::path(
    post, path = "/v1/conversations", request_body = CreateConversation, params(idempotency::Header),
    responses(
        (status = 201, body = Conversation),
        (status = 409, description = "There is one, or no such contact or channel", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateConversation>,
) -> Result<Response, Problem> {
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let begun = conversations::begin(&mut tx, body.channel_id, body.contact_id, &*app.clock).await;
    let begun = begun.map_err(|error| Problem::refused("conversation", error))?;
    let answer = idempotency.created(tx, &caller, &begun).await?;
    app.wake(Work::Outbox).await;
    Ok(answer)
}
