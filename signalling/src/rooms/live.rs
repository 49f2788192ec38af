//! The rooms that somebody on this instance is in. Each decides in its core; what it says to those here goes out
//! under its lock, the rest is left for the one who [follows](super::follow) it.

use super::{
    admit::{refused, visitor},
    slots::{Slot, Slots},
};
use crate::{
    client::Client,
    counters::DELIVERIES,
    frame::Frame,
    live::{Followed, Live},
};
use bus::Presence;
use common::{
    clock::Clock,
    error::{ErrorCode, Fault},
    id::{AccountId, ConnectionId, RoomId, UserId},
    protocol::{
        Event, Failure,
        room::{Member, RoomClass},
    },
    subject::hub::RoomNews,
};
use signalling_core::{
    admission::{Action, Refusal},
    room::{Audience, Effect, Reader, Room},
};
use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// News of one room that may wait for the bus. Beyond that it is dropped: others are told to look who came or went,
/// messages are found by the number of the last one, which is kept; what is stored nowhere is not heard.
const NEWS_MAX: usize = 1024;

/// All of them.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(super) live: Live<RoomId, LiveRoom>,
    /// How often somebody was to be taken out of a room: who was let in by what the store said before
    /// must be looked at again.
    removals: AtomicU64,
    pub(super) slots: Slots,
}

impl Rooms {
    pub(crate) fn get(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        self.live.get(id)
    }

    /// All that the store knows of, each with its account.
    pub(crate) fn followed(&self) -> Vec<(AccountId, RoomId)> {
        let all = self.live.all().into_iter().filter(|(_, room)| room.class == RoomClass::Durable);
        all.map(|(id, room)| (room.account, id)).collect()
    }

    /// The store has messages of a room up to number `seq`.
    pub(crate) fn lag(&self, id: RoomId, seq: u64) {
        if let Some(room) = self.get(id) {
            room.act(|room, _, effects| room.handle_latest(seq, effects));
        }
    }

    /// Instances have come, gone, or are within reach again: who was said to be there may not be.
    pub(crate) fn doubt_others(&self) {
        for (_, room) in self.live.all() {
            room.act(|room, now, effects| room.handle_instances_changed(now, effects));
        }
    }

    /// The room, if the caller has joined it.
    ///
    /// # Errors
    /// [`ErrorCode::NOT_IN_ROOM`](common::error::ErrorCode::NOT_IN_ROOM).
    pub(super) fn here(&self, client: &Client, id: RoomId) -> Result<Arc<LiveRoom>, Failure> {
        self.get(id).filter(|room| room.has(client.id)).ok_or_else(|| refused(Refusal::NotInside))
    }

    /// The room, if the caller has joined it and may do this in it.
    ///
    /// # Errors
    /// As the core says.
    pub(crate) fn joined(
        &self,
        client: &Client,
        action: Action,
        id: RoomId,
    ) -> Result<Arc<LiveRoom>, Failure> {
        let here = self.here(client, id);
        visitor(&client.access()).may_inside(action, here.is_ok()).map_err(refused)?;
        here
    }

    /// The room, if the caller has joined it, may do this in it, and what is said there is stored.
    ///
    /// # Errors
    /// As the core says, and [`ErrorCode::ROOM_CLASS`].
    pub(super) fn joined_durable(
        &self,
        client: &Client,
        action: Action,
        id: RoomId,
    ) -> Result<Arc<LiveRoom>, Failure> {
        let room = self.joined(client, action, id)?;
        if room.class == RoomClass::Durable {
            return Ok(room);
        }
        Err(Failure::of(ErrorCode::ROOM_CLASS, Fault::Caller, "the room keeps no messages"))
    }

    pub(super) fn removals(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
    }

    pub(super) fn note_removal(&self) {
        self.removals.fetch_add(1, Ordering::SeqCst);
    }
}

/// Somebody on this instance who is in the room.
pub(crate) struct LocalMember {
    pub(crate) client: Arc<Client>,
    /// Keeps the entry up that tells other instances.
    pub(crate) presence: Option<Presence>,
}

