//! Who of the account is online, in a run: what instances say of their devices, and what those see who watch.

use crate::{
    bus::ACCOUNT,
    client::member,
    world::{Work, World},
};
use common::{
    id::{ConnectionId, UserId},
    protocol::{
        presence::{Changed, Online, Status},
        room::Member,
    },
    subject::hub::{DeviceStatus, OnlineNews},
};
use signalling_core::presence::{Effect, Presence};
use std::collections::{BTreeMap, BTreeSet};

/// Longer than an entry stays in the set after it was given up.
const TIDY_MS: usize = 500;

/// How long a user may be told to be online who has gone, or offline who has come, where nothing is lost: news is
/// under way, and gathered.
const TOLD_MS: u64 = 100 + 100 + 1200;

/// How long it may take to find again what was lost.
const HEALED_MS: u64 = 20_000;

/// How long it may take, where nobody was listened to when it was said, until everybody is read for the second time.
const COMPARED_MS: u64 = 5000 + 2000;

/// Who is online as a client sees it.
pub(crate) struct View {
    online: BTreeSet<UserId>,
    /// How they are.
    statuses: BTreeMap<UserId, Status>,
    /// It was told that it does not know who is online: it has to ask.
    asks: bool,
}

impl View {
    fn of(page: Online) -> Self {
        assert!(!page.more, "all fit on one page");
        assert_eq!(usize::try_from(page.online_count), Ok(page.users.len()));
        let online = page.users.iter().map(|user| user.user_id).collect();
        let statuses = page.users.iter().map(|user| (user.user_id, user.status)).collect();
        Self { online, statuses, asks: false }
    }

    fn hear(&mut self, changed: &Changed, what: &str) {
        self.asks |= !changed.complete;
        for user in &changed.online {
            let is_otherwise = self.statuses.insert(user.user_id, user.status) != Some(user.status);
            assert!(self.online.insert(user.user_id) || is_otherwise || self.asks, "{what}: came twice");
        }
        for user in &changed.offline {
            self.statuses.remove(user);
            assert!(self.online.remove(user) || self.asks, "{what}: went twice");
        }
        let count = usize::try_from(changed.online_count).expect("it fits");
        assert!(self.asks || count == self.online.len(), "{what}: {count} are online");
    }
}

/// An account that somebody on an instance watches.
pub(crate) struct Watched {
    presence: Presence<(usize, ConnectionId)>,
    /// Which of all that were ever opened it is.
    opening: u64,
    /// Everybody has been read once: one may watch.
    is_ready: bool,
    /// When it is woken.
    woken_at: Option<u64>,
}

pub(crate) enum Task {
    Wake(u64),
    News(OnlineNews),
    Lost,
    Compare(u64),
    Devices {
        opening: u64,
        found: Vec<Member>,
        statuses: Vec<(ConnectionId, DeviceStatus)>,
        is_fresh: bool,
    },
    Subscribe(ConnectionId),
    /// Says what could not be said when it happened.
    SayAgain(OnlineNews),
    /// Takes an entry out of the set.
    Tidy(ConnectionId),
    /// Instances have come or gone.
    Doubt,
    /// If this instance is not within reach by now, it is taken for dead.
    Missed(usize),
    /// It was taken for dead, and writes its entries again.
    Assert,
}

impl World {
    pub(crate) fn come_online(&mut self, at: usize, connection: ConnectionId, who: usize) {
        let member = member(connection, self.clients[who].user);
        self.seen_online.insert(member.user_id, self.now);
        if self.instances[at].is_linked {
            self.bus.present(ACCOUNT, at, member.clone());
        }
        self.announce(at, OnlineNews::Came(member));
    }

    pub(crate) fn go_offline(&mut self, at: usize, connection: ConnectionId) {
        let tidied = self.now + self.dice.ms(0, TIDY_MS);
        self.later(at, tidied, Work::Online(Task::Tidy(connection)));
        self.act_online(at, |presence, _, _| presence.leave(connection));
        if self.instances[at]
            .online
            .as_mut()
            .is_some_and(|open| open.is_ready && open.presence.close_if_empty())
        {
            self.instances[at].online = None;
        }
        self.announce(at, OnlineNews::Went(connection));
    }

    pub(crate) fn announce(&mut self, at: usize, news: OnlineNews) {
        self.act_online(at, |presence, now, _| presence.handle_news(news.clone(), now));
        // The bus is there and does not answer in time.
        if self.dice.percent(3) {
            let again = self.now + self.dice.ms(900, 1100);
            return self.later(at, again, Work::Online(Task::SayAgain(news)));
        }
        self.tell_others(at, &news);
    }

    fn tell_others(&mut self, from: usize, news: &OnlineNews) {
        if !self.instances[from].is_linked {
            return;
        }
        for to in (0..self.instances.len()).filter(|to| *to != from) {
            if self.instances[to].is_linked && self.instances[to].online.is_some() {
                let at = self.now + self.dice.ms(0, 20);
                let at = self.bus.arrival(from, to, at);
                self.later(to, at, Work::Online(Task::News(news.clone())));
            }
        }
    }

