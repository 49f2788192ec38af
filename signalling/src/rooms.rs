//! Rooms: the methods of `room.*`, and the rooms that somebody on this instance is in.
//!
//! [`live`] is what is open here; its core decides. [`admit`](mod@admit) says who may enter, [`join`](mod@join) lets them in,
//! [`remove`](mod@remove) is how they leave. [`follow`] is the other side: the bus, the store and the media servers.
//! [`watch`](mod@watch) takes those out who may not stay.

pub(crate) mod admit;
mod follow;
mod join;
pub(crate) mod live;
mod remove;
mod slots;
mod watch;

pub(crate) use join::join;
pub(crate) use remove::{leave, lose_connection, remove};
pub(crate) use watch::{recheck, review, watch};

use crate::{
    client::Client,
    failure::{published, store_failed},
    hub::Hub,
    standing,
};
use admit::{admit, hold, refused};
use common::{
    error::{ErrorCode, Fault},
    id::RoomId,
    protocol::{
        Done, Failure,
        page::{self, PAGE_BYTES_MAX},
        room::{
            History, MESSAGES_MAX, Members, ReadHistory, ReadMembers, RoomMessage, Send, Sent, SetTyping,
            TEXT_BYTES_MAX, TypingChanged,
        },
    },
    subject::hub::{RoomNews, RoomTopic},
    text::{self, TextError},
};
use signalling_core::admission::{Action, Refusal};
use std::sync::Arc;
use store::rooms::{self, NewRoomMessage};

/// Messages in `room.history` unless asked otherwise.
const HISTORY_DEFAULT: u16 = 50;

fn unsaid(error: TextError) -> Failure {
    let code = match error {
        TextError::TooLong => ErrorCode::TOO_LARGE,
        TextError::Empty | TextError::Control => ErrorCode::INVALID_BODY,
    };
    Failure::of(code, Fault::Caller, error.to_string())
}

/// `room.send`: stored, then told.
pub(crate) async fn send(hub: &Hub, client: &Arc<Client>, send: &Send) -> Result<Sent, Failure> {
    let room = hub.0.rooms.joined(client, Action::Send, send.room_id)?;
    let text = text::checked_text(&send.text, TEXT_BYTES_MAX).map_err(unsaid)?;
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, client).await?;
    // Whoever was removed is in the room until this instance has heard of it.
    hold(&mut tx, client, Action::Send, send.room_id).await?;
    let new = NewRoomMessage {
        room: send.room_id,
        user: client.user,
        name: &client.name,
        client_id: send.client_id,
        text,
    };
    let sent = rooms::send(&mut tx, &new, hub.clock()).await.map_err(failed)?;
    let sent = sent.ok_or_else(|| refused(Refusal::Closed))?;
    tx.commit().await.map_err(failed)?;
    // Also when it was stored before: that time it may not have been told.
    let is_closed = room.act(|room, _, effects| {
        room.post(&sent.message, effects);
        room.is_closed()
    });
    if is_closed {
        tell_anyway(hub, send.room_id, &sent.message);
    }
    Ok(Sent { message: sent.message })
}

/// The last one here has left while the message was stored: this room tells nobody any more.
fn tell_anyway(hub: &Hub, id: RoomId, message: &RoomMessage) {
    let news = RoomNews::Posted(message.clone());
    if let Some(room) = hub.0.rooms.get(id) {
        let news = news.clone();
        room.act(|room, now, effects| room.handle_news(news, now, effects));
    }
    let bus = hub.bus().clone();
    hub.finish(async move { published(bus.publish_to_others(&RoomTopic(id), &[news]).await) });
}

/// `room.typing`.
pub(crate) fn typing(hub: &Hub, client: &Client, typing: &SetTyping) -> Result<Done, Failure> {
    let room = hub.0.rooms.joined(client, Action::Type, typing.room_id)?;
    let changed = TypingChanged {
        room_id: typing.room_id,
        connection_id: client.id,
        user_id: client.user,
        typing: typing.typing,
    };
    room.act(|room, _, effects| room.set_typing(changed, effects));
    Ok(Done {})
}

/// `room.history`.
pub(crate) async fn history(hub: &Hub, client: &Arc<Client>, read: &ReadHistory) -> Result<History, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(client.account).await.map_err(failed)?;
    admit(&mut tx, client, Action::ReadMessages, read.room_id).await?;
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
    let room = hub.0.rooms.joined(client, Action::ReadMembers, read.room_id)?;
    let locked = room.lock();
    let (members, more) = locked.room().members_after(read.after);
    Ok(Members { members, member_count: locked.room().count(), more })
}

#[cfg(test)]
mod tests;
