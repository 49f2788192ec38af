//! A call that another instance ran, as it was recorded.

use super::{leg::Invitation, transfer::Destination};
use common::{
    id::{ConnectionId, UserId},
    protocol::call::EndReason,
};
use std::{collections::BTreeSet, time::Duration};

/// A call that another instance ran, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Everybody who is or was part of it, in the order in which they came; the first called.
    pub parties: Vec<RecordedParty>,
    /// Whether anybody has picked up.
    pub is_answered: bool,
    /// How far it was on its way to another room.
    pub transfer: Option<RecordedTransfer>,
    /// Higher than what any other instance has counted.
    pub revision: u64,
}

/// A call's way to another room, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTransfer {
    /// Where to, and by whom.
    pub destination: Destination,
    /// Who has yet to say what came of it.
    pub awaited: BTreeSet<UserId>,
    /// For how much longer that is waited for.
    pub time: Duration,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedParty {
    /// Who.
    pub user: UserId,
    /// How they came to it.
    pub invitation: Invitation,
    /// How far they were.
    pub stage: Stage,
}

/// How far somebody was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It rang.
    Ringing {
        /// For how much longer it is to.
        rings_for: Duration,
        /// Their devices that are there.
        devices: Vec<ConnectionId>,
    },
    /// They talked.
    In {
        /// On this device.
        device: ConnectionId,
    },
    /// They were out of it.
    Out {
        /// How it ended for them.
        reason: EndReason,
        /// On which they were in it last.
        device: Option<ConnectionId>,
    },
}
