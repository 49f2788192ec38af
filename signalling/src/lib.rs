//! The hub: WebSockets at `/v1/ws`, and `/v1/events` for clients whose network lets none through.
//!
//! [`accept`] lets a socket in, [`events`] serves those who have none through a [`pipe`], [`connection`] is one socket from then on,
//! [`dispatch`] one match over the protocol's methods. A connection that has
//! said who it is is a [`client`]. What the methods do is in [`rooms`],
//! [`presence`], [`calls`], [`media`], [`inbox`], [`mailbox`], [`room_list`] and [`changes`]; [`cluster`] is what other
//! instances say to this one, [`standing`] who may no more, [`outage`] what is done while they cannot, [`doubt`] for how long then, and
//! [`pace`] how fast a backlog is handed out. What many ask the store waits [`together`], and [`asking`] asks it. Who may have
//! a socket counts in [`slots`], what one may send on all instances in [`rates`] by what is in [`dues`]; what several follow is kept
//! [`live`]. Everything hangs on the [`hub`].

mod accept;
mod asking;
mod calls;
mod changes;
mod client;
mod cluster;
mod config;
mod connection;
mod counters;
mod dispatch;
mod doubt;
mod dues;
mod events;
mod failure;
mod finally;
mod flusher;
mod frame;
mod hub;
mod inbox;
mod limits;
mod live;
mod mailbox;
mod media;
mod outage;
mod pace;
mod pipe;
mod presence;
mod rates;
mod room_list;
mod rooms;
mod slots;
mod standing;
#[cfg(test)]
mod testing;
mod together;
mod until;
mod wire;

pub use accept::router;
pub use cluster::run;
pub use config::Config;
pub use hub::{Deps, Hub};
pub use limits::limits;

/// The reference of what this role serves without a WebSocket.
#[cfg(feature = "openapi")]
pub fn openapi() -> utoipa::openapi::OpenApi {
    events::reference::reference()
}
