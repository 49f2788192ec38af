//! Rooms without a row: `room.join` of them; and `room.publish`, in them and in rooms with one.
//!
//! What a recent room keeps is on the bus ([`bus::Recalled`]): in Redis if there are several instances, else in this
//! process. While Redis is away nothing can be published in a recent room, since nobody could promise that others will hear
//! of it; what goes on in ephemeral rooms goes on within each instance.

use super::{
    admit::admit,
    join::{live_room, look, present},
    live::{LiveRoom, LocalMember, Locked},
    named::Entering,
};
use crate::{
    client::Client,
    failure::{bus_failed, not_found, published},
    finally::Finally,
    hub::Hub,
};
use bus::{BusError, HistoryLimits, Place, Presence};
use common::{
    error::{ErrorCode, Fault},
    protocol::{
        Failure, RequestId, media,
        page::encoded_len,
        room::{
            EVENT_DATA_BYTES_MAX, EVENT_NAME_CHARS_MAX, Join, Joined, KeptEvent, Placed, Publish, Published,
            Publisher, RoomClass,
        },
    },
    subject::hub::{RoomHistory, RoomNews, RoomTopic},
};
use signalling_core::{
    admission::Action,
    replay::ROOM_BYTES_MAX,
    room::{Recalled, Refused},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How often somebody is let in anew whom something came in between, and how long is waited each time.
const TRIES: u32 = 50;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// What a recent room keeps.
pub(super) fn limits(hub: &Hub) -> HistoryLimits {
    let config = &hub.0.config;
    HistoryLimits {
        entries: config.recent_events_max,
        bytes: ROOM_BYTES_MAX,
        age: Duration::from_secs(config.recent_s),
    }
}

/// What a recent room has kept after a place, or all of it if that is not known any more.
pub(super) async fn recall(hub: &Hub, room: RoomHistory, after: Option<Place>) -> Result<Recalled, BusError> {
    let bus::Recalled { head, entries } = hub.bus().recall(&room, after, limits(hub)).await?;
    let events = entries.into_iter().map(|(seq, event)| KeptEvent { seq, ..event });
    Ok(Recalled { epoch: head.epoch, seq: head.seq, events: events.collect() })
}

/// `room.join` of a room without a row. Answers by itself, under the room's lock.
pub(super) async fn join(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    entering: &Entering,
    join: &Join,
) -> Result<(), Failure> {
    let media = look(hub, client, entering.id).await;
    let _not_left_open = Finally(|| hub.0.rooms.live.close_if_empty(entering.id));
    let mut presence = None;
    for _ in 0..TRIES {
        let removals = hub.0.rooms.removals();
        let room = live_room(hub, client, entering.id, entering.class).await?;
        if !entering.may_open && room.lock().room().count() == 0 {
            return Err(not_found("room"));
        }
        if presence.is_none() && !room.has(client.id) {
            presence = Some(present(hub, client, entering.id).await?);
        }
        let read = match entering.class {
            RoomClass::Recent => recall(hub, RoomHistory(entering.id), place(join)).await.ok(),
            RoomClass::Ephemeral | RoomClass::Durable => None,
        };
        let entered = {
            let mut locked = room.lock();
            // Else somebody was taken out meanwhile; this one, perhaps.
            let entered = if removals == hub.0.rooms.removals() {
                enter(&mut locked, client, read.as_ref(), &mut presence)
            } else {
                Err(Refused::Behind)
            };
            if entered.is_ok() {
                client.answer(id, &Ok(answer(&locked, entering, join, read, media.clone())));
                client.held().rooms.insert(entering.id);
            }
            entered
        };
        match entered {
            Ok(()) => return Ok(()),
            Err(Refused::Closed) => {}
            Err(Refused::Behind) => sleep(TRY_AGAIN).await,
        }
    }
    Err(Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the room changes too fast; try again"))
}

fn place(join: &Join) -> Option<Place> {
    Some(Place { epoch: join.epoch.clone()?, seq: join.after? })
}

fn enter(
    locked: &mut Locked<'_>,
    client: &Arc<Client>,
    read: Option<&Recalled>,
    presence: &mut Option<Presence>,
) -> Result<(), Refused> {
    locked.act(|room, now, effects| {
        room.agree(read.map(|read| read.epoch.as_str()), effects)?;
        let seen = read.map_or_else(|| room.seq().unwrap_or(0), |read| read.seq);
        let member = |kept: Option<LocalMember>| LocalMember {
            client: Arc::clone(client),
            presence: kept.and_then(|local| local.presence).or_else(|| presence.take()),
        };
        room.join(client.id, seen, member, now, effects)
    })
}

fn answer(
    locked: &Locked<'_>,
    entering: &Entering,
    join: &Join,
    read: Option<Recalled>,
    media: Option<media::State>,
) -> Joined {
    let room = locked.room();
    let continues = |read: &Recalled| match place(join) {
        Some(after) => read.continues(Some(&after.epoch), after.seq),
        None => join.after.is_none(),
    };
    let recovered = match entering.class {
        RoomClass::Recent => read.as_ref().is_some_and(continues),
        RoomClass::Ephemeral | RoomClass::Durable => true,
    };
    let (members, _more) = room.members_after(None);
    let name = entering.name.as_ref().map(ToString::to_string).unwrap_or_default();
    Joined {
        room_id: entering.id,
        name,
        class: entering.class,
        members,
        member_count: room.count(),
        messages: Vec::new(),
        changed: Vec::new(),
        seq: read.as_ref().map_or_else(|| room.seq().unwrap_or(0), |read| read.seq),
        epoch: room.epoch().map(str::to_owned),
        events: read.map(|read| read.events).unwrap_or_default(),
        more: false,
        recovered,
        media,
        read: None,
    }
}

/// `room.publish`.
pub(crate) async fn publish(hub: &Hub, client: &Client, publish: Publish) -> Result<Placed, Failure> {
    let room = hub.0.rooms.joined(client, Action::Send, publish.room_id)?;
    let Publish { room_id, name, data } = publish;
    check(&name, &data)?;
    let from = Publisher { connection_id: client.id, user_id: client.user, name: client.name.clone() };
    if room.class == RoomClass::Recent {
        return keep(hub, &room, KeptEvent { seq: 0, name, data, from }).await;
    }
    if room.class == RoomClass::Durable {
        // Of a room with a row the store says who is muted in it.
        admit(hub, client, Action::Send, room_id).await?;
    }
    let event = Published { room_id, name, data, from: Some(from), seq: None, epoch: None };
    room.act(|room, _, effects| room.publish(event, client.id, effects));
    Ok(Placed { seq: None, epoch: None })
}

fn check(name: &str, data: &serde_json::Value) -> Result<(), Failure> {
    if !(1..=EVENT_NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let why = "the name of an event has 1 to 64 characters, and no control characters";
        return Err(Failure::of(ErrorCode::INVALID_BODY, Fault::Caller, why));
    }
    if encoded_len(data) > EVENT_DATA_BYTES_MAX {
        return Err(Failure::of(ErrorCode::TOO_LARGE, Fault::Caller, "data is longer than 16 KiB"));
    }
    Ok(())
}

/// Has an event kept, and then told.
async fn keep(hub: &Hub, room: &LiveRoom, event: KeptEvent) -> Result<Placed, Failure> {
    let history = RoomHistory(room.id);
    let Place { epoch, seq } = match hub.bus().append(&history, &event, limits(hub)).await {
        Ok(place) => place,
        Err(error) => {
            // It may have been kept all the same, and nobody has said so.
            room.act(|room, _, effects| room.handle_unkept(effects));
            return Err(bus_failed(&error));
        }
    };
    let event = KeptEvent { seq, ..event };
    let placed = Placed { seq: Some(seq), epoch: Some(epoch.clone()) };
    let news = RoomNews::Kept { epoch: epoch.clone(), event: event.clone() };
    let is_closed = room.act(|room, _, effects| {
        room.keep(epoch, event, effects);
        room.is_closed()
    });
    if is_closed {
        // The last one here has left meanwhile: this room tells nobody any more.
        published(hub.bus().publish_to_others(&RoomTopic(room.id), &[news]).await);
    }
    Ok(placed)
}
