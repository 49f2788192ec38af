//! Rooms of the instances: who joins and leaves, and what is told of it.

use crate::{
    client::{Local, View, member},
    world::{TIDIED_CALMLY_MS, TIDIED_MS, Work, World},
};
use common::{
    id::{ConnectionId, RoomId},
    room::RoomEntry,
    subject::hub::RoomNews,
};
use signalling_core::room::{Effect, Refused, Room};
use std::collections::BTreeSet;

/// Messages of a page; few, so that many need more than one.
pub(crate) const PAGE: usize = 20;

/// A room that is open on an instance.
pub(crate) struct Open {
    pub(crate) room: Room<Local>,
    /// Which of all that were ever opened it is.
    pub(crate) opening: u64,
    /// It has been compared once: one may join.
    pub(crate) is_ready: bool,
    /// When it is woken.
    pub(crate) woken_at: Option<u64>,
}

pub(crate) struct Snapshot {
    entries: Vec<RoomEntry>,
    seq: u64,
    more: bool,
    after: Option<u64>,
}

impl World {
    pub(crate) fn change_message(&mut self, at: usize, room: RoomId, which: usize) {
        let messages = self.messages.get_mut(&room).expect("there is one");
        if !self.is_store_away
            && let Some(entry) = messages.change(which)
        {
            self.soon(at, Work::Changed(room, entry));
        }
    }

    /// Also where nobody here is in the room any more, others have to be told.
    pub(crate) fn tell_changed(&mut self, at: usize, room: RoomId, entry: RoomEntry) {
        if self.instances[at].rooms.contains_key(&room) {
            self.act(at, room, |room, effects| room.change(&entry, effects));
        } else {
            self.publish(at, room, &RoomNews::Changed(entry));
        }
    }

    pub(crate) fn snapshot(&mut self, at: usize, room: RoomId, connection: ConnectionId, after: Option<u64>) {
        if self.is_store_away {
            // The client is told so, and asks again when it likes.
            if let Some(client) = self.client(at, connection) {
                client.joining.remove(&room);
            }
            return;
        }
        let last = self.messages[&room].last();
        let (entries, more) =
            after.map_or((Vec::new(), false), |after| self.messages[&room].after(after, PAGE));
        let seq = entries.last().map_or(last, |entry| entry.seq);
        let more = more && seq < last;
        self.soon(at, Work::Join { room, connection, found: Snapshot { entries, seq, more, after } });
    }

    pub(crate) fn join(&mut self, at: usize, room: RoomId, connection: ConnectionId, found: Snapshot) {
        let Some(&client) = self.instances[at].connections.get(&connection) else { return };
        if found.more {
            // A page that only takes it further.
            if let Some(client) = self.client(at, connection) {
                client.catch_up(room, &found.entries);
                client.joining.insert(room, found.seq);
            }
            return self.soon(at, Work::Snapshot { room, connection, after: Some(found.seq) });
        }
        if !self.instances[at].rooms.get(&room).is_some_and(|open| open.is_ready) {
            self.open(at, room);
            return self.soon(at, Work::Join { room, connection, found });
        }
        let (now, doubted) = (self.time(), self.doubted(at));
        let local = Local { client, member: member(connection, self.clients[client].user) };
        let entry = local.member.clone();
        let mut effects = Vec::new();
        let open = self.instances[at].rooms.get_mut(&room).expect("it is open");
        if let Some(until) = doubted {
            open.room.doubt_until(until, now);
        }
        let was_in = open.room.reader(connection).is_some();
        match open.room.join(connection, found.seq, |_| local, now, &mut effects) {
            Ok(()) => {
                if self.instances[at].is_linked {
                    self.bus.present(room, at, entry);
                }
                self.answer(at, room, connection, &found, was_in);
                self.carry_out(at, room, effects);
            }
            Err(Refused::Behind) => self.soon(at, Work::Snapshot { room, connection, after: found.after }),
            Err(Refused::Closed) => {
                self.instances[at].rooms.remove(&room);
                self.soon(at, Work::Join { room, connection, found });
            }
        }
    }

    /// The client gets what it has missed.
    pub(crate) fn answer(
        &mut self,
        at: usize,
        room: RoomId,
        connection: ConnectionId,
        found: &Snapshot,
        was_in: bool,
    ) {
        let what = self.what();
        let open = &self.instances[at].rooms[&room].room;
        let present = everybody(open);
        let count = usize::try_from(open.count()).expect("it fits");
        let client = &mut self.clients[self.instances[at].connections[&connection]];
        if client.connected != Some((at, connection)) {
            return;
        }
        let paged = client.joining.remove(&room).unwrap_or(0);
        let has = client.rooms.get(&room).map(|view| view.seen).or(client.left.remove(&room));
        let has = has.map(|has| has.max(paged));
        if let Some(has) = has {
            // Who is in the room may have heard more since it asked.
            assert!(
                was_in || found.after == Some(has) || found.entries.is_empty(),
                "{what}: nothing came between"
            );
            let missed = found.entries.iter().filter(|entry| entry.seq > has);
            for (expected, entry) in (has + 1..).zip(missed) {
                assert_eq!(entry.seq, expected, "{what}: nothing is left out");
            }
        }
        client.catch_up(room, &found.entries);
        // Who joins again goes on with the page that they follow.
        let page = client.rooms.remove(&room).and_then(|view| view.page);
        client.rooms.insert(room, View { seen: found.seq, present, count, asks: false, page });
    }

