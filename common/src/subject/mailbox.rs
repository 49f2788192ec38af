//! Between hub instances: what is new in the mailboxes of an account.

use super::Topic;
use crate::{
    id::{AccountId, UserId},
    protocol::mailbox::{Acknowledged, Entry},
};
use serde::{Deserialize, Serialize};

/// News of the mailboxes of an account. The store is the truth: what is not heard is read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MailboxTopic(pub AccountId);

/// See [`MailboxTopic`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailboxNews {
    /// A user has a new entry. Its number shows whether one is missing.
    Entry(UserId, Entry),
    /// A device of the user has seen the mailbox so far.
    Acknowledged(UserId, Acknowledged),
}

impl Topic for MailboxTopic {
    type Message = MailboxNews;
    fn name(&self) -> String {
        format!("hub.mailbox.{}", self.0)
    }
}
