//! The accounts whose rows somebody on this instance follows, and the fan-out of what changes in them.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{
    id::{AccountId, ConnectionId},
    protocol::{
        Event,
        connection::{Reload, Sequence},
        feed::{Changed, Table},
    },
};
use signalling_core::filter::Filter;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::changes::Change;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All of them.
pub(crate) type Feeds = Live<AccountId, LiveFeed>;

pub(crate) struct LiveFeed {
    pub(super) account: AccountId,
    state: Mutex<State>,
    /// Something may have changed: read the store.
    pub(super) hint: Notify,
    /// Cancelled when the last one has gone.
    pub(super) over: CancellationToken,
}

#[derive(Default)]
pub(super) struct State {
    /// The last change that was handed out.
    pub(super) position: u64,
    /// Who follows, by table and then by the feed's name.
    tables: BTreeMap<Table, BTreeMap<String, Group>>,
    pub(super) is_closed: bool,
}

/// Those who follow the same table with the same filter.
struct Group {
    filter: Filter,
    /// Each with the last change that it knows from its answer.
    followers: BTreeMap<ConnectionId, (u64, Arc<Client>)>,
}

impl LiveFeed {
    /// One of which the changes up to number `position` are known.
    pub(super) fn new(account: AccountId, position: u64) -> Self {
        let state = State { position, ..State::default() };
        Self { account, state: Mutex::new(state), hint: Notify::new(), over: CancellationToken::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a change to those it is one for.
    pub(super) fn hand_out(&self, change: &Change) {
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
            let frame = Frame::event(&Event::FeedChanged(Box::new(changed)));
            let behind = group.followers.values().filter(|(seen, _)| *seen < change.seq);
            delivered += Client::push_to_all(behind.map(|(_, client)| client), &frame);
        }
        metrics::counter!("hub_feed_deliveries_total").increment(delivered);
    }
}

impl Followed for LiveFeed {
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.tables.is_empty() {
            state.is_closed = true;
            self.over.cancel();
        }
        state.is_closed
    }
}

impl State {
    /// Adds somebody who knows the changes up to number `seen`.
    pub(super) fn join(&mut self, table: Table, feed: &str, filter: Filter, seen: u64, client: &Arc<Client>) {
        let group = self.tables.entry(table).or_default().entry(feed.to_owned());
        let group = group.or_insert_with(|| Group { filter, followers: BTreeMap::new() });
        group.followers.insert(client.id, (seen, Arc::clone(client)));
    }

    /// Changes were not recorded, or are not kept any more: everybody reads again.
    pub(super) fn reload(&self) {
        for (feed, group) in self.tables.values().flatten() {
            let sequence = Sequence::Feed { feed: feed.clone() };
            let frame = Frame::event(&Event::ConnectionReload(Reload { sequence }));
            Client::push_to_all(group.followers.values().map(|(_, client)| client), &frame);
        }
    }

    pub(super) fn leave(&mut self, table: Table, feed: &str, connection: ConnectionId) {
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
pub(super) fn seen_through(filter: &Filter, feed: &str, change: &Change) -> Option<Changed> {
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
