//! STUN and TURN servers with credentials that last for a call.

use super::{
    App,
    caller::Caller,
    routes::{Routes, endpoints},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use common::protocol::media::IceServer;
use serde::Serialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("ice-servers", "STUN and TURN servers for browsers.").any_caller(endpoints![list])
}

/// A configuration for `RTCPeerConnection`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServers {
    /// For the `iceServers` of a browser's `RTCPeerConnection`.
    ice_servers: Vec<IceServer>,
}

/// Hands out STUN and TURN servers for the caller.
#[utoipa::path(get, path = "/v1/ice-servers", responses((status = 200, body = IceServers)))]
async fn list(State(app): State<App>, caller: Caller) -> ([(HeaderName, &'static str); 1], Json<IceServers>) {
    let ice_servers = (app.ice_servers)(caller.id(), app.clock.utc());
    ([(header::CACHE_CONTROL, "no-store")], Json(IceServers { ice_servers }))
}
