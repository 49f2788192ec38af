//! `room.read`: how far somebody has read, stored and told.
//!
//! Everybody in a room reads what was said at about the same time, so it is stored [together](crate::asking).

use super::live::LiveRoom;
use crate::{
    asking::{self, Kind},
    client::Client,
    failure::store_failed,
    hub::Hub,
    room_list,
};
use common::{
    id::{AccountId, RoomId, UserId},
    protocol::{
        Failure, RequestId,
        room::{Read, ReadPosition},
    },
};
use signalling_core::admission::Action;
use std::{collections::BTreeMap, sync::Arc};
use store::rooms::{self, Position};

/// `room.read`. Answered before the connection's next request is begun, which may want to see it.
pub(crate) async fn read(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, read: &Read) {
    let outcome = try_read(hub, client, read).await.map(|seq| ReadPosition { seq });
    client.answer(id.as_ref(), &outcome);
}

async fn try_read(hub: &Hub, client: &Client, read: &Read) -> Result<u64, Failure> {
    let room = hub.0.rooms.joined_durable(client, Action::ReadMessages, read.room_id)?;
    let position = Position { room: room.id, user: client.user, seq: read.seq };
    let kind = Kind { waiting: |hub| &hub.0.reads, ask_all: store };
    asking::ask(hub, kind, client.account, (room, position)).await
}

/// Stores how far each has read, has those told whom it concerns, and says how far that is now.
async fn store(
    hub: Hub,
    account: AccountId,
    readings: Vec<(Arc<LiveRoom>, Position)>,
) -> Result<Vec<u64>, Failure> {
    let failed = |error| store_failed(&error);
    let said: Vec<Position> = readings.iter().map(|(_, position)| *position).collect();
    let mut tx = hub.store().tenant(account).await.map_err(failed)?;
    let read = rooms::read_to(&mut tx, &said).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    room_list::read(&hub, account, &read.moved);
    for Position { room: id, user, seq } in &read.moved {
        if let Some((room, _)) = readings.iter().find(|(room, _)| room.id == *id) {
            room.act(|room, _, effects| room.read(*user, *seq, effects));
        }
    }
    let all = read.moved.into_iter().chain(read.unmoved);
    let now: BTreeMap<(RoomId, UserId), u64> =
        all.map(|position| ((position.room, position.user), position.seq)).collect();
    let seq = |said: &Position| now.get(&(said.room, said.user)).copied().unwrap_or(said.seq);
    Ok(said.iter().map(seq).collect())
}

#[cfg(test)]
mod tests;
