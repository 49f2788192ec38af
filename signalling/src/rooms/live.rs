//! A room that somebody on this instance is in, and the fan-out to them.

use super::slots::Slot;
use crate::{client::Client, hub::frame};
use bus::Presence;
use common::{
    id::{AccountId, ConnectionId, RoomId},
    protocol::{
        Event,
        room::{Member, MemberJoined, MemberLeft, MembersChanged, MessagePosted, RoomMessage},
    },
};
use signalling_core::{
    gathering::{Gathered, Gathering},
    roster::{self, Change, Roster},
    sequence::{Arrival, Sequence},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Somebody on this instance who is in the room.
pub(crate) struct LocalMember {
    pub(crate) client: Arc<Client>,
    /// Keeps the entry up that tells other instances.
    pub(crate) presence: Option<Presence>,
}

/// What the lock guards. It is held for as long as it takes to queue one frame per member.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) sequence: Sequence<LocalMember>,
    pub(crate) elsewhere: Roster,
    /// Who came and went, to be told together.
    gathering: Gathering,
    /// Nobody may join any more: the last one left.
    pub(crate) closed: bool,
}

pub(crate) struct LiveRoom {
    pub(crate) id: RoomId,
    pub(crate) account: AccountId,
    state: Mutex<State>,
    /// Messages are missing: read the store.
    pub(crate) gap: Notify,
    /// Changes of who is here wait to be told together.
    pub(crate) gathered: Notify,
    /// Cancelled when the last member here has left.
    pub(crate) over: CancellationToken,
    /// Held for as long as the room is live.
    _slot: Slot,
}

impl State {
    /// The first after `connection` of everybody, here and elsewhere, and whether there are more.
    pub(crate) fn members_after(&self, connection: Option<ConnectionId>) -> (Vec<Member>, bool) {
        let here = self.sequence.readers_after(connection).map(|(_, local)| local.client.member());
        roster::page(here, self.elsewhere.members_after(connection))
    }

    /// How many are in the room, here and elsewhere.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.sequence.len() + self.elsewhere.len()).unwrap_or(u32::MAX)
    }

    fn push(&self, event: &Event, except: Option<ConnectionId>) {
        let frame = frame(event);
        for (connection, local) in self.sequence.readers() {
            if Some(connection) != except {
                local.client.push(frame.clone());
            }
        }
    }
}

/// A single change as it is told.
pub(crate) fn event_of(room_id: RoomId, change: &Change) -> Event {
    match change {
        Change::Joined(member) => Event::RoomMemberJoined(MemberJoined { room_id, member: member.clone() }),
        Change::Left(Member { connection_id, user_id, .. }) => {
            Event::RoomMemberLeft(MemberLeft { room_id, connection_id: *connection_id, user_id: *user_id })
        }
    }
}

impl LiveRoom {
    pub(super) fn new(id: RoomId, account: AccountId, slot: Slot) -> Self {
        Self {
            id,
            account,
            state: Mutex::default(),
            gap: Notify::new(),
            gathered: Notify::new(),
            over: CancellationToken::new(),
            _slot: slot,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the room is empty here; if so, nobody joins this one any more.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.sequence.is_empty() {
            state.closed = true;
            self.over.cancel();
        }
        state.closed
    }

    /// Hands a message to those here who have not seen it, if it is the next one.
    pub(crate) fn arrive(&self, message: &RoomMessage) {
        let mut state = self.state();
        match state.sequence.arrive(message.seq) {
            Arrival::Next => {
                let event = Event::RoomMessage(MessagePosted { room_id: self.id, message: message.clone() });
                let frame = frame(&event);
                let mut delivered = 0;
                for local in
                    state.sequence.readers_of(message.seq).filter(|local| local.client.reads_messages())
                {
                    local.client.push(frame.clone());
                    delivered += 1;
                }
                metrics::counter!("hub_deliveries_total").increment(delivered);
            }
            Arrival::Duplicate | Arrival::Early => {}
            Arrival::Gap => self.gap.notify_one(),
        }
    }

    /// Pushes an event to everybody here.
    pub(crate) fn push(&self, event: &Event) {
        self.state().push(event, None);
    }

    /// Pushes an event to everybody here but the one who caused it.
    pub(crate) fn push_except(&self, event: &Event, except: ConnectionId) {
        self.state().push(event, Some(except));
    }

    /// Tells everybody here who has come and gone, here or elsewhere: each at once where few are, else together
    /// with what else changes within a moment.
    pub(crate) fn changed(&self, changes: Vec<Change>) {
        let mut state = self.state();
        let left = changes.iter().filter(|change| matches!(change, Change::Left(_))).count();
        let among = state.sequence.len() + state.elsewhere.len() + left;
        for change in state.gathering.note(changes, among) {
            let (Change::Joined(member) | Change::Left(member)) = &change;
            state.push(&event_of(self.id, &change), Some(member.connection_id));
        }
        if !state.gathering.is_empty() {
            self.gathered.notify_one();
        }
    }

    /// Tells what has gathered.
    pub(crate) fn tell_gathered(&self) {
        let mut state = self.state();
        if state.gathering.is_empty() {
            return;
        }
        let member_count = state.count();
        let present = usize::try_from(member_count).unwrap_or(usize::MAX);
        let Gathered { came: joined, went: left, complete } = state.gathering.take(present);
        let changed = MembersChanged { room_id: self.id, joined, left, member_count, complete };
        state.push(&Event::RoomMembersChanged(changed), None);
    }
}
