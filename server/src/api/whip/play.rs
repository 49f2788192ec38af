//! Beginning a WHEP session: the offer of a player, and the answer to it.

use super::{
    super::{
        App,
        attendee::Attendee,
        extract::{Id, Params, RemoteAddress},
        problem::{Document, Problem},
    },
    PLAYED_EXAMPLE, SDP, answer, answer_example, body, offer_example,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId, UserId},
    subject::whip::WhipAction,
};
use serde::Deserialize;
use signalling_core::admission::Action;
use utoipa::IntoParams;

/// What is played.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhepParams {
    /// Whose sound and pictures, by the `userId` that participants of the call have. If absent, of who publishes by
    /// WHIP; else of who speaks, or has spoken last; else of who came first.
    user: Option<UserId>,
}

/// Plays what is sent in a room. The body is an offer to receive sound, pictures or both, one section of each; the answer
/// has all of the server's candidates. What is played comes as soon as there is somebody who sends it, and goes on with
/// whoever sends it then, without another offer. The token is a person's, or a guest's with the right `media.receive`,
/// and the session ends with it.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/whep",
    params(("id" = RoomId, Path, description = "The room"), WhepParams),
    request_body(content = String, content_type = "application/sdp", description = "The offer (RFC 8866)", example = json!(offer_example("recvonly"))),
    responses(
        (status = 201, description = "The answer. `Location` is the session, `ETag` its ICE session, `Link` the STUN and TURN servers",
         body = String, content_type = "application/sdp", example = json!(answer_example("sendonly", PLAYED_EXAMPLE))),
        (status = 400, description = "`media.invalidSdp`: the body is no offer; `request.invalid`: `user` is no id", body = Document),
        (status = 401, body = Document),
        (status = 403, description = "The token does not allow to receive; `media.locked`: a moderator lets nobody else in", body = Document),
        (status = 404, body = Document),
        (status = 406, description = "`request.notAcceptable`", body = Document),
        (status = 409, description = "`room.closed`; `limit.count`: the session has as many players as may be, or the account has", body = Document),
        (status = 413, description = "`limit.size`", body = Document),
        (status = 415, description = "The body is not `application/sdp`", body = Document),
        (status = 422, description = "`media.nothingAgreed`: nothing can be played in what is offered; `media.duplicateSource`: there are two sections of a kind", body = Document),
        (status = 429, description = "`limit.rate`: too many sessions begin", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn start_whep_session(
    State(app): State<App>,
    attendee: Attendee,
    Id(room): Id<RoomId>,
    Params(WhepParams { user: of }): Params<WhepParams>,
    RemoteAddress(address): RemoteAddress,
    request: Request,
) -> Result<Response, Problem> {
    app.whep_rates.admit(attendee.account(), address)?;
    body::accepts(request.headers(), SDP)?;
    let sdp = body::read(request, SDP).await?;
    let pass = attendee.pass().ok_or_else(forbidden)?;
    let mut tx = attendee.begin(&app).await?;
    attendee.admit(&app, &mut tx, Action::Media, room).await?;
    tx.commit().await?;
    if !attendee.media_rights().receive {
        return Err(forbidden());
    }
    let session = ConnectionId::generate(&*app.clock);
    let action = WhipAction::Play { session, user: attendee.user(), pass, sdp, of };
    answer::begin(&app, &attendee, room, action, &format!("/v1/rooms/{room}/whep/{session}")).await
}

fn forbidden() -> Problem {
    let detail = "playing over WHEP needs a token of a person, or of a guest with the right media.receive";
    Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail)
}
