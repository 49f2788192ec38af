//! Who of an account is connected, for those who watch it on one instance.
//!
//! A user is online while any of their devices is. Devices come and go as instances tell; the whole set is read
//! from the bus when the first one watches, when news may have been lost, when the link was away, and when an
//! instance has come or gone. Who has gone is remembered for a while: their entry may still be read after it was
//! said. How a user is follows from how they are at each of their devices ([`mod@status`]).

mod status;

use crate::{
    comparison::{Compared, Comparison, DOUBT_TIME},
    departed::Departed,
    gathering::Gathered,
    roster::{Change, Roster},
};
use common::{
    id::{ConnectionId, UserId},
    protocol::{
        page::{self, PAGE_BYTES_MAX},
        presence::{Changed, Online, OnlineUser, Status, USERS_MAX},
        room::Member,
    },
    subject::hub::{DeviceStatus, OnlineNews},
};
use status::Devices;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::Bound,
    time::{Duration, Instant},
};

/// How long changes are gathered before they are told: a thousand clients reconnect at once.
///
/// Longer is fewer events, and hides who reconnects at once; shorter shows each change sooner.
pub const GATHER_TIME: Duration = Duration::from_millis(100);

/// How long a device that has gone is remembered, which never comes back under the same id: longer than news of it is
/// said again that could not be said at first, and than its entry takes to be removed where the bus is there.
const DEPARTED_TIME: Duration = Duration::from_secs(60);

/// What a presence asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Push this to everybody who watches, before anybody else does.
    Tell(Changed),
    /// Read all devices and [hand them over](Presence::handle_devices).
    Compare,
}

/// The last one who watched has gone, and this presence is not followed any more: open it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// A user who is online, or of whom that was told last.
#[derive(Debug)]
struct User {
    /// As those who watch know them, but for the name.
    user: OnlineUser,
    devices: Devices,
    /// Whether those who watch know them as online.
    is_told: bool,
}

/// One account's presence on one instance. Owns no socket and reads no clock.
#[derive(Debug)]
pub struct Presence<W> {
    watchers: BTreeMap<ConnectionId, W>,
    /// Of all instances, this one too.
    devices: Roster,
    users: BTreeMap<UserId, User>,
    /// How those devices are that have ever said anything of it.
    statuses: BTreeMap<ConnectionId, DeviceStatus>,
    /// How many are known as online to those who watch.
    told: u32,
    /// Those who may be other than was told last.
    changed: BTreeSet<UserId>,
    /// When what has changed is told.
    told_at: Option<Instant>,
    departed: Departed,
    comparison: Comparison,
    is_closed: bool,
}

impl<W> Presence<W> {
    /// The presence of an account that this instance has just begun to listen to. It wants to know who is there.
    pub fn new(now: Instant) -> Self {
        Self {
            watchers: BTreeMap::new(),
            devices: Roster::default(),
            users: BTreeMap::new(),
            statuses: BTreeMap::new(),
            told: 0,
            changed: BTreeSet::new(),
            told_at: None,
            departed: Departed::new(DEPARTED_TIME),
            comparison: Comparison::new(now),
            is_closed: false,
        }
    }

    /// Somebody here watches from now on, or does so already: everything that is [told](Effect::Tell) later goes on
    /// from the [page](Self::page).
    ///
    /// # Errors
    /// [`Closed`].
    pub fn watch(&mut self, connection: ConnectionId, watcher: W) -> Result<(), Closed> {
        if self.is_closed {
            return Err(Closed);
        }
        if self.watchers.is_empty() {
            // There was nobody to be told.
            let _told = self.changes();
        }
        self.watchers.insert(connection, watcher);
        Ok(())
    }

    /// Somebody here watches no more, or their connection is gone.
    pub fn leave(&mut self, connection: ConnectionId) {
        self.watchers.remove(&connection);
    }

    /// An instance, perhaps this one, says something.
    pub fn handle_news(&mut self, news: OnlineNews, now: Instant) {
        match news {
            OnlineNews::Came(member) => {
                if self.departed.has(member.connection_id, now) {
                    return;
                }
                self.comparison.touch(member.connection_id);
                if self.devices.join(member.clone()) {
                    self.apply(Change::Joined(member), now);
                }
            }
            OnlineNews::Went(connection) => {
                self.comparison.touch(connection);
                self.departed.insert(connection, now);
                if let Some(member) = self.devices.leave(connection) {
                    self.apply(Change::Left(member), now);
                }
            }
            OnlineNews::Status { connection, status } => {
                // That it is there may be said late, with how it was before: this is found where everybody is read.
                if self.devices.get(connection).is_none() && !self.departed.has(connection, now) {
                    self.comparison.doubt_soon(now + GATHER_TIME);
                }
                self.note_status(connection, status, now);
            }
            OnlineNews::Changed {} => self.comparison.doubt_soon(now + GATHER_TIME),
        }
    }

    /// What other instances said may have been lost.
    pub fn handle_lost(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.unsettle(now);
        self.compare(now, effects);
    }

