//! Status, agent, team, labels, priority.

use super::{
    super::{
        App,
        caller::Caller,
        etag::{self, IfMatch, Tagged},
        extract::{Body, Id, present},
        problem::{Document, Problem},
    },
    LABELS_MAX,
};
use axum::extract::State;
use common::{
    id::{ConversationId, LabelId, TeamId, UserId},
    protocol::inbox::{Conversation, ConversationStatus, Priority},
    subject::inbox::Work,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    conversations::{self, Change},
    outbox,
};
use time::OffsetDateTime;
use utoipa::ToSchema;

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
pub(super) async fn update(
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
    outbox::lock(&mut tx).await?;
    let before = conversations::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("conversation"))?;
    if_match.check(&before)?;
    let conversation = conversations::update(&mut tx, id, &change, &*app.clock).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(Tagged(conversation))
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
}
