//! A session that has begun, of WHIP or of WHEP: candidates that come later, ICE anew, and the end.

use super::{
    super::{
        App,
        attendee::Attendee,
        extract::Ids,
        problem::{Document, Problem},
    },
    FRAGMENT, body, node,
};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId},
    subject::whip::{Direction, WhipAction, WhipReply},
};

/// A client's fragment, and the server's answer to one that restarts ICE, as the reference shows them.
const FRAGMENT_EXAMPLE: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";
const RESTART_EXAMPLE: &str = "a=ice-lite\r\na=ice-ufrag:rJ9wLx2cPqTz\r\na=ice-pwd:Lx8GqVTn3oBkWcYd5hRsMf2j\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 203.0.113.7 7882 typ host\r\na=end-of-candidates\r\n";

/// Adds candidates to a WHIP session, or begins its ICE anew: a fragment with another `ice-ufrag` than before restarts
/// it, whatever `If-Match` says.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}/whip/{session}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("session" = ConnectionId, Path, description = "The WHIP session, the last part of its `Location`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the ICE session, or `*`"),
    ),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "The fragment (RFC 8840)",
        example = json!(FRAGMENT_EXAMPLE)),
    responses(
        (status = 200, description = "ICE begins anew; `ETag` is the new ICE session",
         body = String, content_type = "application/trickle-ice-sdpfrag",
         example = json!(RESTART_EXAMPLE)),
        (status = 204, description = "Candidates were added"),
        (status = 400, description = "`media.invalidSdp`: the body is no fragment", body = Document),
        (status = 401, body = Document),
        (status = 404, description = "There is no such session of the caller's", body = Document),
        (status = 412, description = "`resource.changedMeanwhile`: the ICE session is another by now", body = Document),
        (status = 413, description = "`limit.size`", body = Document),
        (status = 415, description = "The body is not `application/trickle-ice-sdpfrag`", body = Document),
        (status = 428, description = "`request.preconditionRequired`: `If-Match` is missing", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn patch_whip_session(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, session): Ids<RoomId, ConnectionId>,
    request: Request,
) -> Result<Response, Problem> {
    patch(&app, &attendee, (room, session), Direction::Publishes, request).await
}

/// Ends a WHIP session: who published leaves the room's media session. `If-Match` does not matter.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/whip/{session}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("session" = ConnectionId, Path, description = "The WHIP session, the last part of its `Location`"),
    ),
    responses(
        (status = 200, description = "It has ended"),
        (status = 401, body = Document),
        (status = 404, description = "There is no such session of the caller's; it may have ended", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn end_whip_session(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, session): Ids<RoomId, ConnectionId>,
) -> Result<StatusCode, Problem> {
    end(&app, &attendee, (room, session), Direction::Publishes).await
}

/// Adds candidates to a WHEP session, or begins its ICE anew: a fragment with another `ice-ufrag` than before restarts
/// it, whatever `If-Match` says.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}/whep/{session}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("session" = ConnectionId, Path, description = "The WHEP session, the last part of its `Location`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the ICE session, or `*`"),
    ),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "The fragment (RFC 8840)",
        example = json!(FRAGMENT_EXAMPLE)),
    responses(
        (status = 200, description = "ICE begins anew; `ETag` is the new ICE session",
         body = String, content_type = "application/trickle-ice-sdpfrag",
         example = json!(RESTART_EXAMPLE)),
        (status = 204, description = "Candidates were added"),
        (status = 400, description = "`media.invalidSdp`: the body is no fragment", body = Document),
        (status = 401, body = Document),
        (status = 404, description = "There is no such session of the caller's", body = Document),
        (status = 412, description = "`resource.changedMeanwhile`: the ICE session is another by now", body = Document),
        (status = 413, description = "`limit.size`", body = Document),
        (status = 415, description = "The body is not `application/trickle-ice-sdpfrag`", body = Document),
        (status = 428, description = "`request.preconditionRequired`: `If-Match` is missing", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn patch_whep_session(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, session): Ids<RoomId, ConnectionId>,
    request: Request,
) -> Result<Response, Problem> {
    patch(&app, &attendee, (room, session), Direction::Plays, request).await
}

/// Ends a WHEP session: nothing is sent to the player any more. `If-Match` does not matter.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/whep/{session}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("session" = ConnectionId, Path, description = "The WHEP session, the last part of its `Location`"),
    ),
    responses(
        (status = 200, description = "It has ended"),
        (status = 401, body = Document),
        (status = 404, description = "There is no such session of the caller's; it may have ended", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn end_whep_session(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, session): Ids<RoomId, ConnectionId>,
) -> Result<StatusCode, Problem> {
    end(&app, &attendee, (room, session), Direction::Plays).await
}

async fn patch(
    app: &App,
    attendee: &Attendee,
    (room, session): (RoomId, ConnectionId),
    direction: Direction,
    request: Request,
) -> Result<Response, Problem> {
    let if_match = body::if_match(request.headers())?;
    let fragment = body::read(request, FRAGMENT).await?;
    let action = WhipAction::Patch { session, direction, user: attendee.user(), if_match, fragment };
    match node::ask(app, attendee.account(), room, action, false).await? {
        Some(WhipReply::Done) => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(WhipReply::Restarted { fragment, tag }) => {
            let headers = [
                (header::CONTENT_TYPE, FRAGMENT.to_owned()),
                (header::ETAG, body::etag(&tag)),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            Ok((headers, fragment).into_response())
        }
        Some(WhipReply::OtherIceSession) => {
            let detail = "the ICE session is another by now";
            let status = StatusCode::PRECONDITION_FAILED;
            Err(Problem::new(status, ErrorCode::CHANGED_MEANWHILE, detail))
        }
        Some(WhipReply::Published { .. } | WhipReply::Removed(_) | WhipReply::Moved { .. }) => {
            Err(node::unavailable())
        }
        None => Err(node::no_session(direction)),
    }
}

async fn end(
    app: &App,
    attendee: &Attendee,
    (room, session): (RoomId, ConnectionId),
    direction: Direction,
) -> Result<StatusCode, Problem> {
    let action = WhipAction::End { session, direction, user: attendee.user() };
    match node::ask(app, attendee.account(), room, action, false).await? {
        Some(WhipReply::Done) => Ok(StatusCode::OK),
        Some(_) => Err(node::unavailable()),
        None => Err(node::no_session(direction)),
    }
}
