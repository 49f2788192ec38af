//! The lists of rooms that somebody on this instance follows, by account. Each decides in its core; what it says goes
//! out under its lock, the rest is left for the one who [follows](super::follow) it.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{clock::Clock, id::AccountId, protocol::Event};
use signalling_core::room_list::{Effect, RoomList};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// All of them.
pub(crate) type RoomLists = Live<AccountId, LiveList>;

pub(crate) struct LiveList {
    pub(super) account: AccountId,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// There is something to do, or a deadline has moved.
    pub(super) work: Notify,
}

/// Held for as long as it takes to queue a frame per follower.
struct State {
    list: RoomList<Arc<Client>>,
    /// Whether the last numbers of all rooms are to be read.
    compare: bool,
    /// Kept for their room.
    effects: Vec<Effect>,
}

impl LiveList {
    pub(super) fn new(account: AccountId, list: RoomList<Arc<Client>>, clock: Arc<dyn Clock>) -> Self {
        let state = State { list, compare: false, effects: Vec::new() };
        Self { account, clock, state: Mutex::new(state), work: Notify::new() }
    }

    /// Has the list decide, and those who follow told what it says.
    pub(super) fn act<T>(
        &self,
        decide: impl FnOnce(&mut RoomList<Arc<Client>>, Instant, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { list, compare, effects } = &mut *state;
        let due = list.next_deadline();
        let decided = decide(list, self.clock.now(), effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Tell(user, changed) => {
                    let frame = Frame::event(&Event::RoomsUnreadChanged(changed));
                    let delivered = Client::push_to_all(list.devices(user), &frame);
                    metrics::counter!("hub_room_list_deliveries_total").increment(delivered);
                }
                Effect::Compare => *compare = true,
            }
        }
        let is_sooner = list.next_deadline().is_some_and(|at| due.is_none_or(|due| at < due));
        if is_sooner || *compare {
            self.work.notify_one();
        }
        decided
    }

    /// Whether the last numbers of all rooms are to be read now; asked once.
    pub(super) fn take_compare(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.compare)
    }

    /// What was said somewhere may have been told nobody: the store is looked at.
    pub(crate) fn doubt(&self) {
        self.act(|list, _, effects| list.doubt(effects));
    }
}

impl Followed for LiveList {
    fn close_if_empty(&self) -> bool {
        let is_closed = self.act(|list, _, _| list.close_if_empty());
        if is_closed {
            self.work.notify_one();
        }
        is_closed
    }
}
