//! The lists of rooms that somebody on this instance follows, by account. Each decides in its core; what it says goes
//! out under its lock, the rest is left for the one who [follows](super::follow) it.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{
    clock::Clock,
    id::{AccountId, UserId},
    protocol::Event,
};
use signalling_core::room_list::{Effect, RoomList};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    /// Whether all media sessions are.
    compare_sessions: bool,
    /// Kept for their room.
    effects: Vec<Effect>,
}

impl LiveList {
    pub(super) fn new(account: AccountId, list: RoomList<Arc<Client>>, clock: Arc<dyn Clock>) -> Self {
        let state = State { list, compare: false, compare_sessions: false, effects: Vec::new() };
        Self { account, clock, state: Mutex::new(state), work: Notify::new() }
    }

    /// Has the list decide, and those who follow told what it says.
    pub(super) fn act<T>(
        &self,
        decide: impl FnOnce(&mut RoomList<Arc<Client>>, Instant, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut state = self.state();
        let State { list, compare, compare_sessions, effects } = &mut *state;
        let due = list.next_deadline();
        let decided = decide(list, self.clock.now(), effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Tell(users, changed) => tell(list, &users, &Event::RoomsUnreadChanged(changed)),
                Effect::TellCalls(users, changed) => tell(list, &users, &Event::RoomsCallsChanged(changed)),
                Effect::Compare => *compare = true,
                Effect::CompareSessions => *compare_sessions = true,
            }
        }
        let is_sooner = list.next_deadline().is_some_and(|at| due.is_none_or(|due| at < due));
        if is_sooner || *compare || *compare_sessions {
            self.work.notify_one();
        }
        decided
    }

    /// Whether the last numbers of all rooms are to be read now; asked once.
    pub(super) fn take_compare(&self) -> bool {
        std::mem::take(&mut self.state().compare)
    }

    /// Whether all media sessions are to be read now; asked once.
    pub(super) fn take_compare_sessions(&self) -> bool {
        std::mem::take(&mut self.state().compare_sessions)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said somewhere may have been told nobody: store and bus are looked at.
    pub(crate) fn doubt(&self) {
        self.act(|list, _, effects| list.doubt(effects));
    }
}

/// Nodes have come or gone, and with them perhaps some of their media sessions.
pub(crate) fn doubt_sessions(lists: &RoomLists) {
    for (_, list) in lists.all() {
        list.act(|list, _, effects| list.doubt_sessions(effects));
    }
}

/// Encodes once for all devices of these users.
fn tell(list: &RoomList<Arc<Client>>, users: &[UserId], event: &Event) {
    let frame = Frame::event(event);
    let delivered = Client::push_to_all(users.iter().flat_map(|user| list.devices(*user)), &frame);
    metrics::counter!("hub_room_list_deliveries_total").increment(delivered);
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
