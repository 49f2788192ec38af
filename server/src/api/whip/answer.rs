//! What is answered when a session over HTTP has begun.

use super::{
    super::{App, attendee::Attendee, problem::Problem},
    SDP, body, node,
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    id::RoomId,
    protocol::media::IceServer,
    subject::whip::{WhipAction, WhipReply},
};

/// Has the node of a room begin a session, opening the call if need be, and answers its offer. The session will be at this
/// path.
///
/// # Errors
/// What the node refuses, and 503 if there is none.
pub(super) async fn begin(
    app: &App,
    attendee: &Attendee,
    room: RoomId,
    action: WhipAction,
    location: &str,
) -> Result<Response, Problem> {
    match node::ask(app, attendee.account(), room, action, true).await? {
        Some(WhipReply::Published { sdp, tag }) => created(app, attendee, location, (sdp, &tag)),
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

/// The answer to an offer, and how its session goes on: where it is, in which ICE session, and by which servers.
///
/// # Errors
/// 500 if what is in it is in no header.
fn created(
    app: &App,
    attendee: &Attendee,
    location: &str,
    (sdp, tag): (String, &str),
) -> Result<Response, Problem> {
    let ice_servers = (app.ice_servers)(attendee.user(), app.clock.utc());
    let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, SDP)], sdp).into_response();
    let headers = response.headers_mut();
    // Relative: whatever stands in front of this server knows by which name it was called.
    insert(headers, header::LOCATION, location)?;
    insert(headers, header::ETAG, &body::etag(tag))?;
    link(headers, &ice_servers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
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
