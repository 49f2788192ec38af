//! What people and machines do in a run.

use crate::{
    bus::ACCOUNT,
    calls,
    client::{Client, member},
    online::Task,
    world::{LOOK_MS, Work, World},
};
use common::id::{ConnectionId, RoomId};
use signalling_core::room::Audience;
use uuid::Uuid;

/// How long after an instance is cut off or dies the others find out, and look at the store.
const NOTICED_MS: u64 = 12_000;

impl World {
    /// What people and machines do.
    pub(crate) fn accident(&mut self) {
        let who = self.dice.roll(self.clients.len());
        match self.dice.roll(1000) {
            0..230 => self.send(who),
            230..250 => self.say_status(),
            250..330 => self.change(),
            330..350 => self.ring(who),
            350..400 => self.handle_some_call(),
            400..640 => self.enter(who),
            640..670 => self.look_around(who),
            670..700 => self.watch(who),
            700..760 => self.leave(who),
            760..820 => self.vanish(who),
            820..840 => self.be_slow(who),
            985..992 => self.overflow_online(),
            840..850 | 880..890 | 970.. if self.is_calm => self.be_calm(),
            840..846 => self.kill(false),
            846..850 => self.kill(true),
            850..880 => {
                let at = self.dice.roll(self.instances.len());
                self.start_instance(at);
            }
            880..890 => self.cut(),
            890..920 => {
                let at = self.dice.roll(self.instances.len());
                self.link(at);
            }
            920..930 => self.is_store_away = true,
            930..970 => self.is_store_away = false,
            970..980 => self.overflow(),
            980..985 => self.pause_calls(),
            _ => self.lapse(),
        }
    }

    fn send(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let rooms: Vec<RoomId> = self.clients[who].rooms.keys().copied().collect();
        if rooms.is_empty() {
            return;
        }
        let room = rooms[self.dice.roll(rooms.len())];
        self.count += 1;
        let client_id = u128::from(self.count);
        self.clients[who].unacknowledged.insert(client_id, room);
        let user = self.clients[who].user;
        self.soon(at, Work::Send { room, connection, client_id, user });
    }

    /// Changes a message of late, by way of an instance on which nobody need be in the room.
    fn change(&mut self) {
        let (at, room) = (self.dice.roll(self.instances.len()), self.any_room());
        let which = self.dice.roll(30);
        self.soon(at, Work::Change { room, which });
    }

    /// Connects, if need be, and joins a room, perhaps one it is in; sends again what it does not know to be stored.
    fn enter(&mut self, who: usize) {
        if self.clients[who].connected.is_none() {
            let living: Vec<usize> =
                (0..self.instances.len()).filter(|at| self.instances[*at].is_alive).collect();
            if living.is_empty() {
                return;
            }
            let at = living[self.dice.roll(living.len())];
            self.count += 1;
            let connection = ConnectionId::from_uuid(Uuid::from_u128(u128::from(self.count)));
            self.instances[at].connections.insert(connection, who);
            self.owners.insert(connection, who);
            self.clients[who].connected = Some((at, connection));
            self.come_online(at, connection, who);
            self.soon(at, Work::Call(calls::Task::Late(connection)));
            self.resume_calls(who);
        }
        let (at, connection) = self.clients[who].connected.expect("it is");
        let room = self.any_room();
        let client = &mut self.clients[who];
        if client.joining.contains_key(&room) {
            return;
        }
        client.joining.insert(room, 0);
        let after = client.rooms.get(&room).map(|view| view.seen).or(client.left.get(&room).copied());
        self.soon(at, Work::Snapshot { room, connection, after });
        let again: Vec<_> = client_again(&self.clients[who]);
        let user = self.clients[who].user;
        for (client_id, room) in again {
            self.soon(at, Work::Send { room, connection, client_id, user });
        }
    }

    fn leave(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let room = self.any_room();
        if self.clients[who].joining.contains_key(&room) {
            return;
        }
        if let Some(view) = self.clients[who].rooms.remove(&room) {
            self.clients[who].left.insert(room, view.seen);
            self.leave_room(at, room, connection);
        }
    }

    /// The connection breaks; its instance learns of it later.
    fn vanish(&mut self, who: usize) {
        if let Some((at, connection)) = self.clients[who].connected {
            self.clients[who].disconnect();
            let noticed = self.now + self.dice.ms(0, 2000);
            self.later(at, noticed, Work::Gone(connection));
        }
    }

    /// Its instance ends the connection.
    fn be_slow(&mut self, who: usize) {
        if let Some((at, connection)) = self.clients[who].connected {
            self.clients[who].disconnect();
            self.gone(at, connection);
        }
    }

