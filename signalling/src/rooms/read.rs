//! `room.read`: how far somebody has read, stored and told.
//!
//! Everybody in a room reads what was said at about the same time. So what is read in an account gathers while what was
//! read before is stored, and takes one connection to the store, however many read.

use super::live::LiveRoom;
use crate::{client::Client, failure::store_failed, hub::Hub};
use common::{
    id::{AccountId, RoomId, UserId},
    protocol::{
        Failure, RequestId,
        room::{Read, ReadPosition},
    },
};
use dashmap::DashMap;
use signalling_core::admission::Action;
use std::{collections::BTreeMap, sync::Arc};
use store::rooms::{self, Position};
use tokio::sync::oneshot;

/// Positions that are stored together. Of a connection that says more before it has its answer the rest waits in its
/// lane.
const POSITIONS_AT_ONCE: usize = 512;

/// What waits to be stored, by account. Who has an entry has a task that stores it.
#[derive(Default)]
pub(crate) struct Reads(DashMap<AccountId, Vec<Reading>>);

/// Somebody who has read. Answered when it is dropped at the latest.
struct Reading {
    client: Arc<Client>,
    id: Option<RequestId>,
    room: Arc<LiveRoom>,
    seq: u64,
    outcome: Option<Result<ReadPosition, Failure>>,
    /// Told when it is answered: the connection's next request may want to see it.
    _done: oneshot::Sender<()>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(Failure::internal()));
        self.client.answer(self.id.as_ref(), &outcome);
    }
}

/// `room.read`.
pub(crate) async fn read(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, read: &Read) {
    let room = match hub.0.rooms.joined(client, Action::ReadMessages, read.room_id) {
        Ok(room) => room,
        Err(failure) => return client.answer::<ReadPosition>(id.as_ref(), &Err(failure)),
    };
    let (done, is_done) = oneshot::channel();
    let client_of = Arc::clone(client);
    let reading = Reading { client: client_of, id, room, seq: read.seq, outcome: None, _done: done };
    let is_first = {
        let mut is_first = false;
        let mut waiting = hub.0.reads.0.entry(client.account).or_insert_with(|| {
            is_first = true;
            Vec::new()
        });
        waiting.push(reading);
        is_first
    };
    if is_first {
        hub.finish(store_all(hub.clone(), client.account));
    }
    // Ends with the answer, whether it was stored or not.
    let _answered = is_done.await;
}

/// Forgets what waits if storing panics, which is a bug: else nobody in the account would ever be answered.
struct Storing<'a>(&'a Reads, AccountId);

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.0.remove(&self.1));
        }
    }
}

impl Reads {
    /// What is to be stored next; `None` if nothing waits, and then the task is over.
    fn take(&self, account: AccountId) -> Option<Vec<Reading>> {
        if self.0.remove_if(&account, |_, waiting| waiting.is_empty()).is_some() {
            return None;
        }
        let mut waiting = self.0.get_mut(&account)?;
        let some = waiting.len().min(POSITIONS_AT_ONCE);
        Some(waiting.drain(..some).collect())
    }
}

async fn store_all(hub: Hub, account: AccountId) {
    let _storing = Storing(&hub.0.reads, account);
    while let Some(mut group) = hub.0.reads.take(account) {
        let stored = store(&hub, account, &group).await;
        for reading in &mut group {
            let key = (reading.room.id, reading.client.user);
            reading.outcome = Some(match &stored {
                Ok(positions) => {
                    Ok(ReadPosition { seq: positions.get(&key).copied().unwrap_or(reading.seq) })
                }
                Err(failure) => Err(failure.clone()),
            });
        }
    }
}

/// Stores how far each has read, has those told whom it concerns, and says how far that is now.
async fn store(
    hub: &Hub,
    account: AccountId,
    group: &[Reading],
) -> Result<BTreeMap<(RoomId, UserId), u64>, Failure> {
    let failed = |error| store_failed(&error);
    let said = group.iter().map(|reading| {
        let (room, user, seq) = (reading.room.id, reading.client.user, reading.seq);
        Position { room, user, seq }
    });
    let said: Vec<Position> = said.collect();
    let mut tx = hub.store().tenant(account).await.map_err(failed)?;
    let read = rooms::read_to(&mut tx, &said).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    for Position { room, user, seq } in &read.moved {
        if let Some(reading) = group.iter().find(|reading| reading.room.id == *room) {
            reading.room.act(|room, _, effects| room.read(*user, *seq, effects));
        }
    }
    let all = read.moved.into_iter().chain(read.unmoved);
    Ok(all.map(|position| ((position.room, position.user), position.seq)).collect())
}

#[cfg(test)]
mod tests;
