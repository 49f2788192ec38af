//! A recent room on several instances: a virtual history that forgets, fails over and is away, and a bus that delays and
//! loses. Nobody is ever handed an event that does not follow the one before in the same epoch, nor another in its place,
//! and once it is quiet everybody is where the history is.

use crate::{client::member, dice::Dice};
use common::{
    id::{ConnectionId, RoomId, UserId},
    protocol::{
        Event,
        room::{KeptEvent, Member, Publisher, RoomClass},
    },
    subject::hub::RoomNews,
};
use signalling_core::room::{Effect, Reader, Recalled, Refused, Room};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Fewer than is said while somebody is cut off.
const KEPT: usize = 8;

#[derive(Default)]
struct History {
    epoch: u64,
    seq: u64,
    events: VecDeque<KeptEvent>,
    is_away: bool,
}

impl History {
    fn append(&mut self, event: KeptEvent) -> (String, KeptEvent) {
        self.seq += 1;
        let event = KeptEvent { seq: self.seq, ..event };
        self.events.push_back(event.clone());
        self.events.drain(..self.events.len().saturating_sub(KEPT));
        (self.epoch.to_string(), event)
    }

    fn recall(&self, epoch: Option<&str>, after: u64) -> Recalled {
        let all: Vec<_> = self.events.iter().cloned().collect();
        let recalled = Recalled { epoch: self.epoch.to_string(), seq: self.seq, events: all };
        let later: Vec<_> = self.events.iter().filter(|event| event.seq > after).cloned().collect();
        let rest = Recalled { events: later, ..recalled.clone() };
        if rest.continues(epoch, after) { rest } else { recalled }
    }

    /// Another process goes on, which cannot say what the one before had last.
    fn fail_over(&mut self) {
        *self = Self { epoch: self.epoch + 1, is_away: self.is_away, ..Self::default() };
    }
}

#[derive(Debug, Clone)]
struct Here(ConnectionId);

impl Reader for Here {
    fn member(&self) -> Member {
        member(self.0, 1)
    }

    fn user(&self) -> UserId {
        self.member().user_id
    }

    fn reads_messages(&self) -> bool {
        true
    }
}

/// What a client has.
struct Client {
    at: usize,
    connection: ConnectionId,
    /// Where it is; `None` until it is let in, and again after it was told to read anew.
    place: Option<(String, u64)>,
    /// What came while it is not known where it is.
    early: Vec<(String, u64)>,
    reloads: u32,
}

enum Work {
    News(RoomNews),
    Lost,
    Wake,
    Read { after: u64 },
    History { epoch: Option<String>, after: u64, found: Option<Recalled> },
    Snapshot(usize),
    Enter(usize, Option<Recalled>),
}

struct World {
    dice: Dice,
    start: Instant,
    now: u64,
    count: u64,
    queue: BTreeMap<(u64, u64), (usize, Work)>,
    history: History,
    /// By epoch and number: which event it is.
    said: BTreeMap<(String, u64), u64>,
    rooms: Vec<Room<Here>>,
    clients: Vec<Client>,
    seed: u64,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a first instant, from which virtual time runs")]
    fn new(seed: u64, instances: usize, clients: usize) -> Self {
        let start = Instant::now();
        let room = |_| Room::of_class(RoomId::from_uuid(Uuid::nil()), RoomClass::Recent, start);
        let client = |n: usize| Client {
            at: n % instances,
            connection: ConnectionId::from_uuid(Uuid::from_u128(n as u128 + 1)),
            place: None,
            early: Vec::new(),
            reloads: 0,
        };
        let mut world = Self {
            dice: Dice::new(seed),
            start,
            now: 0,
            count: 0,
            queue: BTreeMap::new(),
            history: History::default(),
            said: BTreeMap::new(),
            rooms: (0..instances).map(room).collect(),
            clients: (0..clients).map(client).collect(),
            seed,
        };
        (0..clients).for_each(|who| world.later(world.clients[who].at, 1, Work::Snapshot(who)));
        world
    }

