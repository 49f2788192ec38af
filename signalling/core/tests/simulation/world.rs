//! Everything there is in a run, and what happens to it.

use crate::{
    bus::Bus,
    calls::{self, CallNo},
    client::{Client, Local, View, member},
    dice::Dice,
    online,
    statuses::Statuses,
    store::{Messages, version},
};
use common::{
    id::{ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Event,
        room::{MEMBERS_MAX, Member, RoomMessage},
    },
    room::RoomEntry,
    subject::hub::RoomNews,
};
use signalling_core::{
    comparison::DOUBT_TIME,
    room::{Effect, Refused, Room},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Messages of a page; few, so that many need more than one.
const PAGE: usize = 20;

/// Longer than any news is under way.
const NEWS_MS: u64 = 100;

/// How long an entry may stay that was given up; less where nothing goes wrong.
const TIDIED_MS: usize = 3000;
const TIDIED_CALMLY_MS: usize = 50;

/// How often who is cut off looks at the store.
pub(crate) const LOOK_MS: u64 = 1000;

/// A room that is open on an instance.
pub(crate) struct Open {
    pub(crate) room: Room<Local>,
    /// Which of all that were ever opened it is.
    opening: u64,
    /// It has been compared once: one may join.
    is_ready: bool,
    /// When it is woken.
    woken_at: Option<u64>,
}

pub(crate) struct Instance {
    pub(crate) is_alive: bool,
    pub(crate) is_linked: bool,
    /// Counts up with every start.
    pub(crate) life: u32,
    pub(crate) rooms: BTreeMap<RoomId, Open>,
    pub(crate) connections: BTreeMap<ConnectionId, usize>,
    /// The account, if somebody here watches who is online.
    pub(crate) online: Option<online::Watched>,
    /// Who was online when that was read last.
    pub(crate) last_read: Vec<Member>,
    /// Those that it runs.
    pub(crate) calls: BTreeMap<CallNo, calls::Running>,
    /// What its devices take part in.
    pub(crate) parts: BTreeMap<(ConnectionId, CallNo), calls::Attending>,
    /// What it has asked and nobody has answered.
    pub(crate) asked: BTreeSet<u64>,
    /// Until when it doubts what it begins to listen to.
    pub(crate) doubts_until: u64,
    pub(crate) heart: calls::Heart,
    /// Until when it does nothing about calls.
    pub(crate) paused_until: Option<u64>,
}

/// What one instance is about to do; void when it has died meanwhile.
pub(crate) enum Work {
    Wake(RoomId, u64),
    News(RoomId, RoomNews),
    Lost(RoomId),
    /// It could not say who came or went, and can now.
    SayAgain(RoomId),
    Read {
        room: RoomId,
        opening: u64,
        after: u64,
    },
    Messages {
        room: RoomId,
        opening: u64,
        found: Option<(Vec<RoomEntry>, bool)>,
    },
    Compare {
        room: RoomId,
        opening: u64,
    },
    Members {
        room: RoomId,
        opening: u64,
        found: Vec<Member>,
    },
    /// Somebody wants in who has read up to a number.
    Snapshot {
        room: RoomId,
        connection: ConnectionId,
        after: Option<u64>,
    },
    Join {
        room: RoomId,
        connection: ConnectionId,
        found: Snapshot,
    },
    Send {
        room: RoomId,
        connection: ConnectionId,
        client_id: u128,
        user: u128,
    },
    Stored {
        room: RoomId,
        connection: ConnectionId,
        client_id: u128,
        message: RoomMessage,
    },
    /// Somebody changes a message.
    Change {
        room: RoomId,
        which: usize,
    },
    Changed(RoomId, RoomEntry),
    Gone(ConnectionId),
    /// It compares its rooms with the store.
    Look,
    /// It has to do with who is online.
    Online(online::Task),
    /// It has to do with calls.
    Call(calls::Task),
}

pub(crate) struct Snapshot {
    entries: Vec<RoomEntry>,
    seq: u64,
    more: bool,
    after: Option<u64>,
}

pub(crate) struct World {
    seed: u64,
    pub(crate) dice: Dice,
    start: Instant,
    pub(crate) now: u64,
    pub(crate) count: u64,
    pub(crate) queue: BTreeMap<(u64, u64), (usize, u32, Work)>,
    pub(crate) bus: Bus,
    pub(crate) statuses: Statuses,
    messages: BTreeMap<RoomId, Messages>,
    pub(crate) is_store_away: bool,
    /// Nobody is killed or cut off, and nothing between instances lost.
    pub(crate) is_calm: bool,
    /// When each connection left each room last.
    left_at: BTreeMap<(RoomId, ConnectionId), u64>,
    /// When each user's last device came or went.
    pub(crate) seen_online: BTreeMap<UserId, u64>,
    /// When an instance did not hear something of who is online, where that is all that is lost.
    pub(crate) lost_at: u64,
    /// Who is in a call, and where that runs.
    pub(crate) leases: BTreeMap<u128, calls::Lease>,
    /// Calls as the store has them, and when each instance last said that it is there.
    pub(crate) records: BTreeMap<CallNo, calls::Record>,
    pub(crate) beats: BTreeMap<NodeId, u64>,
    /// Whose each connection is or was.
    pub(crate) owners: BTreeMap<ConnectionId, usize>,
    pub(crate) outcomes: BTreeMap<CallNo, calls::Outcome>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) clients: Vec<Client>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a first instant, from which virtual time runs")]
    pub(crate) fn new(seed: u64, instances: usize, clients: usize, rooms: usize) -> Self {
        let instance = |_| Instance {
            is_alive: true,
            is_linked: true,
            life: 0,
            rooms: BTreeMap::new(),
            connections: BTreeMap::new(),
            online: None,
            last_read: Vec::new(),
            calls: BTreeMap::new(),
            parts: BTreeMap::new(),
            asked: BTreeSet::new(),
            doubts_until: 0,
            heart: calls::Heart::default(),
            paused_until: None,
        };
        // Every other one is the second device of somebody.
        let client = |n: usize| Client { user: u128::try_from(n / 2).expect("it fits"), ..Client::default() };
        let room = |n: usize| RoomId::from_uuid(Uuid::from_u128(u128::try_from(n).expect("it fits") + 1));
        let mut world = Self {
            seed,
            dice: Dice::new(seed),
            start: Instant::now(),
            now: 0,
            count: 0,
            queue: BTreeMap::new(),
            bus: Bus::default(),
            statuses: Statuses::default(),
            messages: (0..rooms).map(|n| (room(n), Messages::default())).collect(),
            is_store_away: false,
            is_calm: seed.is_multiple_of(4),
            left_at: BTreeMap::new(),
            seen_online: BTreeMap::new(),
            lost_at: 0,
            leases: BTreeMap::new(),
            records: BTreeMap::new(),
            beats: BTreeMap::new(),
            owners: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            instances: (0..instances).map(instance).collect(),
            clients: (0..clients).map(client).collect(),
        };
        for at in 0..instances {
            world.later(at, 0, Work::Call(calls::Task::Beat));
        }
        world
    }

    /// Lets somebody do something, or what was begun go on.
    pub(crate) fn step(&mut self) {
        if self.queue.is_empty() || self.dice.percent(25) {
            self.accident();
        } else {
            self.go_on();
        }
    }

    /// Nothing is out of reach any more, and there is time for everything to be put right.
    pub(crate) fn settle(&mut self) {
        self.is_store_away = false;
        for at in 0..self.instances.len() {
            self.start_instance(at);
            self.link(at);
        }
        let quiet_at = self.now + 120_000;
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at < quiet_at) {
            self.go_on();
        }
    }

    /// Everybody has everything, and knows who is there.
    pub(crate) fn check(&mut self) {
        let what = self.what();
        let mut present: BTreeMap<RoomId, BTreeSet<ConnectionId>> = BTreeMap::new();
        for client in &self.clients {
            let Some((_, connection)) = client.connected else { continue };
            for room in client.rooms.keys() {
                present.entry(*room).or_default().insert(connection);
            }
        }
        for client in &mut self.clients {
            let Some((at, connection)) = client.connected else { continue };
            for (room, view) in &mut client.rooms {
                let open = &self.instances[at].rooms[room].room;
                assert!(open.reader(connection).is_some(), "{what}: {connection} is in {room}");
                let messages = &self.messages[room];
                assert_eq!(view.seen, messages.last(), "{what}: {connection} has all of {room}");
                for ((_, seq), has) in client.versions.range((*room, 0)..=(*room, u64::MAX)) {
                    assert_eq!(*has, version(messages.message(*seq)), "{what}: {seq} of {room} is as it is");
                }
                if std::mem::take(&mut view.asks) {
                    view.present = everybody(open);
                }
                assert_eq!(view.present, present[room], "{what}: {connection} knows who is in {room}");
                let count = usize::try_from(open.count()).expect("it fits");
                assert_eq!(count, view.present.len(), "{what}: how many are in {room}");
                assert_eq!(count, view.count, "{what}: {connection} knows how many are in {room}");
                if let Some((after, page, more)) = &view.page {
                    let rest = present[room].iter().filter(|other| after.is_none_or(|after| **other > after));
                    let rest: Vec<ConnectionId> = rest.copied().collect();
                    let first = rest.iter().take(MEMBERS_MAX).copied().collect();
                    assert_eq!(page, &first, "{what}: {connection} knows its page of {room}");
                    assert_eq!(*more, rest.len() > MEMBERS_MAX, "{what}: whether there are more");
                }
            }
        }
    }

    pub(crate) fn what(&self) -> String {
        format!("seed {}, {} ms", self.seed, self.now)
    }

    pub(crate) fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// Until when an instance doubts what it has just begun to listen to.
    pub(crate) fn doubted(&self, at: usize) -> Option<Instant> {
        let until = self.instances[at].doubts_until;
        (until > self.now).then(|| self.start + Duration::from_millis(until))
    }

    /// An instance learns that others have come or gone.
    pub(crate) fn doubt(&mut self, at: usize) {
        let time = u64::try_from(DOUBT_TIME.as_millis()).expect("it fits");
        self.instances[at].doubts_until = self.now + time;
    }

    /// When work that is due then begins.
    pub(crate) fn ms(&self, due: Instant) -> u64 {
        let due = due.saturating_duration_since(self.start);
        u64::try_from(due.as_millis()).expect("it fits").max(self.now)
    }

    pub(crate) fn any_room(&mut self) -> RoomId {
        let at = self.dice.roll(self.messages.len());
        *self.messages.keys().nth(at).expect("there is one")
    }

    pub(crate) fn later(&mut self, instance: usize, at: u64, work: Work) {
        self.count += 1;
        self.queue.insert((at, self.count), (instance, self.instances[instance].life, work));
    }

    pub(crate) fn soon(&mut self, instance: usize, work: Work) {
        let at = self.now + self.dice.ms(0, 20);
        self.later(instance, at, work);
    }

    /// What was begun goes on.
    fn go_on(&mut self) {
        let Some(((at, _), (instance, life, work))) = self.queue.pop_first() else { return };
        self.now = self.now.max(at);
        if self.instances[instance].is_alive && self.instances[instance].life == life {
            self.work(instance, work);
        }
    }

    fn work(&mut self, at: usize, work: Work) {
        let now = self.time();
        match work {
            Work::Wake(room, opening) => {
                if let Some(open) =
                    self.instances[at].rooms.get_mut(&room).filter(|open| open.opening == opening)
                {
                    open.woken_at = None;
                    self.act(at, room, |room, effects| room.handle_deadline(now, effects));
                }
            }
            Work::News(room, news) => {
                if self.instances[at].is_linked {
                    self.act(at, room, |room, effects| room.handle_news(news, now, effects));
                }
            }
            Work::Lost(room) => self.act(at, room, |room, effects| room.handle_lost(now, effects)),
            Work::SayAgain(room) => self.publish(at, room, &RoomNews::MembersChanged {}),
            Work::Read { room, opening, after } => {
                let found = (!self.is_store_away).then(|| self.messages[&room].after(after, PAGE));
                let answered = self.now + self.dice.ms(0, 400);
                self.later(at, answered, Work::Messages { room, opening, found });
            }
            Work::Messages { room, opening, found } => {
                let retry_at = now + Duration::from_millis(self.dice.ms(500, 1500));
                self.act_on(at, room, opening, |room, effects| match found {
                    Some((messages, more)) => room.handle_messages(&messages, more, effects),
                    None => room.handle_unreadable(retry_at),
                });
            }
            Work::Compare { room, opening } => {
                let found = self.bus.elsewhere(room, at, self.now);
                self.soon(at, Work::Members { room, opening, found });
            }
            Work::Members { room, opening, found } => {
                let is_linked = self.instances[at].is_linked;
                self.act_on(at, room, opening, |room, effects| {
                    room.handle_members(found, is_linked, now, effects);
                });
                if let Some(open) = self.instances[at].rooms.get_mut(&room) {
                    open.is_ready |= open.opening == opening;
                }
            }
            Work::Snapshot { room, connection, after } => self.snapshot(at, room, connection, after),
            Work::Join { room, connection, found } => self.join(at, room, connection, found),
            Work::Send { room, connection, client_id, user } => {
                if !self.is_store_away {
                    let messages = self.messages.get_mut(&room).expect("there is one");
                    let message = messages.send(client_id, UserId::from_uuid(Uuid::from_u128(user)));
                    self.soon(at, Work::Stored { room, connection, client_id, message });
                }
            }
            Work::Stored { room, connection, client_id, message } => {
                // Also where nobody here is in the room any more, others have to be told.
                if self.instances[at].rooms.contains_key(&room) {
                    self.act(at, room, |room, effects| room.post(&message, effects));
                } else {
                    self.publish(at, room, &RoomNews::Posted(message));
                }
                if let Some(client) = self.client(at, connection) {
                    client.unacknowledged.remove(&client_id);
                }
            }
            Work::Change { room, which } => self.change_message(at, room, which),
            Work::Changed(room, entry) => self.tell_changed(at, room, entry),
            Work::Gone(connection) => self.gone(at, connection),
            Work::Look => self.look(at),
            Work::Online(task) => self.work_online(at, task),
            Work::Call(task) => self.work_call(at, task),
        }
    }

    fn change_message(&mut self, at: usize, room: RoomId, which: usize) {
        let messages = self.messages.get_mut(&room).expect("there is one");
        if !self.is_store_away
            && let Some(entry) = messages.change(which)
        {
            self.soon(at, Work::Changed(room, entry));
        }
    }

    /// Also where nobody here is in the room any more, others have to be told.
    fn tell_changed(&mut self, at: usize, room: RoomId, entry: RoomEntry) {
        if self.instances[at].rooms.contains_key(&room) {
            self.act(at, room, |room, effects| room.change(&entry, effects));
        } else {
            self.publish(at, room, &RoomNews::Changed(entry));
        }
    }

    /// Whoever is at the other end of a connection, if somebody is still.
    pub(crate) fn client(&mut self, at: usize, connection: ConnectionId) -> Option<&mut Client> {
        let who = self.instances[at].connections.get(&connection)?;
        Some(&mut self.clients[*who]).filter(|client| client.connected == Some((at, connection)))
    }

    fn look(&mut self, at: usize) {
        if self.is_store_away || !self.instances[at].is_linked {
            self.later(at, self.now + LOOK_MS, Work::Look);
        }
        if self.is_store_away {
            return;
        }
        let ids: Vec<RoomId> = self.instances[at].rooms.keys().copied().collect();
        for room in ids {
            let last = self.messages[&room].last();
            self.act(at, room, |room, effects| room.handle_latest(last, effects));
        }
    }

    fn snapshot(&mut self, at: usize, room: RoomId, connection: ConnectionId, after: Option<u64>) {
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

    fn join(&mut self, at: usize, room: RoomId, connection: ConnectionId, found: Snapshot) {
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
    fn answer(&mut self, at: usize, room: RoomId, connection: ConnectionId, found: &Snapshot, was_in: bool) {
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

    /// Somebody looks at who is there: at a page, at all of them, or no more.
    pub(crate) fn look_around(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let rooms: Vec<RoomId> = self.clients[who].rooms.keys().copied().collect();
        if rooms.is_empty() {
            return;
        }
        let room = rooms[self.dice.roll(rooms.len())];
        let choice = self.dice.roll(4);
        let Some(open) = self.instances[at].rooms.get_mut(&room) else { return };
        let view = self.clients[who].rooms.get_mut(&room).expect("it is in the room");
        match choice {
            0 => {
                open.room.unfollow(connection);
                view.page = None;
            }
            1 => {
                view.present = everybody(&open.room);
                view.count = usize::try_from(open.room.count()).expect("it fits");
                view.asks = false;
            }
            _ => {
                let after = (choice == 3).then(|| view.present.iter().nth(view.present.len() / 2).copied());
                let after = after.flatten();
                let (members, more) = open.room.follow(connection, after);
                let members = members.into_iter().map(|member| member.connection_id);
                view.page = Some((after, members.collect(), more));
            }
        }
    }

    /// Listens to a room; nobody joins before it was compared.
    fn open(&mut self, at: usize, room: RoomId) {
        if self.instances[at].rooms.contains_key(&room) {
            return;
        }
        self.count += 1;
        let now = self.time();
        let open = Open { room: Room::new(room, now), opening: self.count, is_ready: false, woken_at: None };
        self.instances[at].rooms.insert(room, open);
        self.act(at, room, |room, effects| room.handle_deadline(now, effects));
    }

    pub(crate) fn gone(&mut self, at: usize, connection: ConnectionId) {
        let Some(who) = self.instances[at].connections.remove(&connection) else { return };
        self.seen_online.insert(member(connection, self.clients[who].user).user_id, self.now);
        self.go_offline(at, connection);
        self.leave_calls(at, connection);
        let ids: Vec<RoomId> = self.instances[at].rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.leave_room(at, room, connection));
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

    fn act_on(
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

    fn carry_out(&mut self, at: usize, room: RoomId, effects: Vec<Effect>) {
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

    /// Where nothing is lost, nobody is said to have come who is not there, or to have left who is.
    fn is_so(&self, event: &Event, what: &str) {
        let is_in = |room: &RoomId, connection: ConnectionId| {
            let mut rooms = self.instances.iter().filter_map(|instance| instance.rooms.get(room));
            rooms.any(|open| open.room.reader(connection).is_some())
        };
        let (room, connection, is_said) = match event {
            Event::RoomMemberLeft(left) => (left.room_id, left.connection_id, false),
            Event::RoomMemberJoined(joined) => (joined.room_id, joined.member.connection_id, true),
            _ => return,
        };
        // Who has just left may be told to have come before, or, back again, to have left.
        let left_at = self.left_at.get(&(room, connection));
        if left_at.is_none_or(|at| self.now - at >= NEWS_MS) {
            assert_eq!(is_in(&room, connection), is_said, "{what}: {connection} is in {room}");
        }
    }

    fn publish(&mut self, from: usize, room: RoomId, news: &RoomNews) {
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
fn everybody(room: &Room<Local>) -> BTreeSet<ConnectionId> {
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