impl Reader for LocalMember {
    fn member(&self) -> Member {
        self.client.member()
    }

    fn user(&self) -> UserId {
        self.client.user
    }

    fn reads_messages(&self) -> bool {
        self.client.reads_messages()
    }
}

pub(crate) struct LiveRoom {
    pub(crate) id: RoomId,
    pub(crate) account: AccountId,
    pub(super) class: RoomClass,
    clock: Arc<dyn Clock>,
    /// Whether there may be other instances.
    has_others: bool,
    state: Mutex<State>,
    /// There is something to do, or a deadline has moved.
    pub(super) work: Notify,
    /// Held for as long as the room is live.
    _slot: Slot,
}

/// Held for as long as it takes to queue a frame per member, or, when messages were missing, as many as are handed
/// out in a row.
struct State {
    room: Room<LocalMember>,
    todo: Todo,
}

/// Places that are kept for effects.
const EFFECTS_KEPT: usize = 64;

thread_local! {
    /// For the effects of whichever room decides next on this thread: a room at rest has no place for them.
    static SPARE: Cell<Vec<Effect>> = const { Cell::new(Vec::new()) };
}

/// What is left to do outside of the lock.
#[derive(Default)]
pub(super) struct Todo {
    pub(super) news: VecDeque<RoomNews>,
    pub(super) read: Option<u64>,
    pub(super) compare: bool,
    /// Others have not been told of some who came or went.
    pub(super) is_untold: bool,
}

/// A room that nobody else changes meanwhile.
pub(crate) struct Locked<'a> {
    live: &'a LiveRoom,
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    /// Has the room decide, and those here told what it says.
    pub(crate) fn act<T>(
        &mut self,
        decide: impl FnOnce(&mut Room<LocalMember>, Instant, &mut Vec<Effect>) -> T,
    ) -> T {
        let State { room, todo } = &mut *self.state;
        let due = room.next_deadline();
        let mut effects = SPARE.take();
        let decided = decide(room, self.live.clock.now(), &mut effects);
        let is_sooner = room.next_deadline().is_some_and(|at| due.is_none_or(|due| at < due));
        for effect in effects.drain(..) {
            match effect {
                Effect::Tell { audience, event } => tell(room, audience, &event),
                Effect::Publish(news) if self.live.has_others => todo.publish(news),
                // There is nobody to tell, and no task to be woken for it.
                Effect::Publish(_) => {}
                Effect::Read { after } => todo.read = Some(after),
                Effect::Compare => todo.compare = true,
            }
        }
        if effects.capacity() <= EFFECTS_KEPT {
            SPARE.set(effects);
        }
        if is_sooner || !todo.is_empty() {
            self.live.work.notify_one();
        }
        decided
    }

    pub(crate) fn room(&self) -> &Room<LocalMember> {
        &self.state.room
    }

    pub(super) fn todo(&mut self) -> &mut Todo {
        &mut self.state.todo
    }
}

impl Todo {
    fn is_empty(&self) -> bool {
        self.news.is_empty() && self.read.is_none() && !self.compare && !self.is_untold
    }

    fn publish(&mut self, news: RoomNews) {
        if self.news.len() >= NEWS_MAX {
            metrics::counter!("hub_news_dropped_total").increment(1);
            self.is_untold |= is_of_members(&news);
            // The highest number of all messages shows the others' absence; of what is kept, that of the same history.
            let of_the_same = self.news.iter().filter(|waiting| epoch(waiting) == epoch(&news));
            let last = of_the_same.filter_map(seq).max();
            if seq(&news).is_none_or(|seq| Some(seq) <= last) {
                return;
            }
            let dropped = self.news.pop_back();
            self.is_untold |= dropped.as_ref().is_some_and(is_of_members);
        }
        self.news.push_back(news);
    }
}

/// The number of a message, of a change of one, or of what a recent room has kept.
fn seq(news: &RoomNews) -> Option<u64> {
    match news {
        RoomNews::Posted(message) => Some(message.seq),
        RoomNews::Changed(entry) => Some(entry.seq),
        RoomNews::Kept { event, .. } => Some(event.seq),
        RoomNews::Joined(_)
        | RoomNews::Left(_)
        | RoomNews::MembersChanged {}
        | RoomNews::Typing { .. }
        | RoomNews::Read { .. }
        | RoomNews::Renamed(_)
        | RoomNews::MemberChanged(_)
        | RoomNews::Restricted(_)
        | RoomNews::Event { .. } => None,
    }
}

