//! The inbox: conversations by status, agent, team, label.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Params,
        page::{Page, PageParams},
        problem::Problem,
    },
    cursor, position,
};
use axum::{Json, extract::State};
use common::{
    id::{ContactId, LabelId, TeamId, UserId},
    protocol::inbox::{Conversation, ConversationStatus, Priority},
};
use serde::Deserialize;
use store::conversations::{self, Filter, Order};
use utoipa::{IntoParams, ToSchema};

/// Which conversations; all that is said must hold.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterParams {
    /// Only those with this status.
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

/// Lists conversations.
#[utoipa::path(
    get, path = "/v1/conversations", params(FilterParams, PageParams),
    responses((status = 200, body = Page<Conversation>)),
)]
pub(super) async fn list(
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