    /// Listens to a room; nobody joins before it was compared.
    pub(crate) fn open(&mut self, at: usize, room: RoomId) {
        if self.instances[at].rooms.contains_key(&room) {
            return;
        }
        self.count += 1;
        let now = self.time();
        let open = Open { room: Room::new(room, now), opening: self.count, is_ready: false, woken_at: None };
        self.instances[at].rooms.insert(room, open);
        self.act(at, room, |room, effects| room.handle_deadline(now, effects));
    }

    pub(crate) fn leave_room(&mut self, at: usize, room: RoomId, connection: ConnectionId) {
        let now = self.time();
        if self.instances[at].is_linked {
            let takes = if self.is_calm { TIDIED_CALMLY_MS } else { TIDIED_MS };
            let tidied_at = self.now + self.dice.ms(0, takes);
            self.bus.absent_at(room, connection, tidied_at);
        }
        if self.instances[at].rooms.get(&room).is_some_and(|open| open.room.reader(connection).is_some()) {
            self.left_at.insert((room, connection), self.now);
        }
        self.act(at, room, |room, effects| drop(room.leave(connection, now, effects)));
        if let Some(open) = self.instances[at].rooms.get_mut(&room)
            && open.is_ready
            && open.room.close_if_empty()
        {
            self.instances[at].rooms.remove(&room);
        }
    }

    pub(crate) fn act_on(
        &mut self,
        at: usize,
        room: RoomId,
        opening: u64,
        act: impl FnOnce(&mut Room<Local>, &mut Vec<Effect>),
    ) {
        if self.instances[at].rooms.get(&room).is_some_and(|open| open.opening == opening) {
            self.act(at, room, act);
        }
    }

    pub(crate) fn act(
        &mut self,
        at: usize,
        room: RoomId,
        act: impl FnOnce(&mut Room<Local>, &mut Vec<Effect>),
    ) {
        let Some(open) = self.instances[at].rooms.get_mut(&room) else { return };
        let mut effects = Vec::new();
        act(&mut open.room, &mut effects);
        self.carry_out(at, room, effects);
    }

    pub(crate) fn carry_out(&mut self, at: usize, room: RoomId, effects: Vec<Effect>) {
        let what = self.what();
        for effect in effects {
            let opening = self.instances[at].rooms[&room].opening;
            match effect {
                Effect::Tell { audience, event } => {
                    if self.is_calm {
                        self.is_so(&event, &what);
                    }
                    for local in self.instances[at].rooms[&room].room.audience(audience) {
                        let client = &mut self.clients[local.client];
                        if client.connected == Some((at, local.member.connection_id)) {
                            client.hear(&event, &what);
                        }
                    }
                }
                Effect::Publish(news) => self.publish(at, room, &news),
                Effect::Read { after } => self.soon(at, Work::Read { room, opening, after }),
                Effect::Compare => self.soon(at, Work::Compare { room, opening }),
            }
        }
        let open = self.instances[at].rooms.get_mut(&room).expect("it is open");
        let (due, opening) = (open.room.next_deadline(), open.opening);
        let due = due.map(|due| self.ms(due));
        let open = self.instances[at].rooms.get_mut(&room).expect("it is open");
        if let Some(due) = due.filter(|due| open.woken_at.is_none_or(|at| *due < at)) {
            open.woken_at = Some(due);
            self.later(at, due, Work::Wake(room, opening));
        }
    }

    pub(crate) fn publish(&mut self, from: usize, room: RoomId, news: &RoomNews) {
        if !self.instances[from].is_linked {
            return;
        }
        let is_of_members =
            matches!(news, RoomNews::Joined(_) | RoomNews::Left(_) | RoomNews::MembersChanged {});
        if is_of_members && !self.is_calm && self.dice.percent(2) {
            let again_at = self.now + self.dice.ms(500, 1500);
            return self.later(from, again_at, Work::SayAgain(room));
        }
        for to in (0..self.instances.len()).filter(|to| *to != from) {
            // Who is dead or cut off when it is said does not hear it.
            if !self.instances[to].is_linked || !self.instances[to].rooms.contains_key(&room) {
                continue;
            }
            let at = self.now + self.dice.ms(0, 20);
            let at = self.bus.arrival(from, to, at);
            self.later(to, at, Work::News(room, news.clone()));
        }
    }
}

/// Page by page.
pub(crate) fn everybody(room: &Room<Local>) -> BTreeSet<ConnectionId> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let (members, more) = room.members_after(after);
        after = members.last().map(|member| member.connection_id);
        all.extend(members.into_iter().map(|member| member.connection_id));
        if !more {
            return all;
        }
    }
}
