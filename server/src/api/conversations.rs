//! Conversations with customers.

use super::{
    App,
    caller::Caller,
    extract::{Body, Id, Params, present},
    page::{Page, PageParams},
    problem::{Document, Problem},
};
use axum::{Json, extract::State};
use common::{
    id::{ConversationId, UserId},
    permission::Permission,
    protocol::inbox::{Conversation, ConversationStatus},
    subject::inbox::Work,
};
use serde::Deserialize;
use store::conversations::{self, Change, Position, UpdateError};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Which conversations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that stand there; absent: all.
    status: Option<ConversationStatus>,
}

/// What to change; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateConversation {
    /// Where it stands from now on.
    status: Option<ConversationStatus>,
    /// Who answers it from now on; null gives it back to all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<UserId>)]
    assignee_id: Option<Option<UserId>>,
    /// True: its messages have been read.
    #[serde(default)]
    read: bool,
}

/// Lists conversations, the one with the latest message first.
#[utoipa::path(
    get, path = "/v1/conversations", tag = "conversations", params(Filter, PageParams),
    responses((status = 200, body = Page<Conversation>)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<Filter>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Conversation>>, Problem> {
    let below = params.cursor(position)?;
    let mut tx = app.begin(&caller, Permission::ConversationsRead).await?;
    let conversations = conversations::list(&mut tx, filter.status, below, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(conversations, cursor, |conversation| conversation)))
}

fn cursor(last: &Conversation) -> String {
    format!("{}/{}", last.last_message_at.unix_timestamp_nanos(), last.id)
}

fn position(cursor: &str) -> Option<Position> {
    let (nanos, id) = cursor.split_once('/')?;
    Some(Position {
        last_message_at: OffsetDateTime::from_unix_timestamp_nanos(nanos.parse().ok()?).ok()?,
        id: id.parse().ok()?,
    })
}

/// Reads one conversation.
#[utoipa::path(
    get, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = ConversationId, Path, description = "The conversation")),
    responses((status = 200, body = Conversation), (status = 404, body = Document)),
)]
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
) -> Result<Json<Conversation>, Problem> {
    let mut tx = app.begin(&caller, Permission::ConversationsRead).await?;
    let conversation = conversations::find(&mut tx, id).await?;
    tx.commit().await?;
    conversation.map(Json).ok_or_else(|| Problem::not_found("conversation"))
}

/// Resolves, reopens, assigns a conversation, or marks it as read.
#[utoipa::path(
    patch, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = ConversationId, Path, description = "The conversation")),
    request_body = UpdateConversation,
    responses(
        (status = 200, description = "As it is now", body = Conversation),
        (status = 404, body = Document),
        (status = 422, description = "The account has no such user to assign to", body = Document),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Body(body): Body<UpdateConversation>,
) -> Result<Json<Conversation>, Problem> {
    let change = Change { status: body.status, assignee: body.assignee_id, read: body.read };
    let mut tx = app.begin(&caller, Permission::ConversationsManage).await?;
    let conversation = conversations::update(&mut tx, id, &change, &*app.clock).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(Json(conversation))
}

impl From<UpdateError> for Problem {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::NotFound => Self::not_found("conversation"),
            UpdateError::Store(error) => error.into(),
            unknown @ UpdateError::UnknownAssignee => Self::invalid(unknown.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignee_may_be_named_taken_away_or_left_alone() {
        let read = |body| {
            serde_json::from_str::<UpdateConversation>(body)
                .map(|body| body.assignee_id.map(|id| id.is_some()))
        };
        assert_eq!(read("{}").unwrap(), None);
        assert_eq!(read(r#"{"assigneeId":null}"#).unwrap(), Some(false));
        assert_eq!(read(r#"{"assigneeId":"01890a5d-ac96-774b-bcce-b302099a8057"}"#).unwrap(), Some(true));
        assert!(read(r#"{"asigneeId":null}"#).is_err());
    }

    #[test]
    fn nonsense_is_no_position() {
        for nonsense in [
            "",
            "/",
            "1",
            "1/x",
            "x/01890a5d-ac96-774b-bcce-b302099a8057",
            "9999999999999999999999999999/01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            assert_eq!(position(nonsense), None, "{nonsense}");
        }
    }
}
