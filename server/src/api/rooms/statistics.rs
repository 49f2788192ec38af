//! What is measured of the call in a room, while it goes on: for who may see who is in it. The media node that owns the
//! call is asked.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Id, Ids, Params},
        page::{Page, PageParams},
        problem::{Document, Problem},
        whip,
    },
    admit::admit,
};
use axum::{Json, extract::State};
use bus::{
    BusError,
    media_owner::{self, AskError},
};
use common::{
    error::{Chain, ErrorCode},
    id::{AccountId, ConnectionId, NodeId, RoomId},
    protocol::Failure,
    statistics::ParticipantStatistics,
    subject::statistics::{Measured, StatisticsReply, StatisticsRequest, StatisticsService},
};
use signalling_core::admission::Action;
use tracing::warn;

/// Lists who is in a room's call with what is measured of what they send, under the names of W3C's statistics as the
/// server sees them: what a participant sends is inbound. In the order of their connections; empty if there is no call.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/statistics",
    params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses(
        (status = 200, body = Page<ParticipantStatistics>),
        (status = 404, body = Document),
        (status = 503, description = "`media.unavailable`: the media server does not answer", body = Document),
    ),
)]
pub(super) async fn list_statistics(
    State(app): State<App>,
    caller: Caller,
    Id(room): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ParticipantStatistics>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMembers, room).await?;
    tx.commit().await?;
    let whom = Measured::Everybody { after, limit: params.limit() + 1 };
    let measured = ask(&app, caller.account, room, whom).await?;
    Ok(Json(params.page(measured, |one: &ParticipantStatistics| one.connection_id.to_string())))
}

/// What is measured of one participant of a room's call: what it sends, and of every track that it receives what goes out
/// to it and why no more does.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/statistics/{connection}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("connection" = ConnectionId, Path, description = "The device"),
    ),
    responses(
        (status = 200, body = ParticipantStatistics),
        (status = 404, description = "It is not in the call", body = Document),
        (status = 503, description = "`media.unavailable`: the media server does not answer", body = Document),
    ),
)]
pub(super) async fn get_statistics(
    State(app): State<App>,
    caller: Caller,
    Ids(room, connection): Ids<RoomId, ConnectionId>,
) -> Result<Json<ParticipantStatistics>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMembers, room).await?;
    tx.commit().await?;
    let measured = ask(&app, caller.account, room, Measured::One(connection)).await?;
    measured.into_iter().next().map(Json).ok_or_else(|| Problem::not_found("participant"))
}

/// Asks the node that owns the room's call; nobody is in one that nobody owns.
async fn ask(
    app: &App,
    account: AccountId,
    room: RoomId,
    whom: Measured,
) -> Result<Vec<ParticipantStatistics>, Problem> {
    let request = StatisticsRequest { account, room, whom };
    match media_owner::ask(&app.bus, room, false, StatisticsService, &request, moved).await {
        Ok(Some((_, Ok(StatisticsReply::Measured(measured))))) => Ok(measured),
        Ok(None) => Ok(Vec::new()),
        // It has died a moment ago, and the call with it.
        Err(AskError::Bus(BusError::Unanswered { .. })) => Ok(Vec::new()),
        Ok(Some((_, Err(failure)))) if failure.data.code == ErrorCode::NOT_FOUND => {
            Err(Problem::not_found("room"))
        }
        Ok(Some((_, Ok(StatisticsReply::Moved { .. }) | Err(_)))) => Err(whip::unavailable()),
        Err(error) => {
            warn!(room.id = %room, error = %Chain(&error), "No media server answers for room {room}");
            Err(whip::unavailable())
        }
    }
}

const fn moved(reply: &Result<StatisticsReply, Failure>) -> Option<NodeId> {
    match reply {
        Ok(StatisticsReply::Moved { owner }) => Some(*owner),
        Ok(StatisticsReply::Measured(_)) | Err(_) => None,
    }
}
