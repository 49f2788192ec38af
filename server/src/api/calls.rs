//! Calls as they are remembered.

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State};
use common::{
    id::{CallId, RoomId, UserId},
    page::Timed,
    permission::Permission,
};
use serde::{Deserialize, Serialize};
use store::calls;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::of("calls", "Calls on record.").needs(Permission::CallsRead, endpoints![list, get])
}

/// Somebody's part in a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallParticipant {
    /// Who.
    user_id: UserId,
    /// Whether they began it.
    is_caller: bool,
    /// Since when they were in it; null if they never picked up.
    #[serde(with = "time::serde::rfc3339::option")]
    joined_at: Option<OffsetDateTime>,
    /// When they were out of it.
    #[serde(with = "time::serde::rfc3339::option")]
    left_at: Option<OffsetDateTime>,
}

/// A call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    /// Its id.
    id: CallId,
    /// Where the two met or would have met.
    room_id: RoomId,
    /// The two.
    participants: Vec<CallParticipant>,
    /// When it began to ring.
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    /// When it was picked up; null if nobody did.
    #[serde(with = "time::serde::rfc3339::option")]
    answered_at: Option<OffsetDateTime>,
    /// When it was over; null while it lasts.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
    /// How it ended, as `call.ended` says it; null while it lasts.
    #[schema(example = "hungUp")]
    outcome: Option<String>,
}

impl From<calls::Call> for Call {
    fn from(call: calls::Call) -> Self {
        let part = |user_id, is_caller, joined_at: Option<OffsetDateTime>| CallParticipant {
            user_id,
            is_caller,
            joined_at,
            left_at: joined_at.and(call.ended_at),
        };
        Self {
            id: call.id,
            room_id: call.room,
            participants: vec![
                part(call.caller, true, Some(call.started_at)),
                part(call.callee, false, call.answered_at),
            ],
            started_at: call.started_at,
            answered_at: call.answered_at,
            ended_at: call.ended_at,
            outcome: call.outcome,
        }
    }
}

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFilter {
    /// Only those in this room.
    room_id: Option<RoomId>,
}

/// Lists the account's calls, the latest first.
#[utoipa::path(get, path = "/v1/calls", params(CallFilter, PageParams), responses((status = 200, body = Page<Call>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<CallFilter>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Call>>, Problem> {
    let before = params.cursor(|text| text.parse().ok().map(|Timed { at, id }| (at, id)))?;
    let mut tx = app.read(&caller).await?;
    let calls = calls::list(&mut tx, filter.room_id, before, params.limit() + 1).await?;
    tx.commit().await?;
    let position = |call: &calls::Call| Timed { at: call.started_at, id: call.id }.to_string();
    Ok(Json(params.page(calls, position, Call::from)))
}

/// Reads one call.
#[utoipa::path(
    get, path = "/v1/calls/{id}", params(("id" = CallId, Path, description = "The call")),
    responses((status = 200, body = Call), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<CallId>) -> Result<Json<Call>, Problem> {
    let mut tx = app.read(&caller).await?;
    let call = calls::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("call"))?;
    tx.commit().await?;
    Ok(Json(call.into()))
}
