//! `room.join`: into a room, or back into it with everything that was missed.

use super::{
    admit::admit,
    follow, kept,
    live::{LiveRoom, LocalMember},
    named::entering,
};
use crate::{
    client::Client,
    failure::{bus_failed, store_failed},
    finally::Finally,
    hub::Hub,
    media,
};
use bus::Presence;
use common::{
    error::{ErrorCode, Fault},
    guest::Right,
    id::RoomId,
    protocol::{
        Failure, RequestId, media as wire,
        page::{self, encoded_len},
        room::{Join, Joined, MESSAGES_MAX, RoomClass, Unread},
    },
    room::RoomEntry,
    subject::hub::{PresentMember, RoomMembers},
};
use signalling_core::{
    admission::Action,
    replay::{ROOM_BYTES_MAX, Replay, Replayed},
    room::Refused,
};
use std::sync::Arc;
use store::{
    TenantTx,
    rooms::{self, Room},
};

/// Messages for who joins without having seen any.
const LATEST: u16 = 50;

/// The longest state of a media session in an answer, in bytes of JSON: 100 participants with the longest names.
/// A longer one is told by the session's next change.
const MEDIA_BYTES_MAX: usize = 104 * 1024;

/// What the store knows that a joining client needs.
struct Snapshot {
    /// [`super::live::Rooms::removals`] before it was read.
    removals: u64,
    name: String,
    /// The number after which it was read; 0 if it has the latest messages.
    after: u64,
    replayed: Replayed<RoomEntry>,
    recovered: bool,
    read: Option<Unread>,
}

async fn snapshot(hub: &Hub, client: &Client, room: RoomId, join: &Join) -> Result<Snapshot, Failure> {
    let removals = hub.0.rooms.removals();
    let Room { name, last_seq: seq, .. } = admit(hub, client, Action::Enter, room).await?;
    let nothing = Replayed { items: Vec::new(), seq, more: false };
    if !client.access().has(Right::ReadMessages) {
        return Ok(Snapshot { removals, name, after: seq, replayed: nothing, recovered: true, read: None });
    }
    let missed = join.after.filter(|after| *after <= seq && seq - after <= u64::from(MESSAGES_MAX));
    let has_all = missed.unwrap_or(0) == seq;
    // Who comes back to where nothing happened, as most do when many come back at once, has nothing to read.
    let (replayed, read) = if has_all && !join.unread {
        (nothing, None)
    } else {
        read_up(hub, client, (room, join), missed, seq).await?
    };
    let recovered = missed.is_some() || join.after.is_none();
    Ok(Snapshot { removals, name, after: missed.unwrap_or(0), replayed, recovered, read })
}

/// What the client has missed, or the latest, up to `seq` or further, and how far its user has read if it asks.
async fn read_up(
    hub: &Hub,
    client: &Client,
    (room, join): (RoomId, &Join),
    missed: Option<u64>,
    seq: u64,
) -> Result<(Replayed<RoomEntry>, Option<Unread>), Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(client.account).await.map_err(failed)?;
    let replayed = match missed {
        Some(after) => {
            let entries = rooms::after(&mut tx, room, after, MESSAGES_MAX).await.map_err(failed)?;
            let mut replay = Replay::new(after, usize::from(MESSAGES_MAX), ROOM_BYTES_MAX);
            entries.into_iter().all(|entry| replay.push(entry));
            replay.finish(seq)
        }
        None => {
            let messages = rooms::latest(&mut tx, room, LATEST).await.map_err(failed)?;
            // A message stored between the two reads is in the second only.
            let seq = messages.last().map_or(seq, |message| message.seq.max(seq));
            let (items, _older) = page::last(messages, usize::from(LATEST), ROOM_BYTES_MAX);
            Replayed { items: items.into_iter().map(Into::into).collect(), seq, more: false }
        }
    };
    let read = if join.unread { Some(unread(&mut tx, client, room).await?) } else { None };
    Ok((replayed, read))
}

/// How far the client's user has read.
async fn unread(tx: &mut TenantTx, client: &Client, room: RoomId) -> Result<Unread, Failure> {
    let found = rooms::unread(tx, client.user, &[room]).await.map_err(|error| store_failed(&error))?;
    Ok(found.get(&room).copied().unwrap_or(Unread { seq: 0, unread: 0, mentions: 0 }))
}

impl Snapshot {
    fn answer(self, room_id: RoomId) -> Joined {
        let Self { name, after, replayed, recovered, read, .. } = self;
        let (seq, more) = (replayed.seq, replayed.more);
        let (messages, changed) = replayed.into_messages(after);
        Joined {
            room_id,
            name,
            class: RoomClass::Durable,
            members: Vec::new(),
            member_count: 0,
            messages,
            changed,
            events: Vec::new(),
            seq,
            epoch: None,
            more,
            recovered,
            media: None,
            read,
        }
    }
}