    pub(crate) fn work_online(&mut self, at: usize, task: Task) {
        match task {
            Task::Wake(opening) => {
                if let Some(open) = self.instances[at].online.as_mut().filter(|open| open.opening == opening)
                {
                    open.woken_at = None;
                    self.act_online(at, |presence, now, effects| presence.handle_deadline(now, effects));
                }
            }
            Task::News(news) => {
                if self.instances[at].is_linked {
                    self.act_online(at, |presence, now, _| presence.handle_news(news, now));
                }
            }
            Task::Lost => self.act_online(at, |presence, now, effects| presence.handle_lost(now, effects)),
            Task::Compare(opening) => {
                let is_fresh = self.instances[at].is_linked;
                let found =
                    if is_fresh { self.read_online(at) } else { self.instances[at].last_read.clone() };
                let ids = found.iter().map(|member| member.connection_id);
                // Its own are in it as they are, whatever the bus has.
                let own = &self.instances[at].connections;
                let status = |id| {
                    if own.contains_key(&id) { self.statuses.known(id) } else { self.statuses.written(id) }
                };
                let statuses = ids.map(|id| (id, status(id))).collect();
                let is_slow = self.dice.percent(20);
                let answered = self.now + if is_slow { self.dice.ms(0, 1000) } else { self.dice.ms(0, 20) };
                self.later(at, answered, Work::Online(Task::Devices { opening, found, statuses, is_fresh }));
            }
            Task::Devices { opening, found, statuses, is_fresh } => {
                if self.instances[at].online.as_ref().is_some_and(|open| open.opening == opening) {
                    self.act_online(at, |presence, now, _| {
                        presence.handle_devices(found, is_fresh, now);
                        presence.handle_statuses(statuses, now);
                    });
                    self.instances[at].online.as_mut().expect("it is open").is_ready = true;
                }
            }
            Task::Subscribe(connection) => self.subscribe(at, connection),
            Task::SayAgain(news) => self.tell_others(at, &news),
            Task::Tidy(connection) => {
                if self.instances[at].is_linked {
                    self.bus.absent(ACCOUNT, connection);
                }
            }
            Task::Doubt => {
                if self.instances[at].is_linked {
                    self.doubt(at);
                    self.act_online(at, |presence, now, effects| {
                        presence.handle_instances_changed(now, effects);
                    });
                    let (now, ids) =
                        (self.time(), self.instances[at].rooms.keys().copied().collect::<Vec<_>>());
                    for room in ids {
                        self.act(at, room, |room, effects| room.handle_instances_changed(now, effects));
                    }
                }
            }
            Task::Missed(whom) => {
                if !self.instances[whom].is_linked {
                    self.work_online(at, Task::Doubt);
                }
            }
            Task::Assert => {
                if self.instances[at].is_linked {
                    self.assert(at);
                }
            }
        }
    }

    /// All devices as this instance reads them: its own as it knows them, the others' as the bus has them.
    fn read_online(&mut self, at: usize) -> Vec<Member> {
        let mut found = self.bus.elsewhere(ACCOUNT, at, self.now);
        let own = self.instances[at].connections.iter();
        found.extend(own.map(|(connection, who)| member(*connection, self.clients[*who].user)));
        self.instances[at].last_read.clone_from(&found);
        found
    }

    /// Somebody wants to know who is online.
    pub(crate) fn watch(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        if self.clients[who].online.is_none() {
            self.soon(at, Work::Online(Task::Subscribe(connection)));
        }
    }

    fn subscribe(&mut self, at: usize, connection: ConnectionId) {
        let Some(&who) = self.instances[at].connections.get(&connection) else { return };
        if !self.instances[at].online.as_ref().is_some_and(|open| open.is_ready) {
            self.open_online(at);
            return self.soon(at, Work::Online(Task::Subscribe(connection)));
        }
        if let Some(until) = self.doubted(at) {
            self.act_online(at, |presence, now, _| presence.doubt_until(until, now));
        }
        let open = self.instances[at].online.as_mut().expect("it is open");
        open.presence.watch(connection, (who, connection)).expect("it is not closed");
        if self.clients[who].connected == Some((at, connection)) {
            self.clients[who].online = Some(View::of(open.presence.page(None)));
        }
    }

    fn open_online(&mut self, at: usize) {
        if self.instances[at].online.is_some() {
            return;
        }
        self.count += 1;
        let presence = Presence::new(self.time());
        let open = Watched { presence, opening: self.count, is_ready: false, woken_at: None };
        self.instances[at].online = Some(open);
        self.act_online(at, |presence, now, effects| presence.handle_deadline(now, effects));
    }

