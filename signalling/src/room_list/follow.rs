//! What other instances say of an account's rooms, and what is read for those who follow them here.

use super::live::LiveList;
use crate::{
    failure::{bus_failed, store_failed},
    hub::Hub,
    pace::RETRY,
    until::until,
};
use bus::{Delivery, Subscription};
use common::{
    chance,
    error::Chain,
    id::{AccountId, RoomId},
    protocol::Failure,
    room::FollowedRoom,
    subject::room_list::{RoomListNews, RoomListTopic},
};
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use signalling_core::room_list::{Question, RoomList};
use std::sync::Arc;
use store::{Store, StoreError, rooms};
use tracing::warn;

/// Rooms whose last numbers are read at once.
///
/// More is fewer statements after an outage; each costs as much memory as the answer has.
const SEQS_AT_ONCE: u16 = 5000;

/// Rooms with their last numbers.
type LastSeqs = Vec<(RoomId, u64)>;

/// What was asked, and the answer.
type Answered = (Question, Result<Vec<FollowedRoom>, StoreError>);

/// Opens an account's list on this instance: listens first, so that nothing is missed.
pub(super) async fn open(hub: &Hub, account: AccountId) -> Result<Arc<LiveList>, Failure> {
    let news = hub.bus().subscribe(&RoomListTopic(account)).await.map_err(|error| bus_failed(&error))?;
    let last_seqs = last_seqs(hub.store().clone(), account).await.map_err(|error| store_failed(&error))?;
    let list = RoomList::new(last_seqs, hub.clock().now());
    let live = Arc::new(LiveList::new(account, list, Arc::clone(&hub.0.deps.clock)));
    hub.spawn(follow(hub.clone(), Arc::clone(&live), news));
    Ok(live)
}

async fn follow(hub: Hub, live: Arc<LiveList>, mut news: Subscription<RoomListNews>) {
    let mut asking: OptionFuture<BoxFuture<'static, Answered>> = None.into();
    let mut comparing: OptionFuture<BoxFuture<'static, Result<LastSeqs, StoreError>>> = None.into();
    loop {
        if live.take_compare() {
            comparing = Some(last_seqs(hub.store().clone(), live.account).boxed()).into();
        }
        let (question, due, is_closed) =
            live.act(|list, now, _| (list.question(now), list.next_deadline(), list.is_closed()));
        if is_closed {
            return;
        }
        if let Some(question) = question {
            asking = Some(ask(hub.store().clone(), live.account, question).boxed()).into();
        }
        tokio::select! {
            Some(delivery) = news.next() => live.act(|list, _, effects| match delivery {
                Delivery::Message(news) => list.handle_news(&news),
                Delivery::Lost => list.handle_lost(effects),
            }),
            () = live.work.notified() => {}
            () = until(due, hub.clock()) => {}
            Some((question, outcome)) = &mut asking => {
                asking = None.into();
                answered(&live, &question, outcome);
            }
            Some(outcome) = &mut comparing => {
                comparing = None.into();
                compared(&live, outcome).await;
            }
        }
    }
}

fn answered(live: &LiveList, question: &Question, outcome: Result<Vec<FollowedRoom>, StoreError>) {
    match outcome {
        Ok(rooms) => live.act(|list, _, effects| list.handle_rooms(&rooms, effects)),
        Err(error) => {
            let account = live.account;
            warn!(account.id = %account, error = %Chain(&error), "What is unread cannot be read yet; will retry");
            let wait = RETRY.delay(1, chance::fraction());
            live.act(|list, now, _| list.handle_unanswered(question, now + wait));
        }
    }
}

async fn compared(live: &LiveList, outcome: Result<LastSeqs, StoreError>) {
    match outcome {
        Ok(last_seqs) => live.act(|list, _, _| list.handle_last_seqs(last_seqs)),
        Err(error) => {
            let account = live.account;
            warn!(account.id = %account, error = %Chain(&error), "Rooms cannot be compared yet; will retry");
            tokio::time::sleep(RETRY.delay(1, chance::fraction())).await;
            live.doubt();
        }
    }
}

async fn ask(store: Store, account: AccountId, question: Question) -> Answered {
    let asked = async {
        let mut tx = store.reading(account).await?;
        rooms::followed(&mut tx, &question.rooms, &question.users).await
    };
    let outcome = asked.await;
    (question, outcome)
}

async fn last_seqs(store: Store, account: AccountId) -> Result<LastSeqs, StoreError> {
    let mut all: LastSeqs = Vec::new();
    loop {
        let mut tx = store.reading(account).await?;
        let some = rooms::all_last_seqs(&mut tx, all.last().map(|(room, _)| *room), SEQS_AT_ONCE).await?;
        drop(tx);
        let is_last = some.len() < usize::from(SEQS_AT_ONCE);
        all.extend(some);
        if is_last {
            return Ok(all);
        }
    }
}
