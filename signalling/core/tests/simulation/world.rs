//! Everything there is in a run, and what happens to it.

use crate::{
    bus::Bus,
    calls::{self, CallNo},
    client::{Client, member},
    dice::Dice,
    online,
    rooms::{Open, PAGE, Snapshot, everybody},
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
use signalling_core::comparison::DOUBT_TIME;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Longer than any news is under way.
const NEWS_MS: u64 = 100;

/// How long an entry may stay that was given up; less where nothing goes wrong.
pub(crate) const TIDIED_MS: usize = 3000;
pub(crate) const TIDIED_CALMLY_MS: usize = 50;

/// How often who is cut off looks at the store.
pub(crate) const LOOK_MS: u64 = 1000;

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

pub(crate) struct World {
    seed: u64,
    pub(crate) dice: Dice,
    start: Instant,
    pub(crate) now: u64,
    pub(crate) count: u64,
    pub(crate) queue: BTreeMap<(u64, u64), (usize, u32, Work)>,
    pub(crate) bus: Bus,
    pub(crate) statuses: Statuses,
    pub(crate) messages: BTreeMap<RoomId, Messages>,
    pub(crate) is_store_away: bool,
    /// Nobody is killed or cut off, and nothing between instances lost.
    pub(crate) is_calm: bool,
    /// When each connection left each room last.
    pub(crate) left_at: BTreeMap<(RoomId, ConnectionId), u64>,
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

    pub(crate) fn gone(&mut self, at: usize, connection: ConnectionId) {
        let Some(who) = self.instances[at].connections.remove(&connection) else { return };
        self.seen_online.insert(member(connection, self.clients[who].user).user_id, self.now);
        self.go_offline(at, connection);
        self.leave_calls(at, connection);
        let ids: Vec<RoomId> = self.instances[at].rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.leave_room(at, room, connection));
    }

    /// Where nothing is lost, nobody is said to have come who is not there, or to have left who is.
    pub(crate) fn is_so(&self, event: &Event, what: &str) {
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
}
