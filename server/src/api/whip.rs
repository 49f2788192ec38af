//! Publishing into a room over HTTP (WHIP, RFC 9725): encoders and devices that know no other way of signalling.
//!
//! What is here keeps nothing: it lets in who may, and asks the media node that owns the room's session
//! ([`node`]), so that any instance serves any request of a WHIP session. The node keeps the session, and asks
//! back whether its holder may still be there ([`stays`]).

mod body;
mod node;
mod publish;
mod rates;
mod session;
mod stays;

pub(super) use node::remove;
pub(super) use rates::{PER_ACCOUNT, PER_NETWORK, Rates};
pub(crate) use stays::serve as serve_stays;

use super::routes::{Routes, endpoints};
use axum::http::{HeaderName, HeaderValue};
use common::{id::RoomId, protocol::media::SDP_BYTES_MAX};

/// What the endpoint is asked with, and answers with.
const SDP: &str = "application/sdp";

/// What a session is asked with, and answers with, once it has begun (RFC 8840, section 9).
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

pub(super) fn routes() -> Routes {
    Routes::of("whip", "Publishing into a room over HTTP (WHIP, RFC 9725), for encoders and devices.")
        .any_caller(endpoints![
            publish::start_whip_session,
            session::patch_whip_session,
            session::end_whip_session
        ])
        .anybody(endpoints![describe_whip])
        .body_bytes_max(SDP_BYTES_MAX)
}

/// Says what the endpoint takes (Linked Data Platform 1.0, section 7.1).
#[utoipa::path(
    options, path = "/v1/rooms/{id}/whip", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, description = "`Accept-Post: application/sdp`")),
)]
async fn describe_whip() -> [(HeaderName, HeaderValue); 1] {
    [(HeaderName::from_static("accept-post"), HeaderValue::from_static(SDP))]
}