    pub(crate) fn act_online(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut Presence<(usize, ConnectionId)>, std::time::Instant, &mut Vec<Effect>),
    ) {
        let (now, what) = (self.time(), self.what());
        let Some(open) = &mut self.instances[at].online else { return };
        let (mut effects, opening) = (Vec::new(), open.opening);
        act(&mut open.presence, now, &mut effects);
        for effect in effects {
            match effect {
                Effect::Tell(changed) => {
                    if self.is_calm {
                        self.is_true(&changed, &what);
                    }
                    let open = self.instances[at].online.as_ref().expect("it is open");
                    for &(who, connection) in open.presence.watchers() {
                        let client = &mut self.clients[who];
                        if let Some(view) = &mut client.online
                            && client.connected == Some((at, connection))
                        {
                            view.hear(&changed, &what);
                        }
                    }
                }
                Effect::Compare => self.soon(at, Work::Online(Task::Compare(opening))),
            }
        }
        let due = self.instances[at].online.as_ref().and_then(|open| open.presence.next_deadline());
        let due = due.map(|due| self.ms(due));
        let open = self.instances[at].online.as_mut().expect("it is open");
        if let Some(due) = due.filter(|due| open.woken_at.is_none_or(|at| *due < at)) {
            open.woken_at = Some(due);
            self.later(at, due, Work::Online(Task::Wake(opening)));
        }
    }

    /// Where nothing is lost, nobody is said to have come who is not there, or to have gone who is.
    fn is_true(&self, changed: &Changed, what: &str) {
        let connected = self.connected_users();
        for user in &changed.online {
            let seen = self.seen_online.get(&user.user_id).is_some_and(|at| self.now - at < TOLD_MS);
            assert!(seen || connected.contains(&user.user_id), "{what}: {} is not online", user.user_id);
        }
        for user in &changed.offline {
            let left = self.seen_online.get(user).is_some_and(|at| self.now - at < TOLD_MS);
            assert!(left || !connected.contains(user), "{what}: {user} is online");
        }
    }

    /// As their instances know it.
    fn connected_users(&self) -> BTreeSet<UserId> {
        let living = self.instances.iter().filter(|instance| instance.is_alive);
        let devices = living.flat_map(|instance| &instance.connections);
        devices.map(|(connection, who)| member(*connection, self.clients[*who].user).user_id).collect()
    }

    /// Everybody who watches knows who is online.
    pub(crate) fn check_online(&mut self) {
        let (what, online, statuses) = (self.what(), self.connected_users(), self.statuses_of_users());
        for client in &mut self.clients {
            let (Some((at, connection)), Some(view)) = (client.connected, &mut client.online) else {
                continue;
            };
            let open = self.instances[at].online.as_ref().expect("somebody watches");
            if view.asks {
                *view = View::of(open.presence.page(None));
            }
            assert_eq!(view.online, online, "{what}: {connection} knows who is online");
            assert_eq!(view.statuses, statuses, "{what}: {connection} knows how they are");
            let compares = open.presence.next_deadline();
            assert_eq!(compares, None, "{what}: nothing is amiss, and nobody is read");
        }
    }

    /// An instance stands still for so long that it is taken for dead, while its connections hold.
    pub(crate) fn lapse(&mut self) {
        let at = self.dice.roll(self.instances.len());
        if !self.instances[at].is_alive || !self.instances[at].is_linked {
            return;
        }
        self.bus.forget(at);
        let back = self.now + self.dice.ms(100, 3000);
        self.later(at, back, Work::Online(Task::Assert));
        // Who looks in time sees that it has gone, and then that it is back.
        for other in (0..self.instances.len()).filter(|other| *other != at) {
            let gone = self.now + self.dice.ms(0, 1000);
            if gone < back {
                self.later(other, gone, Work::Online(Task::Doubt));
                let seen = back + self.dice.ms(0, 1000);
                self.later(other, seen, Work::Online(Task::Doubt));
            }
        }
    }

    /// So much is said of the account that an instance does not hear all of it.
    pub(crate) fn overflow_online(&mut self) {
        let at = self.dice.roll(self.instances.len());
        let life = self.instances[at].life;
        let is_lost = |(to, of, work): &(usize, u32, Work)| {
            matches!(work, Work::Online(Task::News(_))) && (*to, *of) == (at, life)
        };
        let before = self.queue.len();
        self.queue.retain(|_, entry| !is_lost(entry));
        if self.queue.len() < before {
            self.lost_at = self.now;
            self.later(at, self.now, Work::Online(Task::Lost));
        }
    }

    /// Nothing is lost; an instance more or less makes others doubt.
    pub(crate) fn be_calm(&mut self) {
        if self.dice.percent(50) {
            let at = self.dice.roll(self.instances.len());
            self.soon(at, Work::Online(Task::Doubt));
        }
        if self.now - self.lost_at < HEALED_MS {
            return;
        }
        let (what, connected) = (self.what(), self.connected_users());
        for view in self.clients.iter().filter_map(|client| client.online.as_ref()) {
            if view.asks {
                continue;
            }
            for (user, at) in
                self.seen_online.iter().filter(|(_, at)| self.now - **at >= TOLD_MS + COMPARED_MS)
            {
                let is_known = view.online.contains(user) == connected.contains(user);
                assert!(is_known, "{what}: {user} has come or gone {} ms ago", self.now - at);
            }
        }
    }
}