    /// An instance dies, or stops in order.
    fn kill(&mut self, in_order: bool) {
        let at = self.dice.roll(self.instances.len());
        if !self.instances[at].is_alive {
            return;
        }
        if in_order {
            self.hand_over_calls(at);
        }
        let instance = &mut self.instances[at];
        instance.is_alive = false;
        instance.rooms.clear();
        instance.online = None;
        instance.last_read.clear();
        self.kill_calls(at);
        let instance = &mut self.instances[at];
        for (connection, who) in std::mem::take(&mut instance.connections) {
            if self.clients[who].connected == Some((at, connection)) {
                self.clients[who].disconnect();
            }
        }
        self.bus.lose(at, self.now);
        self.be_noticed(at);
    }

    pub(crate) fn start_instance(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        if !std::mem::replace(&mut instance.is_alive, true) {
            instance.life += 1;
            instance.is_linked = true;
            // It finds others, or has nobody to doubt.
            self.doubt(at);
            self.later(at, self.now, Work::Call(calls::Task::Beat));
            // Those who died before it was there are among those that it finds, until they are not.
            self.later(at, self.now + NOTICED_MS, Work::Online(Task::Doubt));
        }
    }

    fn cut(&mut self) {
        let at = self.dice.roll(self.instances.len());
        if !self.instances[at].is_alive || !std::mem::take(&mut self.instances[at].is_linked) {
            return;
        }
        self.bus.lose(at, self.now);
        let now = self.time();
        self.instances[at].rooms.values_mut().for_each(|open| open.room.unsettle(now));
        self.cut_calls();
        self.act_online(at, |presence, now, _| presence.unsettle(now));
        self.link_calls(at);
        self.later(at, self.now + LOOK_MS, Work::Look);
        // Others take it for dead unless it is back by then.
        for other in (0..self.instances.len()).filter(|other| *other != at) {
            self.later(other, self.now + NOTICED_MS, Work::Online(Task::Missed(at)));
        }
    }

    /// It is within reach again, and says so.
    pub(crate) fn link(&mut self, at: usize) {
        if !self.instances[at].is_alive || std::mem::replace(&mut self.instances[at].is_linked, true) {
            return;
        }
        self.assert(at);
        self.doubt(at);
        self.link_calls(at);
        let ids: Vec<RoomId> = self.instances[at].rooms.keys().copied().collect();
        ids.into_iter().for_each(|room| self.later(at, self.now, Work::Lost(room)));
        self.later(at, self.now, Work::Online(Task::Lost));
        for other in (0..self.instances.len()).filter(|other| *other != at) {
            let look_at = self.now + self.dice.ms(500, 1500);
            self.later(other, look_at, Work::Look);
            self.soon(other, Work::Online(Task::Doubt));
        }
    }

    /// Says anew who is where.
    pub(crate) fn assert(&mut self, at: usize) {
        let instance = &self.instances[at];
        let in_rooms = instance.rooms.iter().flat_map(|(id, open)| {
            open.room.audience(Audience::Everybody).map(|local| (*id, local.member.clone()))
        });
        let connected = instance.connections.iter();
        let online =
            connected.map(|(connection, who)| (ACCOUNT, member(*connection, self.clients[*who].user)));
        let theirs = in_rooms.chain(online).collect();
        self.bus.assert(at, theirs);
        let own: Vec<_> = self.instances[at].connections.keys().copied().collect();
        self.statuses.write(own);
    }

    /// The others notice that it is dead, and look for what it has not told them.
    fn be_noticed(&mut self, at: usize) {
        for other in (0..self.instances.len()).filter(|other| *other != at) {
            self.later(other, self.now + NOTICED_MS, Work::Look);
            self.later(other, self.now + NOTICED_MS, Work::Online(Task::Doubt));
        }
    }

    /// So much is said that an instance does not hear all of it.
    fn overflow(&mut self) {
        let at = self.dice.roll(self.instances.len());
        let room = self.any_room();
        let life = self.instances[at].life;
        let is_lost = |(to, of, work): &(usize, u32, Work)| {
            matches!(work, Work::News(topic, _) if *topic == room) && (*to, *of) == (at, life)
        };
        let before = self.queue.len();
        self.queue.retain(|_, entry| !is_lost(entry));
        if self.queue.len() < before {
            self.later(at, self.now, Work::Lost(room));
        }
    }
}

fn client_again(client: &Client) -> Vec<(u128, RoomId)> {
    client.unacknowledged.iter().map(|(id, room)| (*id, *room)).collect()
}