    /// Instances have come or gone, and with them perhaps some of those who were or are connected.
    pub fn handle_instances_changed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.comparison.doubt(now, DOUBT_TIME);
        self.compare(now, effects);
    }

    /// Instances had come or gone when this one began to listen to the account, perhaps, and it is not known yet
    /// until then who went with them.
    pub fn doubt_until(&mut self, until: Instant, now: Instant) {
        self.comparison.doubt_until(until, now);
    }

    /// Other instances have ceased or begun to be within reach.
    pub fn unsettle(&mut self, now: Instant) {
        self.comparison.unsettle(now);
    }

    /// The answer to [`Effect::Compare`]: everybody's devices, without those of guests; `is_fresh` says whether
    /// other instances were within reach when it was read.
    pub fn handle_devices(
        &mut self,
        devices: impl IntoIterator<Item = Member>,
        is_fresh: bool,
        now: Instant,
    ) {
        let Compared { trust, touched, is_late } = self.comparison.end(is_fresh, now);
        let devices: Vec<Member> =
            devices.into_iter().filter(|device| !self.departed.has(device.connection_id, now)).collect();
        for change in self.devices.reconcile(devices, trust, &touched) {
            self.apply(change, now);
        }
        if is_late {
            self.comparison.expect_by(now + GATHER_TIME);
        }
    }

    /// How devices are, beside [who is there](Self::handle_devices): what is older than what is known counts for nothing.
    pub fn handle_statuses(
        &mut self,
        statuses: impl IntoIterator<Item = (ConnectionId, DeviceStatus)>,
        now: Instant,
    ) {
        for (connection, status) in statuses {
            self.note_status(connection, status, now);
        }
    }

    fn note_status(&mut self, connection: ConnectionId, status: DeviceStatus, now: Instant) {
        let Some(user_id) = self.devices.get(connection).map(|member| member.user_id) else { return };
        let known = self.statuses.get(&connection).copied().unwrap_or_default();
        if status.revision <= known.revision {
            return;
        }
        self.statuses.insert(connection, status);
        if let Some(user) = self.users.get_mut(&user_id) {
            user.devices.leave(known);
            user.devices.join(status);
            self.changed.insert(user_id);
            self.told_at.get_or_insert(now + GATHER_TIME);
        }
    }

    /// The devices cannot be read now.
    pub fn handle_unknown_devices(&mut self, now: Instant) {
        self.comparison.fail(now);
    }

    /// When the presence next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.comparison.next_deadline(), self.told_at].into_iter().flatten().min()
    }

    /// Acts on deadlines that have passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.told_at.is_some_and(|at| at <= now) {
            self.tell(effects);
        }
        if self.comparison.next_deadline().is_some_and(|at| at <= now) {
            self.compare(now, effects);
        }
    }

    /// Everybody who watches here.
    pub fn watchers(&self) -> impl Iterator<Item = &W> {
        self.watchers.values()
    }

    /// The users after `user`, as many as fit, as all who watch know them.
    pub fn page(&self, user: Option<UserId>) -> Online {
        let start = user.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.users.range((start, Bound::Unbounded)).map(|(_, one)| one);
        let after = after.filter(|one| one.is_told).map(|one| one.user.clone());
        let (users, more) = page::first(after, USERS_MAX, PAGE_BYTES_MAX);
        Online { users, online_count: self.told, more }
    }

    /// Lets nobody watch any more if nobody does; whether that is so.
    pub fn close_if_empty(&mut self) -> bool {
        self.is_closed |= self.watchers.is_empty();
        self.is_closed
    }

    /// Whether nobody can watch any more.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn compare(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.comparison.begin(now) {
            effects.push(Effect::Compare);
        }
    }

    /// A device has come or gone.
    fn apply(&mut self, change: Change, now: Instant) {
        let (Change::Joined(Member { user_id, connection_id, .. })
        | Change::Left(Member { user_id, connection_id, .. })) = change;
        self.changed.insert(user_id);
        self.told_at.get_or_insert(now + GATHER_TIME);
        match change {
            Change::Joined(Member { name, .. }) => {
                let one = self.users.entry(user_id).or_insert_with(|| User {
                    user: OnlineUser { user_id, name: String::new(), status: Status::Online },
                    devices: Devices::default(),
                    is_told: false,
                });
                one.devices.join(DeviceStatus::default());
                // The latest device knows what they are called by now.
                one.user.name = name;
            }
            Change::Left(_) => {
                let status = self.statuses.remove(&connection_id).unwrap_or_default();
                if let Some(one) = self.users.get_mut(&user_id) {
                    one.devices.leave(status);
                }
            }
        }
    }

    /// Tells who is other than was told last.
    fn tell(&mut self, effects: &mut Vec<Effect>) {
        let (came, went) = self.changes();
        if came.is_empty() && went.is_empty() {
            return;
        }
        let Gathered { came: online, went: offline, complete } = Gathered::bounded(came, went);
        effects.push(Effect::Tell(Changed { online, offline, online_count: self.told, complete }));
    }

    /// Who has come, gone, or is otherwise since this was asked last.
    fn changes(&mut self) -> (Vec<OnlineUser>, Vec<UserId>) {
        self.told_at = None;
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.changed) {
            let Entry::Occupied(mut user) = self.users.entry(id) else { continue };
            let one = user.get_mut();
            let is_online = !one.devices.is_empty();
            let status = one.devices.status();
            let is_otherwise = std::mem::replace(&mut one.user.status, status) != status;
            match (std::mem::replace(&mut one.is_told, is_online), is_online) {
                (false, true) => {
                    came.push(one.user.clone());
                    self.told += 1;
                }
                (true, false) => {
                    went.push(id);
                    self.told -= 1;
                }
                (true, true) if is_otherwise => came.push(one.user.clone()),
                (true, true) | (false, false) => {}
            }
            if !is_online {
                user.remove();
            }
        }
        (came, went)
    }
}

#[cfg(test)]
mod tests;
