//! Media sessions: the methods of `media.*`, passed on to the node that owns the session.

mod moderation;
mod owners;
mod subscribe;

pub(crate) use moderation::{hear_muted, hear_removed, lock, mute, remove};
pub(crate) use owners::{Owners, hear_moved, watch};
pub(crate) use subscribe::subscribe;

use crate::{
    client::{Access, Client, MediaRates},
    failure::bus_failed,
    frame::Frame,
    hub::Hub,
    rooms::{admit::visitor, live::LiveRoom},
};
use bus::media_owner::{self, AskError};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, ConnectionId, NodeId, RoomId},
    protocol::{
        Done, Event, Failure,
        media::{
            Answer, Changed, IceRestarting, Join, Joined, Participant, ParticipantState, PeerSignal, Publish,
            Published, SDP_BYTES_MAX, Signal, Signalled, State, TrackSource, Update,
        },
    },
    subject::{
        hub::{AccountOnline, DeviceNews, NodeNews, NodeTopic},
        media::{MediaAction, MediaReply, MediaRequest, MediaRights, MediaService, Seated},
    },
};
use signalling_core::{
    admission::Action,
    call::{GRACE_TIME, part::Part},
};
use std::sync::Arc;
use tokio::time::sleep;
use tracing::{debug, warn};

/// Asks the node that owns the room's session; `None` if nobody does and none may be opened.
async fn ask(
    hub: &Hub,
    account: AccountId,
    room: RoomId,
    action: MediaAction,
    may_open: bool,
) -> Result<Option<MediaReply>, Failure> {
    let is_joining = matches!(action, MediaAction::Join { .. });
    let request = MediaRequest { account, room, action };
    let moved = |reply: &Result<MediaReply, Failure>| match reply {
        Ok(MediaReply::Moved { owner }) => Some(*owner),
        Ok(_) | Err(_) => None,
    };
    let asked = media_owner::ask(hub.bus(), room, may_open, MediaService, &request, moved).await;
    let Some((owner, reply)) = asked.map_err(unasked)? else { return Ok(None) };
    if is_joining && reply.is_ok() {
        hub.0.media_owners.note(room, owner);
    }
    reply.map(Some)
}

fn unasked(error: AskError) -> Failure {
    match error {
        AskError::Bus(error) => bus_failed(&error),
        AskError::Nobody => unavailable(),
    }
}

fn unavailable() -> Failure {
    Failure::of(ErrorCode::MEDIA_UNAVAILABLE, Fault::Ours, "no media server is available; try again")
}

/// The running session of a room that somebody enters. A session that cannot be
/// reached is told later, by its next change.
pub(crate) async fn look(hub: &Hub, account: AccountId, room: RoomId) -> Option<State> {
    running(hub, account, room).await.unwrap_or_else(|failure| {
        debug!(room.id = %room, message = failure.message, "The media session of {room} cannot be looked at");
        None
    })
}

/// The session that runs in a room.
pub(crate) async fn running(hub: &Hub, account: AccountId, room: RoomId) -> Result<Option<State>, Failure> {
    match ask(hub, account, room, MediaAction::Look, false).await? {
        Some(MediaReply::State { state, .. }) if !state.participants.is_empty() => Ok(Some(state)),
        _ => Ok(None),
    }
}

/// `media.join`.
pub(crate) async fn join(hub: &Hub, client: &Arc<Client>, join: Join) -> Result<Joined, Failure> {
    let Join { room_id: room, previous_connection_id: replaces, state: change } = join;
    hub.0.rooms.joined(client, Action::Media, room)?;
    let rights = visitor(&client.access()).media_rights();
    let participant = Participant {
        connection_id: client.id,
        user_id: client.user,
        name: client.name.clone(),
        state: ParticipantState::default().after(change, rights.send),
        tracks: Vec::new(),
    };
    let action = MediaAction::Join { participant, hub: hub.bus().node(), rights, replaces, change };
    take_seat(hub, client, room)?;
    let ice_servers = hub.ice_servers(client.user);
    match ask(hub, client.account, room, action, true).await? {
        Some(MediaReply::State { state, .. }) => Ok(Joined { state, ice_servers, resumed: false }),
        Some(MediaReply::Replaced { state }) => Ok(Joined { state, ice_servers, resumed: true }),
        Some(MediaReply::Published(_) | MediaReply::Done | MediaReply::Moved { .. }) | None => {
            Err(unavailable())
        }
    }
}

/// Notes that a client is in the session of a room, before the session knows: a connection that is lost meanwhile leaves
/// it again, and so does who is taken out of the room. Who was taken out a moment ago was noted too late for that.
fn take_seat(hub: &Hub, client: &Client, room: RoomId) -> Result<(), Failure> {
    client.held().media.insert(room);
    let inside = hub.0.rooms.joined(client, Action::Media, room).map(drop);
    if inside.is_err() {
        give_up(client, room);
    }
    inside
}

