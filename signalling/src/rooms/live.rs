//! A room that somebody on this instance is in, and the fan-out to them.

use crate::{hub::frame, peer::Peer};
use bus::Presence;
use common::{
    id::{AccountId, ConnectionId, RoomId},
    protocol::{
        Event,
        room::{Member, MessagePosted, RoomMessage},
    },
};
use signalling_core::{
    feed::{Arrival, Feed},
    roster::Roster,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Somebody on this instance who is in the room.
pub(crate) struct LocalMember {
    pub(crate) peer: Arc<Peer>,
    /// Keeps the entry up that tells other instances.
    pub(crate) presence: Option<Presence>,
}

/// What the lock guards. It is held for as long as it takes to queue one frame per member.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) feed: Feed<LocalMember>,
    pub(crate) elsewhere: Roster,
    /// Nobody may join any more: the last one left.
    pub(crate) closed: bool,
}

pub(crate) struct LiveRoom {
    pub(crate) id: RoomId,
    pub(crate) account: AccountId,
    state: Mutex<State>,
    /// Messages are missing: read the store.
    pub(crate) gap: Notify,
    /// Cancelled when the last member here has left.
    pub(crate) over: CancellationToken,
}

impl State {
    /// Everybody, here and elsewhere.
    pub(crate) fn members(&self) -> Vec<Member> {
        let here = self.feed.readers().map(|(_, local)| local.peer.member());
        here.chain(self.elsewhere.members().cloned()).collect()
    }
}

impl LiveRoom {
    pub(crate) fn new(id: RoomId, account: AccountId) -> Self {
        Self { id, account, state: Mutex::default(), gap: Notify::new(), over: CancellationToken::new() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the room is empty here; if so, nobody joins this one any more.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.feed.is_empty() {
            state.closed = true;
            self.over.cancel();
        }
        state.closed
    }

    /// Hands a message to those here who have not seen it, if it is the next one.
    pub(crate) fn arrive(&self, message: &RoomMessage) {
        let mut state = self.state();
        match state.feed.arrive(message.seq) {
            Arrival::Next => {
                let event = Event::RoomMessage(MessagePosted { room_id: self.id, message: message.clone() });
                let frame = frame(&event);
                let mut delivered = 0;
                for local in state.feed.readers_of(message.seq).filter(|local| local.peer.reads_messages()) {
                    local.peer.push(frame.clone());
                    delivered += 1;
                }
                metrics::counter!("hub_deliveries_total").increment(delivered);
            }
            Arrival::Duplicate => {}
            Arrival::Gap => self.gap.notify_one(),
        }
    }

    /// Pushes an event to everybody here.
    pub(crate) fn push(&self, event: &Event) {
        let frame = frame(event);
        for (_, local) in self.state().feed.readers() {
            local.peer.push(frame.clone());
        }
    }

    /// Pushes an event to everybody here but the one who caused it.
    pub(crate) fn push_except(&self, event: &Event, except: ConnectionId) {
        let frame = frame(event);
        for (connection, local) in self.state().feed.readers() {
            if connection != except {
                local.peer.push(frame.clone());
            }
        }
    }
}
