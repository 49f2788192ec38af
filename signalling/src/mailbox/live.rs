//! The mailboxes that somebody on this instance follows, by account.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{
    id::{AccountId, ConnectionId, UserId},
    protocol::{
        Event,
        mailbox::{Acknowledged, Entry},
    },
    subject::mailbox::MailboxNews,
};
use signalling_core::sequence::{Arrival, Sequence};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All of them.
pub(crate) type Mailboxes = Live<AccountId, LiveMailboxes>;

/// Those of one account.
pub(crate) struct LiveMailboxes {
    pub(super) account: AccountId,
    state: Mutex<State>,
    /// Some are in doubt: read the store.
    pub(super) gap: Notify,
    /// Cancelled when the last one has gone.
    pub(super) over: CancellationToken,
}

#[derive(Default)]
pub(super) struct State {
    users: BTreeMap<UserId, Mailbox>,
    /// Users of whose mailbox something may not have been heard.
    doubted: BTreeSet<UserId>,
    pub(super) is_closed: bool,
}

/// A user's mailbox as this instance has handed it out.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) sequence: Sequence<Arc<Client>>,
    pub(super) acknowledged_seq: u64,
}

impl State {
    /// The mailbox of a user whose device joins, or is about to.
    pub(super) fn of_user(&mut self, user: UserId) -> &mut Mailbox {
        self.users.entry(user).or_default()
    }

    pub(super) fn leave(&mut self, user: UserId, connection: ConnectionId) {
        if let Some(mailbox) = self.users.get_mut(&user) {
            mailbox.sequence.leave(connection);
            if mailbox.sequence.is_empty() {
                self.users.remove(&user);
                self.doubted.remove(&user);
            }
        }
    }

    /// Something may not have been heard of this user's.
    pub(super) fn doubt(&mut self, user: UserId) {
        self.doubted.insert(user);
    }

    /// Those of whom something may not have been heard, with what was handed out of theirs.
    pub(super) fn take_doubted(&mut self) -> Vec<(UserId, u64)> {
        let doubted = std::mem::take(&mut self.doubted);
        let position = |user| Some((user, self.users.get(&user)?.sequence.position()?));
        doubted.into_iter().filter_map(position).collect()
    }

    /// Whether it can be handed out; false if something before it is missing.
    fn arrive(&mut self, news: &MailboxNews) -> bool {
        match news {
            MailboxNews::Entry(user, entry) => {
                let Some(mailbox) = self.users.get_mut(user) else { return true };
                match mailbox.sequence.arrive(entry.seq) {
                    Arrival::Next => {
                        let frame = Frame::event(&Event::MailboxEntry(entry.clone()));
                        Client::push_to_all(mailbox.sequence.readers_of(entry.seq), &frame);
                        true
                    }
                    Arrival::Duplicate | Arrival::Early => true,
                    Arrival::Gap => {
                        self.doubted.insert(*user);
                        false
                    }
                }
            }
            MailboxNews::Acknowledged(user, Acknowledged { seq }) => {
                let Some(mailbox) = self.users.get_mut(user) else { return true };
                if mailbox.acknowledged_seq < *seq {
                    mailbox.acknowledged_seq = *seq;
                    let frame = Frame::event(&Event::MailboxAcknowledged(Acknowledged { seq: *seq }));
                    let readers = mailbox.sequence.readers().map(|(_, _, client)| client);
                    Client::push_to_all(readers, &frame);
                }
                true
            }
        }
    }
}

impl LiveMailboxes {
    pub(super) fn new(account: AccountId) -> Self {
        Self { account, state: Mutex::default(), gap: Notify::new(), over: CancellationToken::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arrive(&self, news: &MailboxNews) {
        let is_in_order = self.state().arrive(news);
        if !is_in_order {
            self.gap.notify_one();
        }
    }

    /// Hands out an entry that was read. Those before it that were not are kept no longer: nobody can have them.
    pub(super) fn catch_up(&self, user: UserId, entry: Entry) {
        let mut state = self.state();
        if let Some(mailbox) = state.users.get_mut(&user) {
            mailbox.sequence.skip_to(entry.seq.saturating_sub(1));
        }
        state.arrive(&MailboxNews::Entry(user, entry));
    }

    /// News may have gone unheard: everybody's is looked at in the store.
    pub(crate) fn doubt_all(&self) {
        let mut state = self.state();
        state.doubted = state.users.keys().copied().collect();
        drop(state);
        self.gap.notify_one();
    }
}

impl Followed for LiveMailboxes {
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        state.users.retain(|_, mailbox| !mailbox.sequence.is_empty());
        if state.users.is_empty() {
            state.is_closed = true;
            self.over.cancel();
        }
        state.is_closed
    }
}
