//! Between the api role and the media servers: what is measured of a session.

use super::Service;
use crate::{
    id::{AccountId, ConnectionId, NodeId, RoomId},
    protocol::Failure,
    statistics::ParticipantStatistics,
};
use serde::{Deserialize, Serialize};

/// Questions of the api role to a media node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatisticsService(pub NodeId);

/// See [`StatisticsService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatisticsRequest {
    /// The tenant: a question about a session that is another account's is refused.
    pub account: AccountId,
    /// The room whose media session it is about.
    pub room: RoomId,
    /// Of whom.
    pub whom: Measured,
}

/// Of whom something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measured {
    /// Of everybody, without what they receive, in the order of their connections.
    Everybody {
        /// Behind this one.
        after: Option<ConnectionId>,
        /// So many at most.
        limit: u16,
    },
    /// Of one participant, with what it receives.
    One(ConnectionId),
}

/// A media node's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StatisticsReply {
    /// Those that are there.
    Measured(Vec<ParticipantStatistics>),
    /// Another node has the session: ask there.
    Moved {
        /// The node that has it.
        owner: NodeId,
    },
}

impl Service for StatisticsService {
    type Request = StatisticsRequest;
    type Reply = Result<StatisticsReply, Failure>;
    fn name(&self) -> String {
        format!("media.statistics.{}", self.0)
    }
}
