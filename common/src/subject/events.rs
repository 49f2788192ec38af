//! Between hub instances: requests of clients without a WebSocket that reach another instance than the one that has
//! their connection.

use super::Service;
use crate::id::NodeId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Requests to the instance that has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventsService(pub NodeId);

/// See [`EventsService`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRequest {
    /// Which of the instance's connections.
    pub connection: Uuid,
    /// The SHA-256 of the secret that the client has shown. The secret itself crosses no bus.
    pub proof: [u8; 32],
    /// What the client wants.
    pub action: EventsAction,
}

/// What a client wants of its connection. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventsAction {
    /// A stream begins, and ends the one before.
    Attach {
        /// Which.
        stream: Uuid,
        /// The last frame that the client has seen; 0 before the first.
        after: u64,
    },
    /// A stream wants more.
    Take {
        /// Which.
        stream: Uuid,
        /// The last frame that it has had.
        after: u64,
        /// How long to wait for something, in milliseconds.
        wait_ms: u64,
    },
    /// The client says something.
    Post {
        /// Counts batches, from 1 on.
        number: u64,
        /// As over a WebSocket, each the text of a frame.
        frames: Vec<String>,
    },
    /// The client closes the connection.
    Leave {},
}

/// What becomes of an [`EventsAction`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventsReply {
    /// It is done.
    Done {},
    /// What there is for a stream; nothing, if nothing came in time.
    Taken {
        /// With their numbers.
        frames: Vec<(u64, String)>,
        /// The code and the reason that the connection closes with, if nothing more comes.
        closed: Option<(u16, String)>,
    },
    /// There is no such connection, or its secret is another one.
    Gone {},
    /// Another stream has begun since.
    Replaced {},
    /// A batch before it is missing.
    OutOfOrder {},
    /// Just now it cannot be done, and was not.
    Busy {},
}

impl Service for EventsService {
    type Request = EventsRequest;
    type Reply = EventsReply;
    fn name(&self) -> String {
        format!("hub.events.{}", self.0)
    }
}
