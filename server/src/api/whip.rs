//! Publishing into a room over HTTP (WHIP, RFC 9725) and playing what is sent there (WHEP, draft-ietf-wish-whep-03):
//! encoders, devices and players that know no other way of signalling.
//!
//! What is here keeps nothing: it lets in who may, and asks the media node that owns the room's session
//! ([`node`]), so that any instance serves any request of such a session. The node keeps the session, and asks
//! back whether its holder may still be there ([`stays`]).

mod answer;
mod body;
mod node;
mod play;
mod publish;
mod rates;
mod session;
mod stays;

pub(super) use node::{remove, unavailable};
pub(super) use rates::{
    PLAYERS_PER_ACCOUNT, PLAYERS_PER_NETWORK, PUBLISHERS_PER_ACCOUNT, PUBLISHERS_PER_NETWORK, Rates,
};
pub(crate) use stays::serve as serve_stays;

use super::routes::{Routes, endpoints};
use axum::http::{HeaderName, HeaderValue};
use common::{id::RoomId, protocol::media::SDP_BYTES_MAX};

/// What the endpoint is asked with, and answers with.
const SDP: &str = "application/sdp";

/// An offer to send or to receive, as the reference shows it.
fn offer_example(direction: &str) -> String {
    format!(
        "v=0\r\n\
        o=- 5228595038118931041 2 IN IP4 127.0.0.1\r\n\
        s=-\r\n\
        t=0 0\r\n\
        a=group:BUNDLE 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        c=IN IP4 0.0.0.0\r\n\
        a=ice-ufrag:EsAw\r\n\
        a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02\r\n\
        a=setup:actpass\r\n\
        a=mid:0\r\n\
        a={direction}\r\n\
        a=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\n"
    )
}

/// An answer, likewise; `more` is what it says of what it sends.
fn answer_example(direction: &str, more: &str) -> String {
    format!(
        "v=0\r\n\
        o=- 1 1 IN IP4 203.0.113.7\r\n\
        s=-\r\n\
        t=0 0\r\n\
        a=group:BUNDLE 0\r\n\
        a=ice-lite\r\n\
        m=audio 7882 UDP/TLS/RTP/SAVPF 111\r\n\
        c=IN IP4 203.0.113.7\r\n\
        a=candidate:1 1 udp 2130706431 203.0.113.7 7882 typ host\r\n\
        a=ice-ufrag:KotQ3VHHuxHz\r\n\
        a=ice-pwd:sJ5bDCOBcSEHLTdeTdn8W3H1\r\n\
        a=fingerprint:sha-256 37:1C:0A:9B:64:8E:5C:02:94:27:F5:4A:12:B0:D3:71:C8:4F:6A:09:EE:5D:83:9F:20:7B:D4:61:AA:13:58:C7\r\n\
        a=setup:passive\r\n\
        a=mid:0\r\n\
        a={direction}\r\n\
        a=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\n{more}"
    )
}

/// What an answer says of the stream that a player gets.
const PLAYED_EXAMPLE: &str = "\
    a=msid:0199f1a0-6c1e-7c3a-9d62-5b0c9a4e21d7 0199f1a0-6c1e-7c3a-9d62-5b0c9a4e21d7-audio\r\n\
    a=ssrc:1840700417 cname:0199f1a0-6c1e-7c3a-9d62-5b0c9a4e21d7\r\n";

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

pub(super) fn playing_routes() -> Routes {
    Routes::of("whep", "Playing what is sent in a room over HTTP (WHEP), for players and large audiences.")
        .any_caller(endpoints![
            play::start_whep_session,
            session::patch_whep_session,
            session::end_whep_session
        ])
        .anybody(endpoints![describe_whep])
        .body_bytes_max(SDP_BYTES_MAX)
}

/// Says what the endpoint takes (Linked Data Platform 1.0, section 7.1).
#[utoipa::path(
    options, path = "/v1/rooms/{id}/whip", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, description = "`Accept-Post: application/sdp`")),
)]
async fn describe_whip() -> [(HeaderName, HeaderValue); 1] {
    accepted()
}

/// Says what the endpoint takes (Linked Data Platform 1.0, section 7.1).
#[utoipa::path(
    options, path = "/v1/rooms/{id}/whep", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, description = "`Accept-Post: application/sdp`")),
)]
async fn describe_whep() -> [(HeaderName, HeaderValue); 1] {
    accepted()
}

const fn accepted() -> [(HeaderName, HeaderValue); 1] {
    [(HeaderName::from_static("accept-post"), HeaderValue::from_static(SDP))]
}
