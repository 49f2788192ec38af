//! The change feed: the methods of `feed.*`, and the accounts whose rows somebody on this instance follows.
//!
//! An account's changes are read from the store once, whoever many follow, under Row-Level Security; each is
//! judged and encoded once for all who follow the same table with the same filter.

mod resume;

use crate::{
    client::Client,
    hub::{Finally, Hub, frame, not_found, store_failed},
    pace::Pace,
};
use common::{
    backoff::Backoff,
    chance,
    error::{Chain, ErrorCode, Fault},
    id::{AccountId, ConnectionId},
    protocol::{
        Done, Event, Failure, RequestId,
        connection::{Reload, Sequence},
        feed::{Changed, Ended, FEEDS_MAX, FILTER_BYTES_MAX, FILTER_MAX, Subscribe, Table},
        page::encoded_len,
    },
};
use dashmap::DashMap;
use signalling_core::filter::Filter;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{
    StoreError,
    changes::{self, Change, KEPT_FOR, Listener},
};
use tokio::{
    sync::{Notify, OnceCell},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the store is looked at without having said that something has changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How soon a store that failed is asked again.
pub(crate) const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));

/// Changes that are read at once.
///
/// More is fewer questions to the store; each costs as much memory as the row had bytes, before and after.
const BATCH: u32 = 64;

/// The accounts whose changes somebody on this instance follows.
#[derive(Default)]
pub(crate) struct Feeds(DashMap<AccountId, Arc<OnceCell<Arc<LiveFeed>>>>);

impl Feeds {
    /// Stops following an account that nobody here follows, whether somebody did or only meant to.
    fn close_if_empty(&self, account: AccountId) {
        self.0.remove_if(&account, |_, cell| match cell.get() {
            Some(live) => live.close_if_empty(),
            // Who is about to open it has it in hand.
            None => Arc::strong_count(cell) == 1,
        });
    }
}

struct LiveFeed {
    account: AccountId,
    state: Mutex<State>,
    /// Something may have changed: read the store.
    hint: Notify,
    over: CancellationToken,
}

#[derive(Default)]
struct State {
    /// The last change that was handed out.
    position: u64,
    /// Who follows, by table and then by the feed's name.
    tables: BTreeMap<Table, BTreeMap<String, Group>>,
    closed: bool,
}

/// Those who follow the same table with the same filter.
struct Group {
    filter: Filter,
    /// Each with the last change that it knows from its answer.
    followers: BTreeMap<ConnectionId, (u64, Arc<Client>)>,
}

impl LiveFeed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody here follows; if so, nobody joins this one any more.
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.tables.is_empty() {
            state.closed = true;
            self.over.cancel();
        }
        state.closed
    }

    /// Hands a change to those it is one for.
    fn hand_out(&self, change: &Change) {
        let mut state = self.state();
        if change.seq <= state.position {
            return;
        }
        if change.seq > state.position + 1 {
            state.reload();
        }
        state.position = change.seq;
        let Some(groups) = state.tables.get(&change.table) else { return };
        let mut delivered = 0;
        for (feed, group) in groups {
            let Some(changed) = seen_through(&group.filter, feed, change) else { continue };
            let frame = frame(&Event::FeedChanged(Box::new(changed)));
            for (_, client) in group.followers.values().filter(|(seen, _)| *seen < change.seq) {
                client.push(frame.clone());
                delivered += 1;
            }
        }
        metrics::counter!("hub_feed_deliveries_total").increment(delivered);
    }
}

impl State {
    /// Changes were not recorded, or are not kept any more: everybody reads again.
    fn reload(&self) {
        for (feed, group) in self.tables.values().flatten() {
            let sequence = Sequence::Feed { feed: feed.clone() };
            let frame = frame(&Event::ConnectionReload(Reload { sequence }));
            for (_, client) in group.followers.values() {
                client.push(frame.clone());
            }
        }
    }

    fn leave(&mut self, table: Table, feed: &str, connection: ConnectionId) {
        let Some(groups) = self.tables.get_mut(&table) else { return };
        if let Some(group) = groups.get_mut(feed) {
            group.followers.remove(&connection);
            if group.followers.is_empty() {
                groups.remove(feed);
            }
        }
        if groups.is_empty() {
            self.tables.remove(&table);
        }
    }
}

/// What a change is to those who follow with this filter.
fn seen_through(filter: &Filter, feed: &str, change: &Change) -> Option<Changed> {
    let operation = filter.judge(change.operation, &change.before, &change.after)?;
    use common::protocol::feed::Operation as O;
    let (row, changed) = match operation {
        O::Insert => (change.after.clone(), Vec::new()),
        O::Update => (change.after.clone(), change.before.keys().cloned().collect()),
        O::Delete => Default::default(),
    };
    let (feed, seq, id) = (feed.to_owned(), change.seq, change.id);
    Some(Changed { feed, seq, operation, id, row, changed, omitted: Vec::new() }.bounded())
}

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
        let live = live(hub, client.account).await.map_err(|error| store_failed(&error))?;
        let mut state = live.state();
        // Else something was handed out between reading and joining.
        if !state.closed && state.position <= missed.seq {
            let group = state.tables.entry(table).or_default().entry(feed.clone());
            let group = group.or_insert_with(|| Group { filter, followers: BTreeMap::new() });
            group.followers.insert(client.id, (missed.seq, Arc::clone(client)));
            client.held().feeds.insert(feed.clone(), table);
            client.answer(id, &Ok(missed.answer(feed)));
            // What this instance was told of before it followed, nobody has read for it.
            live.hint.notify_one();
            return Ok(());
        }
    }
}

/// The live feed, opened if nobody on this instance follows the account yet.
async fn live(hub: &Hub, account: AccountId) -> Result<Arc<LiveFeed>, StoreError> {
    let cell = Arc::clone(&hub.0.feeds.0.entry(account).or_default());
    cell.get_or_try_init(|| follow(hub, account)).await.cloned()
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
    let live = Arc::new(LiveFeed {
        account,
        state: Mutex::new(State { position, ..State::default() }),
        hint: Notify::new(),
        over: CancellationToken::new(),
    });
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
    let hint = |cell: &OnceCell<Arc<LiveFeed>>| {
        if let Some(live) = cell.get() {
            live.hint.notify_one();
        }
    };
    loop {
        match listener.next().await? {
            Some(account) => {
                if let Some(cell) = hub.0.feeds.0.get(&account) {
                    hint(&cell);
                }
            }
            None => hub.0.feeds.0.iter().for_each(|cell| hint(&cell)),
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
    let Some(live) = hub.0.feeds.0.get(&client.account).and_then(|cell| cell.get().cloned()) else { return };
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
        client.push(frame(&Event::FeedEnded(Ended { feed })));
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
