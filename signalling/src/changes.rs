//! The change feed: the methods of `feed.*`, and the accounts whose rows somebody on this instance follows.
//!
//! An account's changes are read from the store once, whoever many follow, under Row-Level Security; each is
//! judged and encoded once for all who follow the same table with the same filter.

pub(crate) mod live;
mod resume;

use crate::{
    client::Client,
    failure::{not_found, store_failed},
    finally::Finally,
    frame::Frame,
    hub::Hub,
    pace::{Pace, RETRY},
};
use common::{
    chance,
    error::{Chain, ErrorCode, Fault},
    id::AccountId,
    protocol::{
        Done, Event, Failure, RequestId,
        feed::{Ended, FEEDS_MAX, FILTER_BYTES_MAX, FILTER_MAX, Subscribe, Table},
        page::encoded_len,
    },
};
use live::{LiveFeed, seen_through};
use resume::BATCH;
use signalling_core::filter::Filter;
use std::{sync::Arc, time::Duration};
use store::{
    StoreError,
    changes::{self, KEPT_FOR, Listener},
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

/// How often the store is looked at without having said that something has changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// `feed.subscribe`. Answers by itself, so that changes come after what was missed.
pub(crate) async fn subscribe(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>, subscribe: Subscribe) {
    if let Err(failure) = try_subscribe(hub, client, id, subscribe).await {
        client.answer::<()>(id, &Err(failure));
    }
}

async fn try_subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    subscribe: Subscribe,
) -> Result<(), Failure> {
    let table = admit(client, &subscribe)?;
    let Subscribe { table: _, filter, after } = subscribe;
    let filter = Filter::new(filter);
    let name = filter.name();
    let feed = if name.is_empty() { table.as_str().to_owned() } else { format!("{}?{name}", table.as_str()) };
    {
        let held = client.held();
        if held.feeds.len() >= FEEDS_MAX && !held.feeds.contains_key(&feed) {
            return Err(Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "a connection may follow 100 feeds"));
        }
    }
    let _not_left_open = Finally(|| hub.0.feeds.close_if_empty(client.account));
    loop {
        let missed =
            resume::missed(hub, client.account, after, table, |change| seen_through(&filter, &feed, change));
        let missed = missed.await.map_err(|error| store_failed(&error))?;
        if missed.more {
            client.answer(id, &Ok(missed.answer(feed)));
            return Ok(());
        }
        let opened = hub.0.feeds.open(client.account, || follow(hub, client.account)).await;
        let live = opened.map_err(|error| store_failed(&error))?;
        let mut state = live.state();
        // Else something was handed out between reading and joining.
        if !state.is_closed && state.position <= missed.seq {
            state.join(table, &feed, filter, missed.seq, client);
            client.held().feeds.insert(feed.clone(), table);
            client.answer(id, &Ok(missed.answer(feed)));
            // What this instance was told of before it followed, nobody has read for it.
            live.hint.notify_one();
            return Ok(());
        }
    }
}

/// The table, if the caller may follow it and the filter can be one of its rows.
fn admit(client: &Client, subscribe: &Subscribe) -> Result<Table, Failure> {
    let invalid = |why| Err(Failure::of(ErrorCode::INVALID_PARAMS, Fault::Caller, why));
    if subscribe.filter.len() > FILTER_MAX {
        return invalid("a filter has at most 8 members");
    }
    if encoded_len(&subscribe.filter) > FILTER_BYTES_MAX {
        return invalid("a filter has at most 2 KiB");
    }
    if subscribe.filter.values().any(|value| value.is_array() || value.is_object()) {
        return invalid("a filter's values are strings, numbers, true, false and null");
    }
    let table = Table::parse(&subscribe.table).ok_or_else(|| not_found("table to follow"))?;
    client.access().require(table.permission())?;
    let members = changes::members(table);
    if subscribe.filter.keys().any(|name| !members.contains(&name.as_str())) {
        return invalid("the filter names something that these rows do not have");
    }
    Ok(table)
}

