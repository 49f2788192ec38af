//! What was said in rooms, or changed there, and is not stored yet, by account.

use super::live::LiveRoom;
use crate::client::Client;
use common::{
    id::{AccountId, RoomId},
    protocol::{
        Failure, RequestId,
        room::{Send, Sent},
    },
};
use dashmap::DashMap;
use signalling_core::{revision::Change, turns::Turns};
use std::sync::Arc;
use store::rooms::{NewRoomMessage, Uploads};
use tokio::sync::OwnedSemaphorePermit;

/// Messages that are stored together.
///
/// More spares the store commits; fewer keeps those in quiet rooms from waiting for long groups.
pub(crate) const GROUP_MAX: usize = 64;

/// What waits to be stored, by account. Who has an entry has a task that stores it.
#[derive(Default)]
pub(crate) struct Posts(DashMap<AccountId, Turns<RoomId, Post>>);

/// Something said or changed that is not stored yet. Answered when it is dropped at the latest.
pub(super) struct Post {
    pub(super) client: Arc<Client>,
    pub(super) id: Option<RequestId>,
    pub(super) room: Arc<LiveRoom>,
    pub(super) what: What,
    /// Of a change it looks alike: [`common::protocol::room::Revised`].
    pub(super) outcome: Option<Result<Sent, Failure>>,
    /// Held until it is answered.
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

/// What is to be stored.
pub(super) enum What {
    Said(Send),
    Changed { message_seq: u64, change: Change },
}

impl Drop for Post {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(Failure::internal()));
        self.client.answer(self.id.as_ref(), &outcome);
    }
}

impl Posts {
    /// Appends something; whether a task must be begun that stores it.
    pub(super) fn push(&self, account: AccountId, post: Post) -> bool {
        let mut is_first = false;
        let mut waiting = self.0.entry(account).or_insert_with(|| {
            is_first = true;
            Turns::default()
        });
        waiting.push(post.room.id, post);
        is_first
    }

    /// Forgets what waits in an account.
    pub(super) fn forget(&self, account: AccountId) {
        drop(self.0.remove(&account));
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be stored next; `None` if nothing waits, and then the task is over.
    pub(super) fn take(&self, account: AccountId) -> Option<Vec<Post>> {
        if self.0.remove_if(&account, |_, waiting| waiting.is_empty()).is_some() {
            return None;
        }
        Some(self.0.get_mut(&account)?.take(GROUP_MAX))
    }
}

impl Post {
    /// For the store, if it is a new message.
    pub(super) fn as_new(&self) -> Option<NewRoomMessage<'_>> {
        let What::Said(said) = &self.what else { return None };
        Some(NewRoomMessage {
            room: said.room_id,
            user: self.client.user,
            name: &self.client.name,
            client_id: said.client_id,
            text: &said.text,
            reply_to: said.reply_to,
            mentions: &said.mentions,
            attachments: Uploads { ids: &said.attachments, by: None },
        })
    }
}
