//! What moderators do to others in a session.

use super::{ask, give_up, not_there, running, take_rate};
use crate::{client::Client, frame::Frame, hub::Hub, rooms::admit::admit_restricting};
use common::{
    id::{ConnectionId, RoomId},
    protocol::{
        Done, Event, Failure,
        media::{Lock, Mute, Muted, Remove, Removed},
    },
    subject::media::{MediaAction, Moderation},
};
use std::sync::Arc;

/// `media.mute`.
pub(crate) async fn mute(hub: &Hub, client: &Arc<Client>, mute: Mute) -> Result<Done, Failure> {
    let Mute { room_id: room, connection_id: connection, source } = mute;
    moderate(hub, client, room, Moderation::Mute { connection, source }).await
}

/// `media.remove`.
pub(crate) async fn remove(hub: &Hub, client: &Arc<Client>, remove: Remove) -> Result<Done, Failure> {
    let Remove { room_id: room, connection_id: connection } = remove;
    moderate(hub, client, room, Moderation::Remove { connection }).await
}

/// `media.lock`.
pub(crate) async fn lock(hub: &Hub, client: &Arc<Client>, lock: Lock) -> Result<Done, Failure> {
    let Lock { room_id: room, locked } = lock;
    moderate(hub, client, room, Moderation::Lock { locked }).await
}

/// By whom may mute and ban the participant in the room: what they do to somebody, or to all, is the same in its call.
async fn moderate(
    hub: &Hub,
    client: &Arc<Client>,
    room: RoomId,
    moderation: Moderation,
) -> Result<Done, Failure> {
    take_rate(hub, client)?;
    // Before anything is said of the session.
    admit_restricting(hub, client, None, room).await?;
    if let Moderation::Mute { connection, .. } | Moderation::Remove { connection } = moderation {
        let session = running(hub, client.account, room).await?.ok_or_else(not_there)?;
        let target = session.participants.iter().find(|one| one.connection_id == connection);
        let target = target.ok_or_else(not_there)?.user_id;
        admit_restricting(hub, client, Some(target), room).await?;
    }
    let action = MediaAction::Moderate { by: client.user, moderation };
    ask(hub, client.account, room, action, false).await?.map(|_done| Done {}).ok_or_else(not_there)
}

/// A track of a device is muted.
pub(crate) fn hear_muted(hub: &Hub, device: ConnectionId, muted: Muted) {
    if let Some(client) = hub.client(device) {
        client.push(Frame::event(&Event::MediaMuted(muted)));
    }
}

/// A device has no seat any more. The session knows; nobody else is to be told.
pub(crate) fn hear_removed(hub: &Hub, device: ConnectionId, removed: Removed) {
    if let Some(client) = hub.client(device)
        && give_up(&client, removed.room_id)
    {
        client.push(Frame::event(&Event::MediaRemoved(removed)));
    }
}
