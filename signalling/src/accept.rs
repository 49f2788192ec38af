//! Lets sockets in: is it a WebSocket, is there a slot, then the upgrade. Who it is comes in its first message.

mod handshake;
pub(crate) mod refused;

use crate::{
    connection::{self, open::Socket},
    hub::Hub,
    slots::Slot,
};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use common::{
    address::{ClientAddress, ClientNetwork},
    error::{Chain, ErrorCode},
};
use ingress::TakeApart;
use refused::Refused;
use std::net::{IpAddr, Ipv4Addr};
use tracing::debug;

/// `GET /v1/ws`.
pub fn router(hub: &Hub) -> Router {
    Router::new().route("/v1/ws", any(upgrade)).with_state(hub.clone())
}

/// Runs the connection on the hub's own tasks, so that the drain waits for its goodbye.
async fn upgrade(State(hub): State<Hub>, mut request: Request) -> Response {
    let accept = match handshake::read(&request) {
        Ok(accept) => accept,
        Err(refused) => return refused.into_response(),
    };
    let Some(shutdown) = hub.shutdown().filter(|shutdown| !shutdown.token.is_cancelled()) else {
        return Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::UNAVAILABLE,
            "the server is draining",
        )
        .into_response();
    };
    let slot = match Slot::take(&hub.0.slots, network(&request)) {
        Ok(slot) => slot,
        Err(refused) => return refused.into_response(),
    };
    let take_apart = request.extensions().get::<TakeApart>().copied();
    let upgraded = hyper::upgrade::on(&mut request);
    let tasks = shutdown.tasks.clone();
    let work = hub.clone();
    tasks.spawn(async move {
        match upgraded.await {
            Ok(upgraded) => match Socket::new(upgraded, take_apart) {
                Ok(socket) => connection::run(&work, socket, slot).await,
                Err(_) => debug!("A socket is no TCP connection of this server"),
            },
            Err(error) => debug!(error = %Chain(&error), "A socket was lost before it was one"),
        }
    });
    handshake::answer(accept)
}

/// By what limits per network are counted. Without a listener that says so, all are of the same.
fn network(request: &Request) -> ClientNetwork {
    let address = request.extensions().get::<ClientAddress>().copied();
    address.unwrap_or(ClientAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED))).network()
}