/// Answers by itself, under the room's lock: whatever happens after the snapshot
/// reaches the client after the answer.
pub(crate) async fn join(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>, join: &Join) {
    if let Err(failure) = try_join(hub, client, id, join).await {
        client.answer::<()>(id, &Err(failure));
    }
}

async fn try_join(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    join: &Join,
) -> Result<(), Failure> {
    let entering = entering(hub, client, join).await?;
    if entering.class != RoomClass::Durable {
        return kept::join(hub, client, id, &entering, join).await;
    }
    let room_id = entering.id;
    let mut snapshot = snapshot(hub, client, room_id, join).await?;
    if snapshot.replayed.more {
        client.answer(id, &Ok(snapshot.answer(room_id)));
        return Ok(());
    }
    let media = look(hub, client, room_id).await;
    let _not_left_open = Finally(|| hub.0.rooms.live.close_if_empty(room_id));
    let mut presence = None;
    loop {
        let room = live_room(hub, client, room_id, RoomClass::Durable).await?;
        if presence.is_none() && !room.has(client.id) {
            presence = Some(present(hub, client, room_id).await?);
        }
        match enter(hub, client, id, &room, snapshot, media.as_ref(), &mut presence) {
            Ok(()) => return Ok(()),
            Err((Refused::Closed, kept)) => snapshot = kept,
            // Whoever is in the room already stays in it until it was read again.
            Err((Refused::Behind, _)) => {
                snapshot = self::snapshot(hub, client, room_id, join).await?;
                if snapshot.replayed.more {
                    client.answer(id, &Ok(snapshot.answer(room_id)));
                    return Ok(());
                }
            }
        }
    }
}

/// Lets the client in and answers, if what was read is still so; else gives it back.
fn enter(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    room: &LiveRoom,
    snapshot: Snapshot,
    media: Option<&wire::State>,
    presence: &mut Option<Presence>,
) -> Result<(), (Refused, Snapshot)> {
    let mut locked = room.lock();
    if snapshot.removals != hub.0.rooms.removals() {
        // Somebody was taken out between reading and joining; this one, perhaps.
        return Err((Refused::Behind, snapshot));
    }
    let seen = snapshot.replayed.seq;
    // Who joins again keeps the entry that there is.
    let member = |kept: Option<LocalMember>| LocalMember {
        client: Arc::clone(client),
        presence: kept.and_then(|local| local.presence).or_else(|| presence.take()),
    };
    if let Err(refused) = locked.act(|room, now, effects| room.join(client.id, seen, member, now, effects)) {
        return Err((refused, snapshot));
    }
    let (members, _more) = locked.room().members_after(None);
    let member_count = locked.room().count();
    let answer = snapshot.answer(room.id);
    client.answer(id, &Ok(Joined { members, member_count, media: media.cloned(), ..answer }));
    // Under the lock: whoever takes this one out of the room finds both.
    client.held().rooms.insert(room.id);
    Ok(())
}

/// Tells other instances that this one has the device.
pub(super) async fn present(hub: &Hub, client: &Client, room: RoomId) -> Result<Presence, Failure> {
    let entry = PresentMember { member: client.member(), node: hub.bus().node() };
    let entry = hub.bus().present(&RoomMembers(room), &client.id.to_string(), &entry).await;
    entry.map_err(|error| bus_failed(&error))
}

pub(super) async fn look(hub: &Hub, client: &Client, room: RoomId) -> Option<wire::State> {
    media::look(hub, client.account, room).await.filter(|state| encoded_len(state) <= MEDIA_BYTES_MAX)
}

/// The live room, opened if nobody on this instance is in it yet.
pub(super) async fn live_room(
    hub: &Hub,
    client: &Client,
    id: RoomId,
    class: RoomClass,
) -> Result<Arc<LiveRoom>, Failure> {
    let open = async || {
        let slot = hub.0.rooms.slots.take(client.account, hub.0.config.rooms_per_account_max);
        let slot = slot.ok_or_else(|| {
            metrics::counter!("hub_refused_total", "limit" => "rooms_per_account").increment(1);
            too_many("the account has people in too many rooms")
        })?;
        follow::open(hub, client.account, (id, class), slot).await.map_err(|error| bus_failed(&error))
    };
    let room = hub.0.rooms.live.open(id, open).await?;
    if let Some(until) = hub.0.doubt.until(hub.clock().now()) {
        room.act(|room, now, _| room.doubt_until(until, now));
    }
    Ok(room)
}

fn too_many(why: &'static str) -> Failure {
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, why)
}
