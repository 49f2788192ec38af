//! The accounts that somebody on this instance watches. Each decides in its core; what it says goes out under its
//! lock, the rest is left for the one who [follows](super::follow) it.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{clock::Clock, id::AccountId, protocol::Event};
use signalling_core::presence::{Effect, Presence};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// All of them.
pub(crate) type Accounts = Live<AccountId, Watched>;

/// An instance has come or gone: who was said to be there may not be, and others may.
pub(crate) fn doubt(accounts: &Accounts) {
    for (_, watched) in accounts.all() {
        watched.act(|presence, now, effects| presence.handle_instances_changed(now, effects));
    }
}

pub(crate) struct Watched {
    pub(super) account: AccountId,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// There is something to do, or a deadline has moved.
    pub(super) work: Notify,
}

/// Held for as long as it takes to queue a frame per watcher.
struct State {
    presence: Presence<Arc<Client>>,
    /// Whether all devices are to be read.
    compare: bool,
    /// Kept for their room.
    effects: Vec<Effect>,
}

impl Watched {
    pub(super) fn new(account: AccountId, clock: Arc<dyn Clock>) -> Self {
        let presence = Presence::new(clock.now());
        let state = State { presence, compare: false, effects: Vec::new() };
        Self { account, clock, state: Mutex::new(state), work: Notify::new() }
    }

    /// Has the presence decide, and those who watch told what it says.
    pub(super) fn act<T>(
        &self,
        decide: impl FnOnce(&mut Presence<Arc<Client>>, Instant, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { presence, compare, effects } = &mut *state;
        let due = presence.next_deadline();
        let decided = decide(presence, self.clock.now(), effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Tell(changed) => {
                    let frame = Frame::event(&Event::PresenceChanged(changed));
                    Client::push_to_all(presence.watchers(), &frame);
                }
                Effect::Compare => *compare = true,
            }
        }
        let is_sooner = presence.next_deadline().is_some_and(|at| due.is_none_or(|due| at < due));
        if is_sooner || *compare {
            self.work.notify_one();
        }
        decided
    }

    /// Whether all devices are to be read now; asked once.
    pub(super) fn take_compare(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.compare)
    }
}

impl Followed for Watched {
    fn close_if_empty(&self) -> bool {
        let is_closed = self.act(|presence, _, _| presence.close_if_empty());
        if is_closed {
            self.work.notify_one();
        }
        is_closed
    }
}
