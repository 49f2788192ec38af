//! Beginning a WHIP session: the offer, and the answer to it.

use super::{
    super::{
        App,
        attendee::Attendee,
        extract::{Id, Params, RemoteAddress},
        problem::{Document, Problem},
    },
    SDP, answer, answer_example, body, offer_example,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId},
    protocol::media::{Participant, ParticipantState, TrackSource},
    subject::{media::MediaRights, whip::WhipAction},
};
use serde::Deserialize;
use signalling_core::admission::Action;
use utoipa::{IntoParams, ToSchema};

/// How the tracks of a WHIP session are named.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhipParams {
    /// Where pictures and sound come from: `camera` if absent, which goes with a microphone.
    #[param(inline)]
    source: Option<WhipSource>,
}

/// Where what is published comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum WhipSource {
    /// A camera and a microphone.
    Camera,
    /// A screen and what sounds there.
    Screen,
}

/// Publishes into a room. The body is an offer of sound, pictures or both, of which everything can be taken; the
/// answer has all of the server's candidates. The token is a person's, or a guest's with the right `media.send`,
/// and the session ends with it.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/whip",
    params(("id" = RoomId, Path, description = "The room"), WhipParams),
    request_body(content = String, content_type = "application/sdp", description = "The offer (RFC 8866)", example = json!(offer_example("sendonly"))),
    responses(
        (status = 201, description = "The answer. `Location` is the session, `ETag` its ICE session, `Link` the STUN and TURN servers",
         body = String, content_type = "application/sdp", example = json!(answer_example("recvonly", ""))),
        (status = 400, description = "`media.invalidSdp`: the body is no offer", body = Document),
        (status = 401, body = Document),
        (status = 403, description = "The token does not allow to send; `media.locked`: a moderator lets nobody else in", body = Document),
        (status = 404, body = Document),
        (status = 406, description = "`request.notAcceptable`", body = Document),
        (status = 409, description = "`room.closed`; `limit.count`: the session is full, or the account has too many", body = Document),
        (status = 413, description = "`limit.size`", body = Document),
        (status = 415, description = "The body is not `application/sdp`", body = Document),
        (status = 422, description = "`media.nothingAgreed`: something that is offered cannot be taken; `media.duplicateSource`: there are two tracks of a kind", body = Document),
        (status = 429, description = "`limit.rate`: too many sessions begin", body = Document),
        (status = 503, description = "`media.unavailable`", body = Document),
    ),
)]
pub(super) async fn start_whip_session(
    State(app): State<App>,
    attendee: Attendee,
    Id(room): Id<RoomId>,
    Params(WhipParams { source }): Params<WhipParams>,
    RemoteAddress(address): RemoteAddress,
    request: Request,
) -> Result<Response, Problem> {
    app.whip_rates.admit(attendee.account(), address)?;
    body::accepts(request.headers(), SDP)?;
    let sdp = body::read(request, SDP).await?;
    let pass = attendee.pass().ok_or_else(forbidden)?;
    let mut tx = attendee.begin(&app).await?;
    attendee.admit(&app, &mut tx, Action::Media, room).await?;
    let name = attendee.name(&mut tx).await?;
    tx.commit().await?;
    let rights = attendee.media_rights();
    if !rights.send {
        return Err(forbidden());
    }
    let session = ConnectionId::generate(&*app.clock);
    let participant = Participant {
        connection_id: session,
        user_id: attendee.user(),
        name,
        state: ParticipantState::default(),
        tracks: Vec::new(),
    };
    let picture = match source.unwrap_or(WhipSource::Camera) {
        WhipSource::Camera => TrackSource::Camera,
        WhipSource::Screen => TrackSource::Screen,
    };
    // What comes this way only sends, whatever else the token allows.
    let rights = MediaRights { receive: false, data: false, ..rights };
    let action = WhipAction::Publish { participant, rights, pass, sdp, picture };
    answer::begin(&app, &attendee, room, action, &format!("/v1/rooms/{room}/whip/{session}")).await
}

fn forbidden() -> Problem {
    let detail = "publishing over WHIP needs a token of a person, or of a guest with the right media.send";
    Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail)
}
