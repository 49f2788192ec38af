//! Rooms: the methods of `room.*`, and the rooms that somebody on this instance is in.

mod follow;
mod join;
pub(crate) mod live;
mod slots;
mod watch;

pub(crate) use join::join;
pub(crate) use watch::watch;

use crate::{
    client::{Access, Client, forbidden},
    hub::{Hub, frame, not_found, published, store_failed},
    media, standing,
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, RoomId},
    permission::Permission,
    protocol::{
        Done, Event, Failure,
        page::{self, PAGE_BYTES_MAX},
        room::{
            History, MESSAGES_MAX, Members, MessagePosted, ReadHistory, ReadMembers, RemovalReason, Removed,
            Send, Sent, SetTyping, TEXT_BYTES_MAX, TypingChanged,
        },
    },
    subject::hub::{RoomNews, RoomTopic},
    text::{self, TextError},
};
use dashmap::DashMap;
use futures_util::future::join_all;
use live::LiveRoom;
use signalling_core::roster::Change;
use slots::Slots;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{
    TenantTx,
    rooms::{self, NewRoomMessage, Room},
};
use tokio::sync::OnceCell;
use tracing::warn;

/// Messages in `room.history` unless asked otherwise.
const HISTORY_DEFAULT: u16 = 50;

/// The rooms that somebody on this instance is in.
#[derive(Default)]
pub(crate) struct Rooms {
    live: DashMap<RoomId, Arc<OnceCell<Arc<LiveRoom>>>>,
    /// How often somebody was to be taken out of a room: who was let in by what the store said before
    /// must be looked at again.
    removals: AtomicU64,
    slots: Slots,
}

impl Rooms {
    pub(crate) fn get(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        self.live.get(&id)?.get().cloned()
    }

    /// All of them, each with its account.
    pub(crate) fn followed(&self) -> Vec<(AccountId, RoomId)> {
        let rooms = self.live.iter().filter_map(|cell| cell.get().map(|room| (room.account, room.id)));
        rooms.collect()
    }

    /// Stops following a room that nobody here is in, whether somebody was or only meant to be.
    fn close_if_empty(&self, id: RoomId) {
        // Lock order: the map, then the room.
        self.live.remove_if(&id, |_, cell| match cell.get() {
            Some(room) => room.close_if_empty(),
            // Who is about to open it has it in hand.
            None => Arc::strong_count(cell) == 1,
        });
    }
}

/// The store has messages of a room up to number `seq`: what this instance has not heard of is read there.
pub(crate) fn lag(hub: &Hub, id: RoomId, seq: u64) {
    if let Some(room) = hub.0.rooms.get(id)
        && room.state().sequence.lags(seq)
    {
        room.gap.notify_one();
    }
}

fn outside() -> Failure {
    Failure::of(ErrorCode::NOT_IN_ROOM, Fault::Caller, "join the room first")
}

/// The room, if the caller has joined it.
pub(crate) fn joined(hub: &Hub, client: &Client, id: RoomId) -> Result<Arc<LiveRoom>, Failure> {
    let room = hub.0.rooms.get(id).ok_or_else(outside)?;
    if room.state().sequence.reader(client.id).is_some() { Ok(room) } else { Err(outside()) }
}

/// The room, if the caller may enter or read it. To who may not, it does not exist.
async fn admit(tx: &mut TenantTx, client: &Client, id: RoomId) -> Result<Room, Failure> {
    let failed = |error| store_failed(&error);
    let room = rooms::find(tx, id).await.map_err(failed)?.ok_or_else(|| not_found("room"))?;
    match client.access() {
        access @ Access::Person { .. } => {
            access.require(Permission::RoomsRead)?;
            if room.is_private && !rooms::is_member(tx, id, client.user).await.map_err(failed)? {
                return Err(not_found("room"));
            }
        }
        Access::Guest { room: own, .. } if own != id => return Err(not_found("room")),
        Access::Guest { issued_at, .. } => {
            let removed = rooms::removed_at(tx, id, client.user).await.map_err(failed)?;
            if removed.is_some_and(|at| at >= issued_at) {
                return Err(forbidden("you were removed; a new token is needed"));
            }
        }
    }
    Ok(room)
}

fn closed() -> Failure {
    Failure::of(ErrorCode::ROOM_CLOSED, Fault::Caller, "the room is closed")
}

/// Tells everybody else in the room, here and elsewhere.
async fn tell_others(hub: &Hub, client: &Client, id: RoomId, event: Event) {
    if let Some(room) = hub.0.rooms.get(id) {
        room.push_except(&event, client.id);
    }
    let news = RoomNews { from: hub.bus().node(), event };
    published(hub.bus().publish(&RoomTopic(id), &news).await);
}

/// Tells everybody else in the room, here and elsewhere, who came or went here.
async fn tell_change(hub: &Hub, id: RoomId, change: Change) {
    let event = live::event_of(id, &change);
    if let Some(room) = hub.0.rooms.get(id) {
        room.changed(vec![change]);
    }
    let news = RoomNews { from: hub.bus().node(), event };
    published(hub.bus().publish(&RoomTopic(id), &news).await);
}

/// `room.leave`.
pub(crate) async fn leave(hub: &Hub, client: &Arc<Client>, id: RoomId) -> Result<Done, Failure> {
    joined(hub, client, id)?;
    media::leave(hub, client, id).await?;
    leave_room(hub, client, id).await;
    Ok(Done {})
}

