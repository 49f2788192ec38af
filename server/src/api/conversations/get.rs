//! One conversation.

use super::super::{
    App,
    caller::Caller,
    etag::Tagged,
    extract::Id,
    problem::{Document, Problem},
};
use axum::extract::State;
use common::{id::ConversationId, protocol::inbox::Conversation};
use store::conversations;

/// Reads one conversation.
#[utoipa::path(
    get, path = "/v1/conversations/{id}", params(("id" = ConversationId, Path, description = "The conversation")),
    responses((status = 200, body = Conversation), (status = 404, body = Document)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
) -> Result<Tagged<Conversation>, Problem> {
    let mut tx = app.read(&caller).await?;
    let conversation = conversations::find(&mut tx, id).await?;
    tx.commit().await?;
    conversation.map(Tagged).ok_or_else(|| Problem::not_found("conversation"))
}
