//! Rooms: the methods of `room.*`, and the rooms that somebody on this instance is in.

mod follow;
pub(crate) mod live;

use crate::{
    hub::{Hub, bus_failed, frame, not_found, published, store_failed},
    media,
    peer::{Access, Peer, forbidden},
    standing,
};
use common::{
    error::{ErrorCode, Fault},
    guest::Right,
    id::RoomId,
    permission::Permission,
    protocol::{
        Done, Event, Failure, RequestId,
        room::{
            History, Join, Joined, MESSAGES_MAX, MemberJoined, MemberLeft, MessagePosted, ReadHistory,
            RemovalReason, Removed, RoomMessage, Send, Sent, SetTyping, TEXT_BYTES_MAX, TypingChanged,
        },
    },
    subject::hub::{RoomMembers, RoomNews, RoomTopic},
};
use dashmap::DashMap;
use live::{LiveRoom, LocalMember};
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
}

impl Rooms {
    pub(crate) fn get(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        self.live.get(&id)?.get().cloned()
    }
}

/// The room, if the caller has joined it.
pub(crate) fn joined(hub: &Hub, peer: &Peer, id: RoomId) -> Result<Arc<LiveRoom>, Failure> {
    let outside = || Failure::of(ErrorCode::NOT_IN_ROOM, Fault::Caller, "join the room first");
    let room = hub.0.rooms.get(id).ok_or_else(outside)?;
    if room.state().feed.reader(peer.id).is_some() { Ok(room) } else { Err(outside()) }
}

/// The room, if the caller may enter or read it. To who may not, it does not exist.
async fn admit(tx: &mut TenantTx, peer: &Peer, id: RoomId) -> Result<Room, Failure> {
    let failed = |error| store_failed(&error);
    let room = rooms::find(tx, id).await.map_err(failed)?.ok_or_else(|| not_found("room"))?;
    match peer.access() {
        access @ Access::Person { .. } => {
            access.require(Some(Permission::RoomsRead), None)?;
            if room.is_private && !rooms::is_member(tx, id, peer.user).await.map_err(failed)? {
                return Err(not_found("room"));
            }
        }
        Access::Guest { room: own, .. } if own != id => return Err(not_found("room")),
        Access::Guest { issued_at, .. } => {
            let removed = rooms::removed_at(tx, id, peer.user).await.map_err(failed)?;
            if removed.is_some_and(|at| at >= issued_at) {
                return Err(forbidden("you were shown the door; a new token is needed"));
            }
        }
    }
    Ok(room)
}

/// What the store knows that a joining client needs.
struct Snapshot {
    /// [`Rooms::removals`] before it was read.
    removals: u64,
    name: String,
    messages: Vec<RoomMessage>,
    seq: u64,
    recovered: bool,
}

async fn snapshot(hub: &Hub, peer: &Peer, join: &Join) -> Result<Snapshot, Failure> {
    let failed = |error| store_failed(&error);
    let removals = hub.0.rooms.removals.load(Ordering::SeqCst);
    let mut tx = hub.store().tenant(peer.account).await.map_err(failed)?;
    let room = admit(&mut tx, peer, join.room_id).await?;
    if room.closed_at.is_some() {
        return Err(closed());
    }
    if !peer.access().has(Right::ReadMessages) {
        let (name, seq) = (room.name, room.last_seq);
        return Ok(Snapshot { removals, name, messages: Vec::new(), seq, recovered: true });
    }
    let missed = match join.after {
        Some(after) if after <= room.last_seq && room.last_seq - after <= u64::from(MESSAGES_MAX) => {
            Some(after)
        }
        Some(_) | None => None,
    };
    let messages = match missed {
        Some(after) => rooms::after(&mut tx, join.room_id, after, MESSAGES_MAX).await,
        None => rooms::latest(&mut tx, join.room_id, HISTORY_DEFAULT).await,
    };
    let messages = messages.map_err(failed)?;
    // A message stored between the two reads is in the second only.
    let seq = messages.last().map_or(room.last_seq, |message| message.seq.max(room.last_seq));
    let recovered = missed.is_some() || join.after.is_none();
    Ok(Snapshot { removals, name: room.name, messages, seq, recovered })
}

