//! Wire protocol v1, spoken over `/v1/ws`: JSON-RPC 2.0, one message per text frame.
//!
//! The client sends [`Request`]s and is answered in order of completion; the
//! server pushes [`Event`]s as notifications. Unknown fields are ignored, an
//! unknown method is answered with an error and never costs the connection.

pub mod call;
pub mod close;
pub mod connection;
pub mod envelope;
mod event;
pub mod feed;
pub mod inbox;
pub mod mailbox;
pub mod media;
mod needs;
pub mod page;
pub mod presence;
#[cfg(feature = "openapi")]
pub mod reference;
mod request;
pub mod room;
pub mod rooms;

pub use envelope::{Failure, Incoming, RequestId};
pub use event::Event;
pub use needs::{GuestNeeds, Needs};
pub use request::{Parameters, Request};

use serde::{Deserialize, Serialize};

/// The result of a method that has nothing to say but that it worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {}

#[cfg(test)]
mod tests;
