//! Somebody with a device, and what it has been sent.

use crate::{
    calls::{CallNo, Side},
    online,
    store::version,
};
use common::{
    id::{ConnectionId, RoomId, UserId},
    protocol::{
        Event,
        room::{Member, RoomMessage},
    },
    room::RoomEntry,
};
use signalling_core::room::Reader;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A room as a client sees it.
#[derive(Default)]
pub(crate) struct View {
    /// The last number that it has.
    pub(crate) seen: u64,
    /// Who is there, itself too.
    pub(crate) present: BTreeSet<ConnectionId>,
    /// How many are there.
    pub(crate) count: usize,
    /// It was told that it does not know who is there: it has to ask.
    pub(crate) asks: bool,
    /// The page that it follows: where it begins, who is on it, and whether there are more after it.
    pub(crate) page: Option<(Option<ConnectionId>, BTreeSet<ConnectionId>, bool)>,
}

#[derive(Default)]
pub(crate) struct Client {
    pub(crate) user: u128,
    /// The instance and the connection there.
    pub(crate) connected: Option<(usize, ConnectionId)>,
    /// Where it is now.
    pub(crate) rooms: BTreeMap<RoomId, View>,
    /// Where it was, and the last message that it has of each.
    pub(crate) left: BTreeMap<RoomId, u64>,
    /// How often each message was changed, by room and number, as far as it was told of it.
    pub(crate) versions: BTreeMap<(RoomId, u64), u64>,
    /// Rooms that it has asked to be let into, and how far the pages go that it has got so far.
    pub(crate) joining: BTreeMap<RoomId, u64>,
    /// Messages that it has sent and that nobody has acknowledged.
    pub(crate) unacknowledged: BTreeMap<u128, RoomId>,
    pub(crate) calls: BTreeMap<CallNo, Side>,
    /// Those that it was in when it lost its connection, and by which it was.
    pub(crate) lost_calls: BTreeMap<CallNo, ConnectionId>,
    /// Who is online, if it watches that.
    pub(crate) online: Option<online::View>,
}

impl Client {
    /// What the connection ends without.
    pub(crate) fn disconnect(&mut self) {
        if let Some((_, connection)) = self.connected.take() {
            let calls = std::mem::take(&mut self.calls);
            self.lost_calls.extend(calls.into_keys().map(|call| (call, connection)));
        }
        self.joining.clear();
        self.online = None;
        let rooms = std::mem::take(&mut self.rooms);
        self.left.extend(rooms.into_iter().map(|(room, view)| (room, view.seen)));
    }

    /// Takes a message as it is told under a number, unless a page has taken it further already.
    fn see(&mut self, room: RoomId, number: u64, message: &RoomMessage) {
        if self.joining.get(&room).is_none_or(|paged| number > *paged) {
            self.versions.insert((room, message.seq), version(message));
        }
    }

    /// Takes what an answer has of a room. What it has heard there meanwhile is newer.
    pub(crate) fn catch_up(&mut self, room: RoomId, entries: &[RoomEntry]) {
        let heard = self.rooms.get(&room).map_or(0, |view| view.seen);
        let news = entries.iter().filter(|entry| entry.seq > heard);
        news.for_each(|entry| self.see(room, entry.seq, &entry.message));
    }

    pub(crate) fn hear(&mut self, event: &Event, what: &str) {
        match event {
            Event::RoomMessage(posted) => {
                let view = self.rooms.get_mut(&posted.room_id).expect("it is in the room");
                assert_eq!(posted.message.seq, view.seen + 1, "{what}: each once, in order");
                view.seen += 1;
                self.see(posted.room_id, posted.message.seq, &posted.message);
            }
            Event::RoomMessageChanged(changed) => {
                let view = self.rooms.get_mut(&changed.room_id).expect("it is in the room");
                assert_eq!(changed.seq, view.seen + 1, "{what}: each once, in order");
                view.seen += 1;
                self.see(changed.room_id, changed.seq, &changed.message);
            }
            Event::RoomMemberJoined(joined) => {
                let view = self.rooms.get_mut(&joined.room_id).expect("it is in the room");
                let is_new = view.present.insert(joined.member.connection_id);
                assert!(is_new || view.asks, "{what}: {} came twice", joined.member.connection_id);
                view.count += 1;
                if let Some((after, page, _)) = &mut view.page
                    && *after < Some(joined.member.connection_id)
                {
                    page.insert(joined.member.connection_id);
                }
            }
            Event::RoomMemberLeft(left) => {
                let view = self.rooms.get_mut(&left.room_id).expect("it is in the room");
                let was_there = view.present.remove(&left.connection_id);
                assert!(was_there || view.asks, "{what}: {} left twice", left.connection_id);
                view.count -= 1;
                if let Some((_, page, _)) = &mut view.page {
                    page.remove(&left.connection_id);
                }
            }
            Event::RoomMembersChanged(changed) => {
                let view = self.rooms.get_mut(&changed.room_id).expect("it is in the room");
                view.count = usize::try_from(changed.member_count).expect("it fits");
                view.asks = true;
            }
            Event::RoomPageChanged(changed) => {
                let view = self.rooms.get_mut(&changed.room_id).expect("it is in the room");
                let (after, page, more) = view.page.as_mut().expect("it follows one");
                assert_eq!(*after, changed.after, "{what}: the page that it follows");
                *more = changed.more;
                for gone in &changed.left {
                    assert!(page.remove(gone), "{what}: {gone} was on the page");
                }
                for member in &changed.joined {
                    let is_new = page.insert(member.connection_id);
                    assert!(is_new, "{what}: {} was not on the page", member.connection_id);
                }
            }
            other => panic!("{what}: nobody expects {other:?}"),
        }
    }
}

/// What an instance knows of a client that is in a room there.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// Which of the world's clients.
    pub(crate) client: usize,
    pub(crate) member: Member,
}

impl Reader for Local {
    fn member(&self) -> Member {
        self.member.clone()
    }

    fn user(&self) -> UserId {
        self.member.user_id
    }

    fn reads_messages(&self) -> bool {
        true
    }
}

pub(crate) fn member(connection_id: ConnectionId, user: u128) -> Member {
    Member { connection_id, user_id: UserId::from_uuid(Uuid::from_u128(user)), name: "somebody".to_owned() }
}
