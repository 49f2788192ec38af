//! How people leave a room: by themselves, with their connection, or because they may not stay.

use crate::{client::Client, frame::Frame, hub::Hub, media};
use common::{
    id::RoomId,
    protocol::{
        Done, Event, Failure,
        room::{RemovalReason, Removed},
    },
};
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tracing::warn;

/// How many of those who are removed from a room the media session is told of at once.
const TOLD_AT_ONCE: usize = 64;

/// `room.leave`.
pub(crate) async fn leave(hub: &Hub, client: &Arc<Client>, id: RoomId) -> Result<Done, Failure> {
    hub.0.rooms.here(client, id)?;
    media::leave(hub, client, id).await?;
    leave_room(hub, client, id);
    Ok(Done {})
}

/// Takes a client out of a room and has the others told.
fn leave_room(hub: &Hub, client: &Client, id: RoomId) {
    client.held().rooms.remove(&id);
    if let Some(room) = hub.0.rooms.get(id) {
        let gone = room.act(|room, now, effects| room.leave(client.id, now, effects));
        drop(gone);
        hub.0.rooms.live.close_if_empty(id);
    }
}

/// Takes those out of a room who are in it here and whom `is_meant` picks, and tells them why;
/// how many it were.
pub(crate) fn remove(
    hub: &Hub,
    id: RoomId,
    reason: RemovalReason,
    is_meant: impl Fn(&Client) -> bool,
) -> u32 {
    hub.0.rooms.note_removal();
    let Some(room) = hub.0.rooms.get(id) else { return 0 };
    let mut meant = room.clients();
    meant.retain(|client| is_meant(client));
    take_out(hub, id, reason, &meant);
    u32::try_from(meant.len()).unwrap_or(u32::MAX)
}

/// Takes these out of a room, and tells them why. A guest has nowhere else to be: the connection ends.
pub(super) fn take_out(hub: &Hub, id: RoomId, reason: RemovalReason, meant: &[Arc<Client>]) {
    let removed = Frame::event(&Event::RoomRemoved(Removed { room_id: id, reason }));
    for client in meant {
        leave_room(hub, client, id);
        client.push(removed.clone());
    }
    let mut seated = meant.to_vec();
    seated.retain(|client| media::give_up(client, id));
    if !seated.is_empty() {
        // Beside: a media server may be slow to answer, or away, and there may be more to remove.
        hub.finish(tell_removed(hub.clone(), id, seated));
    }
    meant.iter().filter(|client| client.access().is_guest()).for_each(|guest| guest.end());
}

/// Tells the media session of a room that these were removed. One that does not hear it asks who is there.
async fn tell_removed(hub: Hub, id: RoomId, seated: Vec<Arc<Client>>) {
    let told = stream::iter(&seated).for_each_concurrent(TOLD_AT_ONCE, async |client| {
        if let Err(failure) = media::tell_left(&hub, client, id).await {
            warn!(room.id = %id, conn.id = %client.id, message = failure.message, "The media session of {id} was not told that {} was removed", client.id);
        }
    });
    told.await;
}

/// The connection is gone, and with it the device from all rooms.
pub(crate) fn lose_connection(hub: &Hub, client: &Client) {
    let rooms = std::mem::take(&mut client.held().rooms);
    for id in rooms {
        leave_room(hub, client, id);
    }
}
