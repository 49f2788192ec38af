//! Asks the media node that owns a room's call to record it, and puts its refusals into problem documents.

use super::super::super::{App, problem::Problem};
use axum::http::StatusCode;
use bus::{
    BusError,
    media_owner::{self, AskError},
};
use common::{
    error::{Chain, ErrorCode, Fault},
    id::{AccountId, RecordingId, RoomId},
    protocol::Failure,
    subject::recording::{RecordingAction, RecordingReply, RecordingRequest, RecordingService},
};
use std::time::Duration;
use tokio::time::sleep;
use tracing::warn;

/// How soon a client should try again that found no media server.
const NODE_RETRY: Duration = Duration::from_secs(2);

/// How often a node is told to end what it may have begun without saying so, and how long apart.
const ENDS_MAX: u32 = 12;
const END_INTERVAL: Duration = Duration::from_secs(5);

/// Why a node has not done what it was asked to.
#[derive(Debug)]
pub(super) enum Undone {
    /// It refused.
    Refused(Failure),
    /// It does not answer, and may have done it.
    Unknown,
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused(failure) => problem(failure),
            Undone::Unknown => {
                let detail = "no media server is available; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::MEDIA_UNAVAILABLE, detail)
                    .retry_after(NODE_RETRY)
            }
        }
    }
}

/// Asks the node that owns the call in a room; `None` if there is no call.
///
/// # Errors
/// [`Undone`].
pub(super) async fn ask(
    app: &App,
    account: AccountId,
    room: RoomId,
    action: RecordingAction,
) -> Result<Option<RecordingReply>, Undone> {
    let request = RecordingRequest { account, room, action };
    // A call that moves ends, and with it its recording.
    let moved = |_: &Result<RecordingReply, Failure>| None;
    match (media_owner::ask(&app.bus, room, false, RecordingService, &request, moved).await, action) {
        (Ok(answered), _) => answered.map(|(_, reply)| reply).transpose().map_err(Undone::Refused),
        // It has died a moment ago, and its call with it. One that is shutting down does not answer either: it may still
        // record.
        (Err(AskError::Bus(BusError::Unanswered { .. })), RecordingAction::Begin { .. }) => Ok(None),
        (Err(error), _) => {
            warn!(room.id = %room, error = %Chain(&error), "No media server answers for room {room}");
            Err(Undone::Unknown)
        }
    }
}

/// Has a recording ended, soon, of which nobody would know: the node may have begun it, or will.
pub(super) fn end(app: &App, account: AccountId, room: RoomId, recording: RecordingId) {
    let app = app.clone();
    app.background.tasks.clone().spawn(async move {
        let stop = RecordingAction::Stop { recording };
        for _ in 0..ENDS_MAX {
            if !matches!(ask(&app, account, room, stop).await, Err(Undone::Unknown)) {
                return;
            }
            if app.background.token.run_until_cancelled(sleep(END_INTERVAL)).await.is_none() {
                return;
            }
        }
        warn!(room.id = %room, recording.id = %recording, "Recording {recording} may go on, and nobody knows of it");
    });
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
