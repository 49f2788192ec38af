//! Asks the media node that owns a room's session, and puts its refusals into problem documents.

use super::super::{App, problem::Problem};
use axum::http::StatusCode;
use bus::{
    BusError,
    media_owner::{self, AskError},
};
use common::{
    error::{Chain, ErrorCode, Fault},
    id::{AccountId, RoomId},
    protocol::Failure,
    subject::{
        hub::ConnectionSelector,
        whip::{Direction, WhipAction, WhipReply, WhipRequest, WhipService},
    },
};
use std::time::Duration;
use tracing::warn;

/// How soon a client should try again that found no media server.
const NODE_RETRY: Duration = Duration::from_secs(2);

/// What a media node's refusals are over HTTP (RFC 9725, section 4.2). Others are 422 if the caller is at fault.
const STATUSES: [(ErrorCode, StatusCode); 8] = [
    (ErrorCode::NOT_FOUND, StatusCode::NOT_FOUND),
    // Its media session has ended a moment ago.
    (ErrorCode::MEDIA_NOT_JOINED, StatusCode::NOT_FOUND),
    (ErrorCode::FORBIDDEN, StatusCode::FORBIDDEN),
    (ErrorCode::MEDIA_LOCKED, StatusCode::FORBIDDEN),
    (ErrorCode::TOO_MANY, StatusCode::CONFLICT),
    (ErrorCode::MEDIA_INVALID_SDP, StatusCode::BAD_REQUEST),
    (ErrorCode::MEDIA_NOTHING_AGREED, StatusCode::UNPROCESSABLE_ENTITY),
    (ErrorCode::MEDIA_DUPLICATE_SOURCE, StatusCode::UNPROCESSABLE_ENTITY),
];

/// Asks the node that owns the session of a room; `None` if there is none, and none may be opened.
pub(super) async fn ask(
    app: &App,
    account: AccountId,
    room: RoomId,
    action: WhipAction,
    may_open: bool,
) -> Result<Option<WhipReply>, Problem> {
    let request = WhipRequest { account, room, action };
    let moved = |reply: &Result<WhipReply, Failure>| match reply {
        Ok(WhipReply::Moved { owner }) => Some(*owner),
        Ok(_) | Err(_) => None,
    };
    let asked = media_owner::ask(&app.bus, room, may_open, WhipService, &request, moved).await;
    match asked {
        Ok(answered) => answered.map(|(_, reply)| reply).transpose().map_err(problem),
        // It has died a moment ago, and its sessions with it.
        Err(AskError::Bus(BusError::Unanswered { .. })) if !may_open => Ok(None),
        Err(error) => {
            warn!(room.id = %room, error = %Chain(&error), "No media server answers for room {room}");
            Err(unavailable())
        }
    }
}

/// Ends the sessions over HTTP of a room whose holders are taken out of it; how many there were.
///
/// # Errors
/// 503 if the media node does not say that it is done.
pub(in super::super) async fn remove(
    app: &App,
    account: AccountId,
    room: RoomId,
    whom: ConnectionSelector,
) -> Result<u32, Problem> {
    match ask(app, account, room, WhipAction::Remove { whom }, false).await? {
        Some(WhipReply::Removed(count)) => Ok(count),
        Some(_) | None => Ok(0),
    }
}

/// No media server answers.
pub(in super::super) fn unavailable() -> Problem {
    let detail = "no media server is available; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::MEDIA_UNAVAILABLE, detail)
        .retry_after(NODE_RETRY)
}

/// There is no such session, or it is somebody else's.
pub(super) fn no_session(direction: Direction) -> Problem {
    Problem::not_found(match direction {
        Direction::Publishes => "WHIP session",
        Direction::Plays => "WHEP session",
    })
}

fn problem(failure: Failure) -> Problem {
    let Failure { message, data, .. } = failure;
    let (code, fault) = (data.code, data.fault);
    let known = STATUSES.iter().find(|(known, _)| *known == code).map(|(_, status)| *status);
    match known {
        Some(status) => Problem::new(status, code, message),
        None if fault == Fault::Caller => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(NODE_RETRY),
    }
}
