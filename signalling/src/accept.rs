//! Lets sockets in: limits first, then the upgrade. Who it is comes in its first message.

use crate::{connection, hub::Hub};
use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
    routing::any,
};
use common::protocol::close;
use std::sync::atomic::Ordering;

/// The largest frame and message, in bytes: a session description of the largest size, escaped.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// The buffers of one socket. The library's defaults are 128 KiB each, most of
/// what an idle connection would cost.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// What may wait inside the library before it refuses; our own queue is bounded before that.
const WRITE_BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// `GET /v1/ws`.
pub fn router(hub: &Hub) -> Router {
    Router::new().route("/v1/ws", any(upgrade)).with_state(hub.clone())
}

async fn upgrade(State(hub): State<Hub>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .on_upgrade(move |socket| admit(hub, socket))
}

/// Runs the connection on the hub's own tasks, so that the drain waits for its goodbye.
async fn admit(hub: Hub, mut socket: WebSocket) {
    let place = Place::take(&hub);
    let open = hub.0.sockets.load(Ordering::Relaxed);
    match hub.shutdown() {
        Some(shutdown) if !shutdown.token.is_cancelled() && open <= hub.0.config.connections_max => {
            shutdown.tasks.clone().spawn(async move {
                connection::run(&hub, socket).await;
                drop(place);
            });
        }
        _ => {
            let frame = CloseFrame { code: close::OVERLOADED, reason: "try again later".into() };
            let _gone = socket.send(Message::Close(Some(frame))).await;
        }
    }
}

/// One of the places that are limited; given back when dropped.
struct Place(Hub);

impl Place {
    fn take(hub: &Hub) -> Self {
        hub.0.sockets.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("hub_connections").increment(1.0);
        Self(hub.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.sockets.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("hub_connections").decrement(1.0);
    }
}