/// The history that the number is of, in a recent room.
fn epoch(news: &RoomNews) -> Option<&str> {
    if let RoomNews::Kept { epoch, .. } = news { Some(epoch) } else { None }
}

/// Whether it is said once, and missed if it is not.
const fn is_of_members(news: &RoomNews) -> bool {
    match news {
        RoomNews::Joined(_) | RoomNews::Left(_) | RoomNews::MembersChanged {} => true,
        RoomNews::Posted(_)
        | RoomNews::Changed(_)
        | RoomNews::Typing { .. }
        | RoomNews::Read { .. }
        | RoomNews::Kept { .. }
        | RoomNews::Renamed(_)
        | RoomNews::MemberChanged(_)
        | RoomNews::Restricted(_)
        | RoomNews::Event { .. } => false,
    }
}

/// Encodes once for all who are meant.
fn tell(room: &Room<LocalMember>, audience: Audience, event: &Event) {
    let frame = Frame::event(event);
    let delivered = Client::push_to_all(room.audience(audience).map(|local| &local.client), &frame);
    if let Event::RoomMessage(_) | Event::RoomMessageChanged(_) | Event::RoomEvent(_) = event {
        DELIVERIES.increment(delivered);
    }
}

impl LiveRoom {
    pub(super) fn new(
        (id, class): (RoomId, RoomClass),
        account: AccountId,
        (clock, has_others): (Arc<dyn Clock>, bool),
        slot: Slot,
    ) -> Self {
        let room = Room::of_class(id, class, clock.now());
        let state = State { room, todo: Todo::default() };
        Self {
            id,
            account,
            class,
            clock,
            has_others,
            state: Mutex::new(state),
            work: Notify::new(),
            _slot: slot,
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { live: self, state: self.state.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Has the room decide, and those here told what it says.
    pub(crate) fn act<T>(
        &self,
        decide: impl FnOnce(&mut Room<LocalMember>, Instant, &mut Vec<Effect>) -> T,
    ) -> T {
        self.lock().act(decide)
    }

    /// Whether this connection is in the room here.
    pub(crate) fn has(&self, connection: ConnectionId) -> bool {
        self.lock().room().reader(connection).is_some()
    }

    /// Those who are in the room here.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        let locked = self.lock();
        let here = locked.room().audience(Audience::Everybody);
        here.map(|local| Arc::clone(&local.client)).collect()
    }

    /// Pushes an event of another part to everybody here.
    pub(crate) fn push(&self, event: &Event) {
        tell(self.lock().room(), Audience::Everybody, event);
    }
}

impl Followed for LiveRoom {
    fn close_if_empty(&self) -> bool {
        let is_closed = self.lock().state.room.close_if_empty();
        if is_closed {
            self.work.notify_one();
        }
        is_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::protocol::room::{KeptEvent, Publisher};
    use uuid::Uuid;

    fn kept(epoch: &str, seq: u64) -> RoomNews {
        let from = Publisher {
            connection_id: ConnectionId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            name: String::new(),
        };
        let event = KeptEvent { seq, name: "move".to_owned(), data: seq.into(), from };
        RoomNews::Kept { epoch: epoch.to_owned(), event }
    }

    /// Or others would not know that they lack something until somebody says more.
    #[test]
    fn of_what_is_kept_the_last_is_told_however_much_waits() {
        let mut todo = Todo::default();
        for seq in 1..=5000 {
            todo.publish(kept("a", seq));
        }
        todo.publish(kept("a", 4999));
        assert_eq!((todo.news.len(), todo.news.back()), (NEWS_MAX, Some(&kept("a", 5000))));
        todo.publish(kept("b", 1));
        assert_eq!(todo.news.back(), Some(&kept("b", 1)), "its numbers begin again");
    }
}
