//! The accounts that somebody on this instance watches, and who of each is online.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{
    id::{AccountId, ConnectionId, UserId},
    protocol::{
        Event,
        page::{self, PAGE_BYTES_MAX},
        presence::{Changed, Online, OnlineUser, USERS_MAX},
    },
};
use signalling_core::gathering::Gathered;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// All of them.
pub(crate) type Accounts = Live<AccountId, Watched>;

pub(crate) struct Watched {
    pub(super) account: AccountId,
    state: Mutex<State>,
    /// Cancelled when the last one has gone.
    pub(super) over: CancellationToken,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) watchers: BTreeMap<ConnectionId, Arc<Client>>,
    users: BTreeMap<UserId, OnlineUser>,
    pub(super) is_closed: bool,
}

impl State {
    /// The users after `user`, as many as fit.
    pub(super) fn page(&self, user: Option<UserId>) -> Online {
        let start = user.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.users.range((start, Bound::Unbounded)).map(|(_, user)| user.clone());
        let (users, more) = page::first(after, USERS_MAX, PAGE_BYTES_MAX);
        Online { users, online_count: self.count(), more }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.users.len()).unwrap_or(u32::MAX)
    }
}

impl Watched {
    pub(super) fn new(account: AccountId) -> Self {
        Self { account, state: Mutex::default(), over: CancellationToken::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes what differs from `now` to everybody who watches.
    pub(super) fn update(&self, now: BTreeMap<UserId, OnlineUser>) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.users, now);
        let went = before.keys().filter(|id| !state.users.contains_key(id)).copied().collect::<Vec<_>>();
        let came = state.users.iter().filter(|(id, _)| !before.contains_key(id));
        let came = came.map(|(_, user)| user.clone()).collect::<Vec<_>>();
        if went.is_empty() && came.is_empty() {
            return;
        }
        let Gathered { came: online, went: offline, complete } = Gathered::bounded(came, went);
        let changed = Changed { online, offline, online_count: state.count(), complete };
        let frame = Frame::event(&Event::PresenceChanged(changed));
        Client::push_to_all(state.watchers.values(), &frame);
    }
}

impl Followed for Watched {
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.watchers.is_empty() {
            state.is_closed = true;
            self.over.cancel();
        }
        state.is_closed
    }
}
