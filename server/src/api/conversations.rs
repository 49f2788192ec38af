//! Conversations with customers.

use super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Params, present},
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::{ChannelId, ContactId, ConversationId, LabelId, TeamId, UserId},
    page::Timed,
    permission::Permission,
    protocol::inbox::{Conversation, ConversationStatus, Priority},
    subject::inbox::Work,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    conversations::{self, Change, Filter, Order, Position, UpdateError},
    outbox,
};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::of("conversations", "What customers and agents wrote to each other, and who answers.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::ConversationsManage, endpoints![create, update])
}

/// Which conversations; all that is said must hold.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterParams {
    /// Only those that stand there.
    status: Option<ConversationStatus>,
    /// Only those that this agent answers.
    assignee_id: Option<UserId>,
    /// Only those that this team answers.
    team_id: Option<TeamId>,
    /// Only those with this label.
    label_id: Option<LabelId>,
    /// Only those of this contact, and of those that were merged into it.
    contact_id: Option<ContactId>,
    /// Only those of this priority.
    priority: Option<Priority>,
    /// In which order; the latest first if absent.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: ConversationSort,
}

/// In which order conversations are listed.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
pub(super) enum ConversationSort {
    /// The one with the latest message first.
    #[default]
    #[serde(rename = "-lastMessageAt")]
    Latest,
    /// The one whose latest message is the oldest first: who has waited longest.
    #[serde(rename = "lastMessageAt")]
    Oldest,
}

/// A conversation to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateConversation {
    /// On which channel.
    channel_id: ChannelId,
    /// With whom; the channel must know them by some name before a message can be sent.
    contact_id: ContactId,
}

/// What to change; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateConversation {
    /// Where it stands from now on.
    status: Option<ConversationStatus>,
    /// Until when it is out of sight; needed to snooze it, and only then.
    #[serde(default, with = "time::serde::rfc3339::option")]
    snoozed_until: Option<OffsetDateTime>,
    /// How urgent it is.
    priority: Option<Priority>,
    /// Who answers it from now on; null gives it back to all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<UserId>)]
    assignee_id: Option<Option<UserId>>,
    /// The team that answers it; null takes it from its team.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<TeamId>)]
    team_id: Option<Option<TeamId>>,
    /// All of its labels, at most 50.
    label_ids: Option<Vec<LabelId>>,
    /// Members to set; null takes one away (RFC 7396).
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
    /// True: its messages have been read.
    #[serde(default)]
    read: bool,
}

/// Labels of one conversation at most.
const LABELS_MAX: usize = 50;

/// Lists conversations.
#[utoipa::path(
    get, path = "/v1/conversations", params(FilterParams, PageParams),
    responses((status = 200, body = Page<Conversation>)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<FilterParams>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Conversation>>, Problem> {
    let from = params.cursor(position)?;
    let order = match filter.sort {
        ConversationSort::Latest => Order::Latest,
        ConversationSort::Oldest => Order::Oldest,
    };
    let mut tx = app.read(&caller).await?;
    let filter = Filter {
        status: filter.status,
        assignee: filter.assignee_id,
        team: filter.team_id,
        label: filter.label_id,
        contact: filter.contact_id,
        priority: filter.priority,
    };
    let conversations = conversations::list(&mut tx, filter, order, from, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(conversations, cursor)))
}

pub(super) fn cursor(last: &Conversation) -> String {
    Timed { at: last.last_message_at, id: last.id }.to_string()
}

pub(super) fn position(cursor: &str) -> Option<Position> {
    let Timed { at: last_message_at, id } = cursor.parse().ok()?;
    Some(Position { last_message_at, id })
}

/// Reads one conversation.
#[utoipa::path(
    get, path = "/v1/conversations/{id}", params(("id" = ConversationId, Path, description = "The conversation")),
    responses((status = 200, body = Conversation), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
) -> Result<Tagged<Conversation>, Problem> {
    let mut tx = app.read(&caller).await?;
    let conversation = conversations::find(&mut tx, id).await?;
    tx.commit().await?;
    conversation.map(Tagged).ok_or_else(|| Problem::not_found("conversation"))
}

/// Begins a conversation with a contact on a channel.
#[utoipa::path(
    post, path = "/v1/conversations", request_body = CreateConversation, params(once::Header),
    responses(
        (status = 201, body = Conversation),
        (status = 409, description = "There is one, or no such contact or channel", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateConversation>,
) -> Result<Response, Problem> {
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let begun = conversations::begin(&mut tx, body.channel_id, body.contact_id, &*app.clock).await;
    let begun = begun.map_err(|error| Problem::refused("conversation", error))?;
    let answer = once.created(tx, &caller, &begun).await?;
    app.wake(Work::Outbox).await;
    Ok(answer)
}

/// Takes a conversation somewhere else: its status, agent, team, labels, priority; or marks it as read.
#[utoipa::path(
    patch, path = "/v1/conversations/{id}", 
    params(("id" = ConversationId, Path, description = "The conversation"), etag::Header),
    request_body = UpdateConversation,
    responses(
        (status = 200, description = "As it is now", body = Conversation),
        (status = 404, body = Document),
        (status = 409, description = "`resource.invalidTransition`: names the statuses that it can have next", body = Document),
        (status = 412, body = Document),
        (status = 422, description = "The account has no such user, team or label; or the time to snooze until does not fit", body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    if_match: IfMatch,
    Body(body): Body<UpdateConversation>,
) -> Result<Tagged<Conversation>, Problem> {
    if body.label_ids.as_ref().is_some_and(|labels| labels.len() > LABELS_MAX) {
        return Err(Problem::invalid("labelIds has more than 50 labels"));
    }
    let change = Change {
        status: body.status,
        snoozed_until: body.snoozed_until,
        priority: body.priority,
        assignee: body.assignee_id,
        team: body.team_id,
        labels: body.label_ids,
        attributes: body.attributes,
        read: body.read,
    };
    let mut tx = app.begin(&caller).await?;
    outbox::hold(&mut tx).await?;
    let before = conversations::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("conversation"))?;
    if_match.check(&before)?;
    let conversation = conversations::update(&mut tx, id, &change, &*app.clock).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(Tagged(conversation))
}

impl From<UpdateError> for Problem {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::NotFound => Self::not_found("conversation"),
            UpdateError::Store(error) => error.into(),
            impossible @ UpdateError::Impossible { .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::INVALID_TRANSITION, impossible.to_string())
            }
            wrong @ (UpdateError::UnknownAssignee
            | UpdateError::UnknownTeam
            | UpdateError::UnknownLabel
            | UpdateError::SnoozeTime
            | UpdateError::TooManyAttributes) => Self::invalid(wrong.to_string()),
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