/// Begins to follow an account.
async fn follow(hub: &Hub, account: AccountId) -> Result<Arc<LiveFeed>, StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    let position = changes::follow(&mut tx).await?;
    tx.commit().await?;
    let live = Arc::new(LiveFeed::new(account, position));
    let (over, reader, hub_of_task) = (live.over.clone(), Arc::clone(&live), hub.clone());
    hub.spawn(async move {
        over.run_until_cancelled(read(hub_of_task, reader)).await;
    });
    Ok(live)
}

/// Reads what changes and hands it out, until nobody follows the account any more.
async fn read(hub: Hub, live: Arc<LiveFeed>) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renew_at = hub.clock().now() + KEPT_FOR / 24;
    loop {
        tokio::select! {
            () = live.hint.notified() => {}
            _ = tick.tick() => {}
        }
        let mut outcome = drain(&hub, &live).await;
        if outcome.is_ok() && hub.clock().now() >= renew_at {
            outcome = renew(&hub, live.account).await;
            renew_at = hub.clock().now() + KEPT_FOR / 24;
        }
        if let Err(error) = outcome {
            warn!(account.id = %live.account, error = %Chain(&error), "Changes cannot be read yet; will retry");
            live.hint.notify_one();
            sleep(RETRY.delay(1, chance::fraction())).await;
        }
    }
}

async fn drain(hub: &Hub, live: &LiveFeed) -> Result<(), StoreError> {
    let mut pace = Pace::default();
    loop {
        let position = live.state().position;
        let mut tx = hub.store().tenant(live.account).await?;
        let changes = changes::after(&mut tx, position, BATCH).await?;
        drop(tx);
        for change in &changes {
            live.hand_out(change);
            pace.passed(encoded_len(&change.after)).await;
        }
        if changes.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}

async fn renew(hub: &Hub, account: AccountId) -> Result<(), StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    changes::follow(&mut tx).await?;
    tx.commit().await
}

/// Hears from the database who has changes, and passes it on to those who read them.
pub(crate) async fn listen(hub: Hub) {
    loop {
        let outcome = hear(&hub).await;
        let Err(error) = outcome;
        warn!(error = %Chain(&error), "The database does not tell of changes; they are looked for meanwhile");
        sleep(RETRY.delay(1, chance::fraction())).await;
    }
}

async fn hear(hub: &Hub) -> Result<std::convert::Infallible, StoreError> {
    let mut listener = Listener::start(hub.store()).await?;
    loop {
        match listener.next().await? {
            Some(account) => {
                if let Some(live) = hub.0.feeds.get(account) {
                    live.hint.notify_one();
                }
            }
            None => hub.0.feeds.all().iter().for_each(|(_, live)| live.hint.notify_one()),
        }
    }
}

/// `feed.unsubscribe`. Not following is no error.
pub(crate) fn unsubscribe(hub: &Hub, client: &Arc<Client>, feed: &str) -> Done {
    let followed = client.held().feeds.remove(feed);
    if let Some(table) = followed {
        leave(hub, client, &[(feed.to_owned(), table)]);
    }
    Done {}
}

fn leave(hub: &Hub, client: &Client, feeds: &[(String, Table)]) {
    let Some(live) = hub.0.feeds.get(client.account) else { return };
    for (feed, table) in feeds {
        live.state().leave(*table, feed, client.id);
    }
    hub.0.feeds.close_if_empty(client.account);
}

/// A newer token may allow less: what it does not allow is followed no longer.
pub(crate) fn recheck(hub: &Hub, client: &Arc<Client>) {
    let access = client.access();
    let lost: Vec<String> = {
        let held = client.held();
        let lost = held.feeds.iter().filter(|(_, table)| access.require(table.permission()).is_err());
        lost.map(|(feed, _)| feed.clone()).collect()
    };
    for feed in lost {
        unsubscribe(hub, client, &feed);
        client.push(Frame::event(&Event::FeedEnded(Ended { feed })));
    }
}

/// The connection is gone.
pub(crate) fn lose_connection(hub: &Hub, client: &Client) {
    let feeds = std::mem::take(&mut client.held().feeds);
    if !feeds.is_empty() {
        let feeds: Vec<_> = feeds.into_iter().collect();
        leave(hub, client, &feeds);
    }
}
