//! From the inbox's workers to the hub.

use super::Topic;
use crate::{id::AccountId, protocol::inbox::Sequenced};

/// An account's inbox events, in the order of their numbers as far as the bus keeps it.
///
/// The store is the truth: a receiver that sees a gap reads the missing ones there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InboxTopic(pub AccountId);

impl Topic for InboxTopic {
    type Message = Sequenced;
    fn name(&self) -> String {
        format!("inbox.account.{}", self.0)
    }
}

/// "There is new work in the store." Only shortens the workers' wait; losing it costs latency, never work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkTopic;

/// Which queue has new work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Work {
    /// Raw webhook events to be normalised.
    RawEvents,
    /// Outbox rows to be published.
    Outbox,
    /// Replies to be sent.
    Replies,
}

impl Topic for WorkTopic {
    type Message = Work;
    fn name(&self) -> String {
        "inbox.work".to_owned()
    }
}