/// `media.update`. A connection speaks of itself alone, and the session's node holds it to its rights.
pub(crate) async fn update(hub: &Hub, client: &Arc<Client>, update: Update) -> Result<Done, Failure> {
    let Update { room_id: room, state: change, tracks } = update;
    check_tracks(&tracks)?;
    check_rate(hub, client, room)?;
    let action = MediaAction::Update { connection: client.id, change, tracks };
    ask(hub, client.account, room, action, false).await?.map(|_done| Done {}).ok_or_else(not_joined)
}

/// `media.leave`. Leaving what one is not in is no error.
pub(crate) async fn leave(hub: &Hub, client: &Arc<Client>, room: RoomId) -> Result<Done, Failure> {
    if give_up(client, room) {
        tell_left(hub, client, room).await?;
    }
    Ok(Done {})
}

/// Gives up a client's place in the session of a room, which is then to be [told](tell_left). False if it has none.
pub(crate) fn give_up(client: &Client, room: RoomId) -> bool {
    client.held().media.remove(&room)
}

/// Tells the session of a room that a client has left.
pub(crate) async fn tell_left(hub: &Hub, client: &Client, room: RoomId) -> Result<(), Failure> {
    let leave = MediaAction::Leave { connection: client.id };
    ask(hub, client.account, room, leave, false).await.map(drop)
}

/// `media.publish`.
pub(crate) async fn publish(hub: &Hub, client: &Arc<Client>, publish: Publish) -> Result<Published, Failure> {
    let Publish { room_id: room, sdp, tracks } = publish;
    check(client, room, sdp.as_deref().unwrap_or_default())?;
    check_tracks(&tracks)?;
    check_rate(hub, client, room)?;
    let action = MediaAction::Publish { connection: client.id, sdp, tracks };
    match ask(hub, client.account, room, action, false).await? {
        Some(MediaReply::Published(published)) => Ok(published),
        Some(
            MediaReply::State { .. }
            | MediaReply::Replaced { .. }
            | MediaReply::Done
            | MediaReply::Moved { .. },
        )
        | None => Err(not_joined()),
    }
}

/// What a participant says of itself and of its tracks is told everybody in the room.
fn check_rate(hub: &Hub, client: &Client, room: RoomId) -> Result<(), Failure> {
    if !client.held().media.contains(&room) {
        return Err(not_joined());
    }
    take_rate(hub, client)
}

fn take_rate(hub: &Hub, client: &Client) -> Result<(), Failure> {
    let now = hub.clock().now();
    let mut held = client.held();
    let rates = held.media_rates.get_or_insert_with(|| MediaRates::new(now));
    rates.state.take(now).map_err(|wait| {
        Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, "the state changes too often").retry_after(wait)
    })
}

/// More tracks than there are sources are two of one at least, whatever they say.
fn check_tracks<Track>(tracks: &[Track]) -> Result<(), Failure> {
    if tracks.len() > TrackSource::ALL.len() {
        let many = "there are more tracks than sources, and a participant has one of each";
        return Err(Failure::of(ErrorCode::MEDIA_DUPLICATE_SOURCE, Fault::Caller, many));
    }
    Ok(())
}

/// `media.answer`.
pub(crate) async fn answer(hub: &Hub, client: &Arc<Client>, answer: Answer) -> Result<Done, Failure> {
    check(client, answer.room_id, &answer.sdp)?;
    let action = MediaAction::Answer { connection: client.id, revision: answer.revision, sdp: answer.sdp };
    match ask(hub, client.account, answer.room_id, action, false).await? {
        Some(_) => Ok(Done {}),
        None => Err(not_joined()),
    }
}

/// `media.restartIce`.
pub(crate) async fn restart_ice(
    hub: &Hub,
    client: &Arc<Client>,
    room: RoomId,
) -> Result<IceRestarting, Failure> {
    if !client.held().media.contains(&room) {
        return Err(not_joined());
    }
    let action = MediaAction::RestartIce { connection: client.id };
    match ask(hub, client.account, room, action, false).await? {
        Some(_) => Ok(IceRestarting { ice_servers: hub.ice_servers(client.user) }),
        None => Err(not_joined()),
    }
}

fn check(client: &Client, room: RoomId, sdp: &str) -> Result<(), Failure> {
    if !client.held().media.contains(&room) {
        return Err(not_joined());
    }
    if sdp.len() > SDP_BYTES_MAX {
        return Err(Failure::of(ErrorCode::TOO_LARGE, Fault::Caller, "the session description is too long"));
    }
    Ok(())
}

