//! Rooms: the methods of `room.*`, and the rooms that somebody on this instance is in.
//!
//! [`live`] is what is open here; its core decides. [`named`] says which room a name means, [`kept`] is about those that
//! have no row in the store. [`admit`](mod@admit) asks who may do what, [`join`](mod@join) lets
//! them in, [`post`] stores what they say and [`change`] what becomes of it, which until then is [`waiting`] and is then
//! stored as a [`group`]. [`read`](mod@read) notes how far they have read. [`remove`](mod@remove) is how they leave.
//! [`follow`] is the other side: the bus, the store and the media servers. [`watch`](mod@watch) takes those out who may
//! not stay.

pub(crate) mod admit;
mod change;
mod follow;
mod group;
mod join;
mod kept;
pub(crate) mod live;
pub(crate) mod named;
mod post;
mod read;
mod remove;
mod slots;
pub(crate) mod waiting;
mod watch;

pub(crate) use change::{delete, edit, react};
pub(crate) use join::join;
pub(crate) use kept::publish;
pub(crate) use post::send;
pub(crate) use read::read;
pub(crate) use remove::{leave, lose_connection, remove};
pub(crate) use watch::{recheck, review, watch};

use crate::{client::Client, failure::store_failed, hub::Hub};
use admit::admit;
use common::{
    id::RoomId,
    protocol::{
        Done, Failure, RequestId,
        page::{self, PAGE_BYTES_MAX},
        room::{History, MESSAGES_MAX, Members, ReadHistory, ReadMembers, SetTyping, TypingChanged},
    },
};
use signalling_core::admission::Action;
use std::sync::Arc;
use store::rooms;

/// Messages in `room.history` unless asked otherwise.
const HISTORY_DEFAULT: u16 = 50;

/// `room.typing`.
pub(crate) fn typing(hub: &Hub, client: &Client, typing: &SetTyping) -> Result<Done, Failure> {
    let room = hub.0.rooms.joined(client, Action::Type, typing.room_id)?;
    let changed = TypingChanged {
        room_id: typing.room_id,
        connection_id: client.id,
        user_id: client.user,
        typing: typing.typing,
    };
    room.act(|room, now, effects| room.set_typing(changed, now, effects));
    Ok(Done {})
}

/// `room.history`.
pub(crate) async fn history(hub: &Hub, client: &Arc<Client>, read: &ReadHistory) -> Result<History, Failure> {
    let failed = |error| store_failed(&error);
    admit(hub, client, Action::ReadMessages, read.room_id).await?;
    let mut tx = hub.store().reading(client.account).await.map_err(failed)?;
    let limit = read.limit.unwrap_or(HISTORY_DEFAULT).clamp(1, MESSAGES_MAX);
    // One more, to know whether there is one.
    let messages = match read.before {
        Some(before) => rooms::before(&mut tx, read.room_id, before, limit + 1).await,
        None => rooms::latest(&mut tx, read.room_id, limit + 1).await,
    };
    let (messages, more) = page::last(messages.map_err(failed)?, limit.into(), PAGE_BYTES_MAX);
    Ok(History { messages, more })
}

/// `room.members`. Answers by itself, under the room's lock: what happens afterwards reaches the client after it.
pub(crate) fn members(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>, read: &ReadMembers) {
    let room = match hub.0.rooms.joined(client, Action::ReadMembers, read.room_id) {
        Ok(room) => room,
        Err(failure) => return client.answer::<()>(id, &Err(failure)),
    };
    room.act(|room, _, _| {
        let (members, more) =
            if read.follow { room.follow(client.id, read.after) } else { room.members_after(read.after) };
        client.answer(id, &Ok(Members { members, member_count: room.count(), more }));
    });
}

/// `room.unfollowMembers`.
pub(crate) fn unfollow_members(hub: &Hub, client: &Client, id: RoomId) -> Result<Done, Failure> {
    hub.0.rooms.here(client, id)?.act(|room, _, _| room.unfollow(client.id));
    Ok(Done {})
}

#[cfg(test)]
mod tests;
