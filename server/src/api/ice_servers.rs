//! STUN and TURN servers with credentials that last for a call.

use super::{App, caller::Caller};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use common::protocol::media::IceServer;
use serde::Serialize;
use utoipa::ToSchema;

/// What `RTCPeerConnection` takes as its configuration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServers {
    /// The servers.
    ice_servers: Vec<IceServer>,
}

/// Hands out STUN and TURN servers for the caller.
#[utoipa::path(get, path = "/v1/ice-servers", tag = "calls", responses((status = 200, body = IceServers)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> ([(HeaderName, &'static str); 1], Json<IceServers>) {
    let ice_servers = (app.ice_servers)(caller.id(), app.clock.utc());
    ([(header::CACHE_CONTROL, "no-store")], Json(IceServers { ice_servers }))
}
