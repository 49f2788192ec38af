//! Asks the media node that owns a room's call to record it, and puts its refusals into problem documents.

use super::super::super::{App, problem::Problem};
use axum::http::StatusCode;
use bus::{
    BusError,
    media_owner::{self, AskError},
};
use common::{
    error::{Chain, ErrorCode, Fault},
    id::{AccountId, RoomId},
    protocol::Failure,
    subject::recording::{RecordingAction, RecordingReply, RecordingRequest, RecordingService},
};
use std::time::Duration;
use tracing::warn;

/// How soon a client should try again that found no media server.
const NODE_RETRY: Duration = Duration::from_secs(2);

/// Asks the node that owns the call in a room; `None` if there is no call.
///
/// # Errors
/// Its refusal, and 503 if it does not answer.
pub(super) async fn ask(
    app: &App,
    account: AccountId,
    room: RoomId,
    action: RecordingAction,
) -> Result<Option<RecordingReply>, Problem> {
    let request = RecordingRequest { account, room, action };
    // A call that moves ends, and with it its recording.
    let moved = |_: &Result<RecordingReply, Failure>| None;
    match media_owner::ask(&app.bus, room, false, RecordingService, &request, moved).await {
        Ok(answered) => answered.map(|(_, reply)| reply).transpose().map_err(problem),
        // It has died a moment ago, and its call with it.
        Err(AskError::Bus(BusError::Unanswered { .. })) => Ok(None),
        Err(error) => {
            warn!(room.id = %room, error = %Chain(&error), "No media server answers for room {room}");
            let detail = "no media server is available; try again";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::MEDIA_UNAVAILABLE, detail)
                .retry_after(NODE_RETRY))
        }
    }
}

fn problem(failure: Failure) -> Problem {
    let Failure { message, data, .. } = failure;
    let status = match (&data.code, data.fault) {
        (code, _) if *code == ErrorCode::NOT_FOUND => StatusCode::NOT_FOUND,
        (code, Fault::Caller) if *code != ErrorCode::RECORDING_UNAVAILABLE => StatusCode::CONFLICT,
        (_, Fault::Caller | Fault::Upstream | Fault::Ours) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = Problem::new(status, data.code, message);
    if status == StatusCode::SERVICE_UNAVAILABLE { problem.retry_after(NODE_RETRY) } else { problem }
}