/// Takes a client out of a room and tells the others.
async fn leave_room(hub: &Hub, client: &Arc<Client>, id: RoomId) {
    client.held().rooms.remove(&id);
    if let Some(room) = hub.0.rooms.get(id) {
        let gone = room.state().sequence.leave(client.id);
        drop(gone);
        hub.0.rooms.close_if_empty(id);
    }
    tell_change(hub, id, Change::Left(client.member())).await;
}

/// Takes those out of a room who are in it here and whom `is_meant` picks, and tells them why;
/// how many it were. A guest has nowhere else to be: the connection ends.
pub(crate) async fn remove(
    hub: &Hub,
    id: RoomId,
    reason: RemovalReason,
    is_meant: impl Fn(&Client) -> bool,
) -> u32 {
    hub.0.rooms.removals.fetch_add(1, Ordering::SeqCst);
    let Some(room) = hub.0.rooms.get(id) else { return 0 };
    let meant: Vec<Arc<Client>> = {
        let state = room.state();
        let here = state.sequence.readers().map(|(_, local)| &local.client);
        here.filter(|client| is_meant(client)).cloned().collect()
    };
    let removed = frame(&Event::RoomRemoved(Removed { room_id: id, reason }));
    for client in &meant {
        leave_room(hub, client, id).await;
        client.push(removed.clone());
    }
    // Afterwards: a media server may be slow to answer, or away.
    let leaving = meant.iter().map(async |client| {
        if let Err(failure) = media::leave(hub, client, id).await {
            warn!(room.id = %id, conn.id = %client.id, message = failure.message, "The media session of {id} was not told that {} was removed", client.id);
        }
        if client.access().is_guest() {
            client.ended.cancel();
        }
    });
    join_all(leaving).await;
    u32::try_from(meant.len()).unwrap_or(u32::MAX)
}

/// The connection is gone, and with it the device from all rooms.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let rooms = std::mem::take(&mut client.held().rooms);
    for id in rooms {
        leave_room(hub, client, id).await;
    }
}

fn unsaid(error: TextError) -> Failure {
    let code = match error {
        TextError::TooLong => ErrorCode::TOO_LARGE,
        TextError::Empty | TextError::Control => ErrorCode::INVALID_BODY,
    };
    Failure::of(code, Fault::Caller, error.to_string())
}

/// `room.send`: stored, then told.
pub(crate) async fn send(hub: &Hub, client: &Arc<Client>, send: &Send) -> Result<Sent, Failure> {
    let room = joined(hub, client, send.room_id)?;
    let text = text::checked_text(&send.text, TEXT_BYTES_MAX).map_err(unsaid)?;
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, client).await?;
    // Whoever was removed is in the room until this instance has heard of it.
    let unwelcome =
        rooms::unwelcome(&mut tx, &[watch::visitor(client, send.room_id)]).await.map_err(failed)?;
    match unwelcome.first() {
        Some((_, RemovalReason::Closed)) => return Err(closed()),
        Some((_, RemovalReason::Removed | RemovalReason::Deleted)) => return Err(outside()),
        None => {}
    }
    let new = NewRoomMessage {
        room: send.room_id,
        user: client.user,
        name: &client.name,
        client_id: send.client_id,
        text,
    };
    let sent = rooms::send(&mut tx, &new, hub.clock()).await.map_err(failed)?.ok_or_else(closed)?;
    tx.commit().await.map_err(failed)?;
    // Also when it was stored before: that time it may not have been told.
    room.arrive(&sent.message);
    let posted = MessagePosted { room_id: send.room_id, message: sent.message.clone() };
    let news = RoomNews { from: hub.bus().node(), event: Event::RoomMessage(posted) };
    published(hub.bus().publish(&RoomTopic(send.room_id), &news).await);
    Ok(Sent { message: sent.message })
}

/// `room.typing`.
pub(crate) async fn typing(hub: &Hub, client: &Arc<Client>, typing: &SetTyping) -> Result<Done, Failure> {
    joined(hub, client, typing.room_id)?;
    let changed = TypingChanged {
        room_id: typing.room_id,
        connection_id: client.id,
        user_id: client.user,
        typing: typing.typing,
    };
    tell_others(hub, client, typing.room_id, Event::RoomTyping(changed)).await;
    Ok(Done {})
}

/// `room.history`.
pub(crate) async fn history(hub: &Hub, client: &Arc<Client>, read: &ReadHistory) -> Result<History, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(client.account).await.map_err(failed)?;
    admit(&mut tx, client, read.room_id).await?;
    let limit = read.limit.unwrap_or(HISTORY_DEFAULT).clamp(1, MESSAGES_MAX);
    // One more, to know whether there is one.
    let messages = match read.before {
        Some(before) => rooms::before(&mut tx, read.room_id, before, limit + 1).await,
        None => rooms::latest(&mut tx, read.room_id, limit + 1).await,
    };
    let (messages, more) = page::last(messages.map_err(failed)?, limit.into(), PAGE_BYTES_MAX);
    Ok(History { messages, more })
}

/// `room.members`.
pub(crate) fn members(hub: &Hub, client: &Arc<Client>, read: &ReadMembers) -> Result<Members, Failure> {
    let room = joined(hub, client, read.room_id)?;
    let state = room.state();
    let (members, more) = state.members_after(read.after);
    Ok(Members { members, member_count: state.count(), more })
}

#[cfg(test)]
mod tests;
