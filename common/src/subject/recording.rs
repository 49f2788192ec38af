//! Between the api role and the media servers: recordings of media sessions.
//!
//! The node that owns a session records it, and says in the session's state that it does. It keeps the files until they
//! are stored.

use super::Service;
use crate::{
    id::{AccountId, NodeId, RecordingId, RoomId, UserId},
    protocol::Failure,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Requests of the api role to a media node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordingService(pub NodeId);

/// See [`RecordingService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordingRequest {
    /// The tenant: a request for a session that is another account's is refused.
    pub account: AccountId,
    /// The room whose media session it is about.
    pub room: RoomId,
    /// What to do.
    pub action: RecordingAction,
}

/// What is asked of a media node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingAction {
    /// Record everything that is sent from now on. A session that is recorded already goes on being so.
    Begin {
        /// What the recording is called, which no other is.
        recording: RecordingId,
        /// The user or API key that asks for it.
        by: UserId,
    },
    /// End a recording.
    Stop {
        /// Which one.
        recording: RecordingId,
    },
}

/// A media node's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingReply {
    /// It is recorded, and everybody in the session is told.
    Begun {
        /// What the recording is called: what was asked for, unless the session was recorded already.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
        /// The node that records.
        node: NodeId,
        /// Since when.
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
    /// It is recorded no more, and may not have been before. The files are stored as soon as they are whole.
    Stopped,
}

impl Service for RecordingService {
    type Request = RecordingRequest;
    type Reply = Result<RecordingReply, Failure>;
    fn name(&self) -> String {
        format!("media.recordings.{}", self.0)
    }
}
