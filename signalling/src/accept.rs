//! Lets sockets in: is it a WebSocket, is there a slot, then the upgrade. Who it is comes in its first message.

mod handshake;
pub(crate) mod place;
pub(crate) mod refused;

use crate::{
    connection::{self, open::Socket},
    events,
    hub::Hub,
};
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use common::error::Chain;
use ingress::TakeApart;
use tracing::debug;

/// `/v1/ws`, and `/v1/events` for clients whose network lets no WebSocket through.
pub fn router(hub: &Hub) -> Router {
    Router::new().route("/v1/ws", any(upgrade)).with_state(hub.clone()).merge(events::router(hub))
}

async fn upgrade(State(hub): State<Hub>, mut request: Request) -> Response {
    let accept = match handshake::read(&request) {
        Ok(accept) => accept,
        Err(refused) => return refused.into_response(),
    };
    let (tasks, slot) = match place::take(&hub, &request) {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    let take_apart = request.extensions().get::<TakeApart>().copied();
    let upgraded = hyper::upgrade::on(&mut request);
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