fn closed() -> Failure {
    Failure::of(ErrorCode::ROOM_CLOSED, Fault::Caller, "the room is closed")
}

/// `room.join`. Answers by itself, under the room's lock: whatever happens after
/// the snapshot reaches the client after the answer.
pub(crate) async fn join(hub: &Hub, peer: &Arc<Peer>, id: Option<&RequestId>, join: &Join) {
    if let Err(failure) = try_join(hub, peer, id, join).await {
        peer.answer::<()>(id, &Err(failure));
    }
}

async fn try_join(hub: &Hub, peer: &Arc<Peer>, id: Option<&RequestId>, join: &Join) -> Result<(), Failure> {
    let mut snapshot = snapshot(hub, peer, join).await?;
    let media = media::look(hub, peer.account, join.room_id).await;
    let mut presence = None;
    loop {
        let room = live_room(hub, peer, join.room_id).await?;
        if presence.is_none() && room.state().feed.reader(peer.id).is_none() {
            let entry =
                hub.bus().present(&RoomMembers(join.room_id), &peer.id.to_string(), &peer.member()).await;
            presence = Some(entry.map_err(|error| bus_failed(&error))?);
        }
        {
            let mut state = room.state();
            if state.closed {
                continue;
            }
            // Else somebody may have been taken out between reading and joining: this one, perhaps.
            if snapshot.removals == hub.0.rooms.removals.load(Ordering::SeqCst) {
                // Who joins again keeps the entry that there is.
                let kept = state.feed.leave(peer.id).and_then(|local| local.presence);
                let member =
                    LocalMember { peer: Arc::clone(peer), presence: kept.or_else(|| presence.take()) };
                match state.feed.join(peer.id, snapshot.seq, member) {
                    Ok(()) => {
                        let Snapshot { name, messages, seq, recovered, .. } = snapshot;
                        let members = state.members();
                        let joined =
                            Joined { room_id: join.room_id, name, members, messages, seq, recovered, media };
                        peer.answer(id, &Ok(joined));
                        break;
                    }
                    // Something was said between reading and joining.
                    Err(member) => presence = member.presence,
                }
            }
        }
        snapshot = self::snapshot(hub, peer, join).await?;
    }
    let is_new = peer.held().rooms.insert(join.room_id);
    if is_new {
        let joined = MemberJoined { room_id: join.room_id, member: peer.member() };
        tell(hub, peer, join.room_id, Event::RoomMemberJoined(joined)).await;
    }
    Ok(())
}

/// The live room, opened if nobody on this instance is in it yet.
async fn live_room(hub: &Hub, peer: &Peer, id: RoomId) -> Result<Arc<LiveRoom>, Failure> {
    let cell = Arc::clone(&hub.0.rooms.live.entry(id).or_default());
    let opened = cell.get_or_try_init(|| follow::open(hub, peer.account, id)).await;
    opened.cloned().map_err(|error| bus_failed(&error))
}

/// Tells everybody else in the room, here and elsewhere.
async fn tell(hub: &Hub, peer: &Peer, id: RoomId, event: Event) {
    if let Some(room) = hub.0.rooms.get(id) {
        room.push_except(&event, peer.id);
    }
    let news = RoomNews { from: hub.bus().node(), event };
    published(hub.bus().publish(&RoomTopic(id), &news).await);
}

/// `room.leave`.
pub(crate) async fn leave(hub: &Hub, peer: &Arc<Peer>, id: RoomId) -> Result<Done, Failure> {
    joined(hub, peer, id)?;
    media::leave(hub, peer, id).await?;
    go(hub, peer, id).await;
    Ok(Done {})
}

