//! Looks after the media nodes whose sessions somebody here is in, and says when one has died: sooner than each client
//! finds out by what does not come any more.

use crate::{frame::Frame, hub::Hub, rooms::live::LiveRoom};
use bus::Snapshot;
use common::{
    id::{NodeId, RoomId},
    protocol::{
        Event,
        media::{Lost, Moved},
    },
    subject::media::{MediaNode, MediaNodes},
};
use signalling_core::media_owners::MediaOwners;
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often, while somebody here is in a session.
///
/// Longer spares the bus a read for each instance; shorter brings people back sooner. With the three seconds that it
/// takes until a dead node is known to be, and the second that joining takes, they are there again within five.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Default)]
pub(crate) struct Owners(Mutex<MediaOwners>);

impl Owners {
    fn lock(&self) -> MutexGuard<'_, MediaOwners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This node has the session of a room that somebody here is in.
    pub(super) fn note(&self, room: RoomId, owner: NodeId) {
        self.lock().note(room, owner);
    }
}

/// Looks until the hub drains. There is nobody to look after where this process is alone.
pub(crate) async fn watch(hub: Hub) {
    if hub.bus().is_alone() {
        return;
    }
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut link = *hub.bus().link().borrow();
    loop {
        tick.tick().await;
        hub.0.media_owners.lock().retain(|room| hub.0.rooms.get(room).is_some());
        if hub.0.media_owners.lock().is_empty() {
            continue;
        }
        let seen = hub.bus().snapshot(&MediaNodes).await;
        let now = *hub.bus().link().borrow();
        let lost = judge(&hub, seen.ok(), link == now);
        link = now;
        for room in lost {
            warn!(room.id = %room, "The media node of room {room} is gone; its participants join again");
            tell(&hub, room);
        }
    }
}

/// The rooms whose node has died.
fn judge(hub: &Hub, seen: Option<Snapshot<MediaNode>>, is_same_link: bool) -> Vec<RoomId> {
    let mut owners = hub.0.media_owners.lock();
    match seen {
        Some(seen) if seen.is_fresh && is_same_link => {
            let present: BTreeSet<NodeId> = seen.entries.into_iter().map(|(_, entry)| entry.node).collect();
            owners.observe(&present, hub.clock().now())
        }
        Some(_) | None => {
            owners.suspend();
            Vec::new()
        }
    }
}

fn tell(hub: &Hub, room: RoomId) {
    if let Some(live) = hub.0.rooms.get(room) {
        tell_participants(&live, &Event::MediaLost(Lost { room_id: room }));
    }
}

/// Another media node has the session of a room.
pub(crate) fn hear_moved(hub: &Hub, room: &LiveRoom, owner: NodeId) {
    hub.0.media_owners.note(room.id, owner);
    tell_participants(room, &Event::MediaMoved(Moved { room_id: room.id }));
}

fn tell_participants(room: &LiveRoom, event: &Event) {
    let frame = Frame::event(event);
    for client in room.clients() {
        if client.held().media.contains(&room.id) {
            client.push(frame.clone());
        }
    }
}