    fn later(&mut self, at: usize, ms: u64, work: Work) {
        self.count += 1;
        self.queue.insert((self.now + ms, self.count), (at, work));
    }

    fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn act<T>(&mut self, at: usize, act: impl FnOnce(&mut Room<Here>, Instant, &mut Vec<Effect>) -> T) -> T {
        let (now, mut effects) = (self.time(), Vec::new());
        let acted = act(&mut self.rooms[at], now, &mut effects);
        for effect in effects {
            self.carry_out(at, effect);
        }
        if let Some(due) = self.rooms[at].next_deadline() {
            let ms = u64::try_from(due.saturating_duration_since(now).as_millis()).expect("soon");
            self.later(at, ms + 1, Work::Wake);
        }
        acted
    }

    fn carry_out(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Tell { audience, event } => {
                let whom: Vec<_> = self.rooms[at].audience(audience).map(|here| here.0).collect();
                for connection in whom {
                    let who = self.clients.iter().position(|client| client.connection == connection);
                    self.hear(who.expect("a client"), &event);
                }
            }
            Effect::Publish(news @ RoomNews::Kept { .. }) => {
                for to in (0..self.rooms.len()).filter(|to| *to != at) {
                    if self.dice.percent(4) {
                        let noticed = self.dice.ms(0, 2000);
                        self.later(to, noticed, Work::Lost);
                    } else {
                        let ms = self.dice.ms(0, 50);
                        self.later(to, ms, Work::News(news.clone()));
                    }
                }
            }
            Effect::Read { after } => self.later(at, 1, Work::Read { after }),
            Effect::Publish(_) | Effect::Compare => {}
        }
    }

    fn hear(&mut self, who: usize, event: &Event) {
        let what = format!("seed {}, {} ms, client {who}", self.seed, self.now);
        match event {
            Event::RoomEvent(event) => {
                let (epoch, seq) = (event.epoch.clone().expect("kept"), event.seq.expect("kept"));
                assert_eq!(
                    self.said.get(&(epoch.clone(), seq)),
                    event.data.as_u64().as_ref(),
                    "{what}: {seq}"
                );
                self.clients[who].hear(epoch, seq, &what);
            }
            Event::ConnectionReload(_) => {
                let client = &mut self.clients[who];
                client.reloads += 1;
                client.early.clear();
                // Who is on the way in already comes with what is read after this, or is sent back.
                client.place = None;
                let at = client.at;
                self.later(at, 1, Work::Snapshot(who));
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        if self.queue.is_empty() || self.dice.percent(30) {
            return self.accident();
        }
        self.go_on();
    }

    fn go_on(&mut self) {
        let Some(((at, _), (instance, work))) = self.queue.pop_first() else { return };
        self.now = self.now.max(at);
        match work {
            Work::News(news) => self.act(instance, |room, now, effects| room.handle_news(news, now, effects)),
            Work::Lost => self.act(instance, |room, now, effects| room.handle_lost(now, effects)),
            Work::Wake => self.act(instance, |room, now, effects| room.handle_deadline(now, effects)),
            Work::Read { after } => {
                let epoch = self.rooms[instance].epoch().map(str::to_owned);
                let found = (!self.history.is_away).then(|| self.history.recall(epoch.as_deref(), after));
                let ms = self.dice.ms(0, 40);
                self.later(instance, ms, Work::History { epoch, after, found });
            }
            Work::History { epoch, after, found: Some(read) } => self.act(instance, |room, _, effects| {
                room.handle_history(epoch.as_deref(), after, read, effects);
            }),
            Work::History { found: None, .. } => self.act(instance, |room, now, _| {
                room.handle_unreadable(now + Duration::from_secs(1));
            }),
            Work::Snapshot(who) => {
                let found = (!self.history.is_away).then(|| self.history.recall(None, 0));
                let ms = self.dice.ms(0, 40);
                self.later(instance, ms, Work::Enter(who, found));
            }
            Work::Enter(who, found) => self.enter(instance, who, found),
        }
    }

    fn enter(&mut self, at: usize, who: usize, found: Option<Recalled>) {
        let connection = self.clients[who].connection;
        let entered = self.act(at, |room, now, effects| {
            room.agree(found.as_ref().map(|read| &*read.epoch), effects)?;
            let seen = found.as_ref().map_or_else(|| room.seq().unwrap_or(0), |read| read.seq);
            room.join(connection, seen, |_| Here(connection), now, effects)?;
            Ok::<_, Refused>((room.epoch().map(str::to_owned), seen))
        });
        let what = format!("seed {}, {} ms, client {who}", self.seed, self.now);
        match entered {
            Ok((Some(epoch), seq)) => self.clients[who].enter(epoch, seq, &what),
            // It is told when the history can be read.
            Ok((None, _)) => {}
            Err(_) => self.later(at, 20, Work::Snapshot(who)),
        }
    }

    fn publish(&mut self) {
        let at = self.dice.roll(self.rooms.len());
        if self.history.is_away || self.rooms[at].seq().is_none() {
            return;
        }
        self.count += 1;
        let from = member(self.clients[at].connection, 1);
        let from = Publisher { connection_id: from.connection_id, user_id: from.user_id, name: from.name };
        let event = KeptEvent { seq: 0, name: "x".to_owned(), data: self.count.into(), from };
        let (epoch, event) = self.history.append(event);
        self.said.insert((epoch.clone(), event.seq), self.count);
        // It is kept, and the one who kept it does not hear so in time.
        if self.dice.percent(3) {
            return self.act(at, |room, _, effects| room.handle_unkept(effects));
        }
        self.act(at, |room, _, effects| room.keep(epoch, event, effects));
    }

    fn accident(&mut self) {
        match self.dice.roll(1000) {
            0..900 => self.publish(),
            900..905 => {
                self.history.fail_over();
                self.all_lose();
            }
            905..915 => self.history.is_away = true,
            915..960 => self.be_back(),
            _ => {
                let at = self.dice.roll(self.rooms.len());
                self.act(at, |room, now, effects| room.handle_instances_changed(now, effects));
            }
        }
        self.now += self.dice.ms(0, 20);
    }

    /// The link to the bus has come up again.
    fn all_lose(&mut self) {
        for at in 0..self.rooms.len() {
            let ms = self.dice.ms(0, 1000);
            self.later(at, ms, Work::Lost);
        }
    }

    fn be_back(&mut self) {
        if std::mem::take(&mut self.history.is_away) {
            self.all_lose();
        }
    }

    fn settle(&mut self) -> u32 {
        self.be_back();
        let quiet_at = self.now + 60_000;
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at < quiet_at) {
            self.go_on();
        }
        let head = Some((self.history.epoch.to_string(), self.history.seq));
        for (who, client) in self.clients.iter().enumerate() {
            assert_eq!(client.place, head, "seed {}: client {who} is where the history is", self.seed);
        }
        self.clients.iter().map(|client| client.reloads).sum()
    }
}

impl Client {
    fn hear(&mut self, epoch: String, seq: u64, what: &str) {
        match &mut self.place {
            None => self.early.push((epoch, seq)),
            Some((known, last)) => {
                assert_eq!((&epoch, seq), (&*known, *last + 1), "{what}: the next of the same epoch");
                *last = seq;
            }
        }
    }

    fn enter(&mut self, epoch: String, seq: u64, what: &str) {
        self.place = Some((epoch.clone(), seq));
        for (known, early) in std::mem::take(&mut self.early) {
            if known == epoch && early > seq {
                self.hear(known, early, what);
            }
        }
    }
}

fn run(seed: u64, instances: usize, clients: usize) -> u32 {
    let mut world = World::new(seed, instances, clients);
    for _ in 0..10_000 {
        world.step();
    }
    world.settle()
}

#[test]
fn everybody_in_a_recent_room_has_everything_or_is_told_that_they_have_not() {
    let reloads: u32 =
        (0..20).map(|seed| run(seed, 2 + usize::try_from(seed % 2).expect("it fits"), 8)).sum();
    assert!(reloads > 200, "{reloads}");
}