/// Takes a peer out of a room and tells the others.
async fn go(hub: &Hub, peer: &Arc<Peer>, id: RoomId) {
    peer.held().rooms.remove(&id);
    if let Some(room) = hub.0.rooms.get(id) {
        let gone = room.state().feed.leave(peer.id);
        drop(gone);
        // Lock order: the map, then the room.
        hub.0.rooms.live.remove_if(&id, |_, cell| cell.get().is_some_and(|room| room.close_if_empty()));
    }
    let left = MemberLeft { room_id: id, connection_id: peer.id, user_id: peer.user };
    tell(hub, peer, id, Event::RoomMemberLeft(left)).await;
}

/// Takes those out of a room who are in it here and whom `is_meant` picks, and tells them why;
/// how many it were. A guest has nowhere else to be: the connection ends.
pub(crate) async fn remove(
    hub: &Hub,
    id: RoomId,
    reason: RemovalReason,
    is_meant: impl Fn(&Peer) -> bool,
) -> u32 {
    hub.0.rooms.removals.fetch_add(1, Ordering::SeqCst);
    let Some(room) = hub.0.rooms.get(id) else { return 0 };
    let meant: Vec<Arc<Peer>> = {
        let state = room.state();
        let here = state.feed.readers().map(|(_, local)| &local.peer);
        here.filter(|peer| is_meant(peer)).cloned().collect()
    };
    let removed = frame(&Event::RoomRemoved(Removed { room_id: id, reason }));
    for peer in &meant {
        if let Err(failure) = media::leave(hub, peer, id).await {
            warn!(room.id = %id, conn.id = %peer.id, message = failure.message, "The media session of {id} was not told that {} was removed", peer.id);
        }
        go(hub, peer, id).await;
        peer.push(removed.clone());
        if peer.access().is_guest() {
            peer.ended.cancel();
        }
    }
    u32::try_from(meant.len()).unwrap_or(u32::MAX)
}

/// The connection is gone, and with it the device from all rooms.
pub(crate) async fn lose_connection(hub: &Hub, peer: &Arc<Peer>) {
    let rooms = std::mem::take(&mut peer.held().rooms);
    for id in rooms {
        go(hub, peer, id).await;
    }
}

/// `room.send`: stored, then told.
pub(crate) async fn send(hub: &Hub, peer: &Arc<Peer>, send: &Send) -> Result<Sent, Failure> {
    let room = joined(hub, peer, send.room_id)?;
    if send.text.len() > TEXT_BYTES_MAX {
        return Err(Failure::of(ErrorCode::TOO_LARGE, Fault::Caller, "the message is too long"));
    }
    if send.text.trim().is_empty() {
        return Err(Failure::of(ErrorCode::INVALID_BODY, Fault::Caller, "the message is empty"));
    }
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, peer).await?;
    let new = NewRoomMessage {
        room: send.room_id,
        user: peer.user,
        name: &peer.name,
        client_id: send.client_id,
        text: &send.text,
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
pub(crate) async fn typing(hub: &Hub, peer: &Arc<Peer>, typing: &SetTyping) -> Result<Done, Failure> {
    joined(hub, peer, typing.room_id)?;
    let changed = TypingChanged {
        room_id: typing.room_id,
        connection_id: peer.id,
        user_id: peer.user,
        typing: typing.typing,
    };
    tell(hub, peer, typing.room_id, Event::RoomTyping(changed)).await;
    Ok(Done {})
}

/// `room.history`.
pub(crate) async fn history(hub: &Hub, peer: &Arc<Peer>, read: &ReadHistory) -> Result<History, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(peer.account).await.map_err(failed)?;
    admit(&mut tx, peer, read.room_id).await?;
    let limit = read.limit.unwrap_or(HISTORY_DEFAULT).clamp(1, MESSAGES_MAX);
    let messages = match read.before {
        Some(before) => rooms::before(&mut tx, read.room_id, before, limit).await,
        None => rooms::latest(&mut tx, read.room_id, limit).await,
    };
    Ok(History { messages: messages.map_err(failed)? })
}
