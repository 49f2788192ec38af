//! How people say that they are: away, busy, in a call. Whatever is lost, everybody who watches ends with how they are.

use crate::world::World;
use common::{
    id::{ConnectionId, UserId},
    protocol::presence::{Said, Status},
    subject::hub::{DeviceStatus, OnlineNews},
};
use std::collections::BTreeMap;

/// How devices are: as their instances know it, and as it was last written to the bus.
#[derive(Default)]
pub(crate) struct Statuses {
    known: BTreeMap<ConnectionId, DeviceStatus>,
    written: BTreeMap<ConnectionId, DeviceStatus>,
}

impl Statuses {
    /// An instance writes anew what it has.
    pub(crate) fn write(&mut self, connections: impl IntoIterator<Item = ConnectionId>) {
        for connection in connections {
            if let Some(status) = self.known.get(&connection) {
                self.written.insert(connection, *status);
            }
        }
    }

    pub(crate) fn known(&self, connection: ConnectionId) -> DeviceStatus {
        self.known.get(&connection).copied().unwrap_or_default()
    }

    /// As the bus has it.
    pub(crate) fn written(&self, connection: ConnectionId) -> DeviceStatus {
        self.written.get(&connection).copied().unwrap_or_default()
    }
}

/// How a user is whose devices are so.
pub(crate) fn of(devices: &[DeviceStatus]) -> Status {
    let says = |said| move |device: &DeviceStatus| device.said == said;
    if devices.iter().any(says(Said::Busy)) {
        Status::Busy
    } else if devices.iter().any(|device| device.in_call) {
        Status::InCall
    } else if devices.iter().all(says(Said::Away)) {
        Status::Away
    } else {
        Status::Online
    }
}

impl World {
    /// Somebody says how they are on one device, or it calls or talks.
    pub(crate) fn say_status(&mut self) {
        let who = self.dice.roll(self.clients.len());
        let Some((at, connection)) = self.clients[who].connected else { return };
        let before = self.statuses.known(connection);
        let said = [Said::Online, Said::Away, Said::Busy][self.dice.roll(3)];
        let status = DeviceStatus { said, in_call: self.dice.percent(20), revision: before.revision + 1 };
        self.statuses.known.insert(connection, status);
        if self.instances[at].is_linked {
            self.statuses.write([connection]);
        }
        self.announce(at, OnlineNews::Status { connection, status });
    }

    /// How everybody is who is connected, as their instances know it.
    pub(crate) fn statuses_of_users(&self) -> BTreeMap<UserId, Status> {
        let mut devices: BTreeMap<UserId, Vec<DeviceStatus>> = BTreeMap::new();
        for instance in self.instances.iter().filter(|instance| instance.is_alive) {
            for (connection, who) in &instance.connections {
                let user = crate::client::member(*connection, self.clients[*who].user).user_id;
                devices.entry(user).or_default().push(self.statuses.known(*connection));
            }
        }
        devices.into_iter().map(|(user, devices)| (user, of(&devices))).collect()
    }
}
