//! Beginning a WHIP session: the offer, and the answer to it.

use super::{
    super::{
        App,
        attendee::Attendee,
        extract::{Id, Params, RemoteAddress},
        problem::{Document, Problem},
    },
    ANSWER_EXAMPLE, OFFER_EXAMPLE, SDP, body, node,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId},
    protocol::media::{IceServer, Participant, ParticipantState, TrackSource},
    subject::{
        media::MediaRights,
        whip::{WhipAction, WhipReply},
    },
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
    request_body(content = String, content_type = "application/sdp", description = "The offer (RFC 8866)", example = json!(OFFER_EXAMPLE)),
    responses(
        (status = 201, description = "The answer. `Location` is the session, `ETag` its ICE session, `Link` the STUN and TURN servers",
         body = String, content_type = "application/sdp", example = json!(ANSWER_EXAMPLE)),
        (status = 400, description = "`media.invalidSdp`: the body is no offer", body = Document),
        (status = 401, body = Document),
        (status = 403, description = "The token does not allow to send", body = Document),
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
    match node::ask(&app, attendee.account(), room, action, true).await? {
        Some(WhipReply::Published { sdp, tag }) => {
            let ice_servers = (app.ice_servers)(attendee.user(), app.clock.utc());
            let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, SDP)], sdp).into_response();
            let headers = response.headers_mut();
            // Relative: whatever stands in front of this server knows by which name it was called.
            insert(headers, header::LOCATION, &format!("/v1/rooms/{room}/whip/{session}"))?;
            insert(headers, header::ETAG, &body::etag(&tag))?;
            link(headers, &ice_servers);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Some(
            WhipReply::Restarted { .. }
            | WhipReply::Done
            | WhipReply::Removed(_)
            | WhipReply::OtherIceSession
            | WhipReply::Moved { .. },
        )
        | None => Err(node::unavailable()),
    }
}

fn forbidden() -> Problem {
    let detail = "publishing over WHIP needs a token of a person, or of a guest with the right media.send";
    Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) -> Result<(), Problem> {
    headers.insert(name, HeaderValue::try_from(value).map_err(|error| Problem::internal(&error))?);
    Ok(())
}

/// Names the STUN and TURN servers (RFC 9725, section 4.6).
fn link(headers: &mut HeaderMap, ice_servers: &[IceServer]) {
    for server in ice_servers {
        let credentials = match (&server.username, &server.credential) {
            (Some(username), Some(credential)) => {
                format!(
                    "; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
                )
            }
            _ => String::new(),
        };
        for url in &server.urls {
            // What no header can carry is one of the operator's URLs with a sign that none has.
            if let Ok(value) = HeaderValue::try_from(format!("<{url}>; rel=\"ice-server\"{credentials}")) {
                headers.append(header::LINK, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_of_a_server_is_a_link_of_its_own_with_its_credentials() {
        let turn = IceServer {
            urls: vec!["turn:turn.example:3478".to_owned(), "turns:turn.example:5349".to_owned()],
            username: Some("1790000000:ada".to_owned()),
            credential: Some("c2VjcmV0".to_owned()),
        };
        let stun = IceServer { urls: vec!["stun:stun.example".to_owned()], username: None, credential: None };
        let mut headers = HeaderMap::new();
        link(&mut headers, &[stun, turn]);
        let links: Vec<_> = headers.get_all(header::LINK).iter().map(|it| it.to_str().unwrap()).collect();
        let secret = "; username=\"1790000000:ada\"; credential=\"c2VjcmV0\"; credential-type=\"password\"";
        assert_eq!(
            links,
            [
                "<stun:stun.example>; rel=\"ice-server\"".to_owned(),
                format!("<turn:turn.example:3478>; rel=\"ice-server\"{secret}"),
                format!("<turns:turn.example:5349>; rel=\"ice-server\"{secret}"),
            ]
        );
    }
}
