//! Lets sockets in: is it a WebSocket, is there a place, then the upgrade. Who it is comes in its first message.

mod handshake;
mod slots;

pub(crate) use slots::{Slot, Slots, UserSlot};

use crate::{
    connection::{self, WebSocket},
    hub::Hub,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use common::{
    address::{ClientAddress, ClientNetwork},
    error::{Chain, ErrorCode},
};
use ingress::{Problem, TakeApart};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use tracing::debug;

/// How soon who found no place should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

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
    let slot = match Slot::take(&hub, network(&request)) {
        Ok(slot) => slot,
        Err(refused) => return refused.into_response(),
    };
    let take_apart = request.extensions().get::<TakeApart>().copied();
    let upgraded = hyper::upgrade::on(&mut request);
    let tasks = shutdown.tasks.clone();
    let work = hub.clone();
    tasks.spawn(async move {
        match upgraded.await {
            Ok(upgraded) => connection::run(&work, WebSocket::new(upgraded, take_apart).await, slot).await,
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

/// Why there is no socket.
struct Refused {
    status: StatusCode,
    code: ErrorCode,
    detail: &'static str,
}

impl Refused {
    const fn new(status: StatusCode, code: ErrorCode, detail: &'static str) -> Self {
        Self { status, code, detail }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.status, self.code, self.detail);
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // What this server speaks (RFC 6455, section 4.4).
            return ([(header::SEC_WEBSOCKET_VERSION, "13")], problem).into_response();
        }
        let is_passing = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        let problem =
            if is_passing.contains(&self.status) { problem.retry_after(RETRY_AFTER) } else { problem };
        problem.into_response()
    }
}