fn not_joined() -> Failure {
    Failure::of(ErrorCode::MEDIA_NOT_JOINED, Fault::Caller, "join the media session first")
}

/// `media.signal`: passed on as it is, between two participants.
pub(crate) async fn signal(hub: &Hub, client: &Arc<Client>, signal: Signal) -> Result<Done, Failure> {
    if !client.held().media.contains(&signal.room_id) {
        return Err(not_joined());
    }
    if let PeerSignal::Offer { tracks, .. } = &signal.signal {
        check_tracks(tracks)?;
    }
    let signalled = Signalled { room_id: signal.room_id, from: client.id, signal: signal.signal };
    if let Some(other) = hub.client(signal.to) {
        if !other.held().media.contains(&signal.room_id) {
            return Err(not_there());
        }
        other.push(Frame::event(&Event::MediaSignal(signalled)));
        return Ok(Done {});
    }
    // Elsewhere: only somebody who is in the room can be reached.
    let room = hub.0.rooms.joined(client, Action::Media, signal.room_id)?;
    if !room.lock().room().is_elsewhere(signal.to) {
        return Err(not_there());
    }
    let node = node_of(hub, client, signal.to).await?;
    let news = NodeNews { to: signal.to, news: DeviceNews::Signal(signalled) };
    hub.bus().publish(&NodeTopic(node), &news).await.map_err(|error| bus_failed(&error))?;
    Ok(Done {})
}

fn not_there() -> Failure {
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, "there is no such participant")
}

async fn node_of(hub: &Hub, client: &Client, device: ConnectionId) -> Result<NodeId, Failure> {
    let online = AccountOnline(client.account);
    let devices = hub.bus().entries(&online).await.map_err(|error| bus_failed(&error))?;
    let key = device.to_string();
    devices
        .into_iter()
        .find(|(device, _)| *device == key)
        .map(|(_, device)| device.node)
        .ok_or_else(not_there)
}

/// The connection is gone, and with it the participant; but the seat of somebody who talks in a call is kept for as
/// long as they may come back.
pub(crate) async fn part(hub: &Hub, client: &Arc<Client>) {
    if !client.held().calls.values().any(Part::is_talking) || hub.is_draining() {
        return lose_connection(hub, client).await;
    }
    let (work, client) = (hub.clone(), Arc::clone(client));
    hub.0.parted.insert(client.id, Arc::clone(&client));
    hub.spawn(async move {
        sleep(GRACE_TIME).await;
        work.0.parted.remove(&client.id);
        lose_connection(&work, &client).await;
    });
}

/// The connection, or what let it take part, is gone, and with it the participant.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let sessions = std::mem::take(&mut client.held().media);
    for room in sessions {
        if let Err(failure) = tell_left(hub, client, room).await {
            warn!(room.id = %room, conn.id = %client.id, message = failure.message, "The media session of {room} was not told that {} left", client.id);
        }
    }
}

/// The client goes by another token. A media node holds participants to the rights that they came with: who has lost
/// one leaves the sessions, and may come back with what is left.
pub(crate) async fn recheck(hub: &Hub, client: &Arc<Client>, before: &Access) {
    let (was, is) = (visitor(before).media_rights(), visitor(&client.access()).media_rights());
    let MediaRights { send, receive, data } = was;
    if (send && !is.send) || (receive && !is.receive) || (data && !is.data) {
        lose_connection(hub, client).await;
    }
}

/// Those of these seats in which no connection of this instance sits any more. Its session may not have been
/// told, or not have heard it.
pub(crate) fn left(hub: &Hub, seats: Vec<Seated>) -> Vec<Seated> {
    let sits = |seat: &Seated| {
        let client = hub.client(seat.connection);
        let client = client.or_else(|| hub.0.parted.get(&seat.connection).map(|client| Arc::clone(&client)));
        client.is_some_and(|client| client.held().media.contains(&seat.room))
    };
    seats.into_iter().filter(|seat| !sits(seat)).collect()
}

/// After the bus was away: everybody here learns the state, and participants
/// the offer that they may have missed.
pub(crate) async fn sync(hub: &Hub, room: &LiveRoom) {
    let mut participants = room.clients();
    participants.retain(|client| client.held().media.contains(&room.id));
    for client in participants {
        let sync = MediaAction::Sync { connection: client.id };
        if let Ok(Some(MediaReply::State { state, offer })) =
            ask(hub, room.account, room.id, sync, false).await
        {
            client.push(Frame::event(&Event::MediaChanged(Changed { room_id: room.id, state })));
            if let Some(offer) = offer {
                client.push(Frame::event(&Event::MediaOffer(offer)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
