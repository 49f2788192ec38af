//! From one media node to another: a session goes on there.

use super::{Service, media::MediaRights};
use crate::{
    id::{AccountId, NodeId, RoomId, UserId},
    protocol::media::{Participant, Route, Selection, TrackWish},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What [`Handover`] means now. A node refuses one of another version, and the session stays where it is.
pub const HANDOVER_VERSION: u32 = 1;

/// Sessions that are given to a media node. Whoever asks has given it the session's lease before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MoveService(pub NodeId);

/// A session, as another node goes on with it. It may be asked for again without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// [`HANDOVER_VERSION`] of the node that asks.
    pub version: u32,
    /// The node that has had the session, and gets the lease back if it is refused.
    pub from: NodeId,
    /// Whose room it is.
    pub account: AccountId,
    /// The room.
    pub room: RoomId,
    /// Its session.
    pub session: MovedSession,
}

/// What of a session goes with it: everything but its transports, its recording and who publishes over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedSession {
    /// Who is in it, in their order.
    pub seats: Vec<MovedSeat>,
    /// How media travels.
    pub route: Route,
    /// From which its changes are counted on.
    pub revision: u64,
    /// How often seats were taken.
    pub entries: u64,
    /// Who may come in, if it is locked.
    pub let_in: Option<BTreeSet<UserId>>,
}

/// A participant's seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedSeat {
    /// Who sits there, with the state and the tracks that others know.
    pub participant: Participant,
    /// The hub instance that answers for it.
    pub hub: NodeId,
    /// What it may do.
    pub rights: MediaRights,
    /// What it wishes of the tracks of others.
    pub wishes: Vec<TrackWish>,
    /// What it wishes of all others.
    #[serde(default)]
    pub selection: Selection,
    /// With which the seat was last taken.
    pub entry: u64,
}

/// What a media node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandoverReply {
    /// It has the session, and has said so.
    Taken,
    /// It has not, and the lease is given back.
    Refused(HandoverRefusal),
}

/// Why a media node takes no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandoverRefusal {
    /// It is of another version.
    Version,
    /// It is about to end itself.
    Draining,
    /// There is nobody in it, or more than this node takes, or somebody twice.
    Unfit,
    /// It does not have the lease.
    NotOwned,
}

impl Service for MoveService {
    type Request = Handover;
    type Reply = HandoverReply;
    fn name(&self) -> String {
        format!("media.move.{}", self.0)
    }
}
