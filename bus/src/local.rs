//! A bus within one process.

use crate::{
    backend::{Backend, Health, Link, Snapshot},
    error::BusError,
    exchange::{Exchange, GuardId},
    history::{Histories, HistoryLimits, Place, Recalled},
    spending::Spending,
};
use bytes::Bytes;
use common::id::NodeId;
use dashmap::{DashMap, Entry};
use futures_util::{FutureExt, future::BoxFuture};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

/// The time by which entries of histories grow old: the runtime's, like the timers of the bus.
#[expect(clippy::disallowed_methods, reason = "the bus has no clock of its own and stores no time")]
fn now() -> Instant {
    Instant::now()
}

/// The entries of one set, of which there is at least one. Most sets are rooms with one or two in them: a map of one has
/// space for eleven.
enum Entries {
    One(String, Kept),
    Many(BTreeMap<String, Kept>),
}

type Kept = (GuardId, Bytes);

impl Entries {
    fn iter(&self) -> impl Iterator<Item = (&String, &Kept)> {
        let (one, many) = match self {
            Self::One(key, kept) => (Some((key, kept)), None),
            Self::Many(entries) => (None, Some(entries.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn insert(&mut self, key: String, kept: Kept) {
        match self {
            Self::One(only, before) if *only == key => *before = kept,
            Self::One(only, before) => {
                let before = (std::mem::take(only), (before.0, std::mem::take(&mut before.1)));
                *self = Self::Many(BTreeMap::from([before, (key, kept)]));
            }
            Self::Many(entries) => drop(entries.insert(key, kept)),
        }
    }

    /// Removes the entry under a key, if this guard keeps it up; whether none is left.
    fn remove(&mut self, key: &str, guard: GuardId) -> bool {
        match self {
            Self::One(only, (by, _)) => only == key && *by == guard,
            Self::Many(entries) => {
                if entries.get(key).is_some_and(|(by, _)| *by == guard) {
                    entries.remove(key);
                }
                entries.is_empty()
            }
        }
    }
}

pub(crate) struct LocalBackend {
    node: NodeId,
    link: watch::Sender<Link>,
    exchange: Arc<Exchange>,
    /// The senders keep `LeaseGuard::lost` waiting: nobody else can take a lease here.
    leases: DashMap<String, (GuardId, watch::Sender<bool>)>,
    presence: DashMap<String, Entries>,
    histories: Histories,
}

impl LocalBackend {
    pub(crate) fn new(node: NodeId) -> Self {
        Self {
            node,
            link: watch::Sender::new(Link::Up { epoch: 1 }),
            exchange: Arc::default(),
            leases: DashMap::new(),
            presence: DashMap::new(),
            histories: Histories::default(),
        }
    }
}

/// Waits for an answer of this process. Shared with the backend over Redis, so that a service in the same
/// process is the same over both.
pub(crate) async fn local_answer(
    subject: String,
    answer: oneshot::Receiver<Bytes>,
    deadline: Duration,
) -> Result<Bytes, BusError> {
    match tokio::time::timeout(deadline, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(BusError::GivenUp { subject }),
        Err(_) => Err(BusError::TimedOut { subject }),
    }
}

impl Backend for LocalBackend {
    fn node(&self) -> NodeId {
        self.node
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    fn publish(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        self.exchange.deliver(&subject, &message);
        async { Ok(()) }.boxed()
    }

    fn publish_to_others(
        &self,
        _subject: String,
        _messages: Vec<Bytes>,
    ) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn announce_subscription(&self, _subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn ask(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Bytes, BusError>> {
        async move {
            match self.exchange.ask(&subject, request) {
                Ok(waiting) => local_answer(subject, waiting, deadline).await,
                Err(refusal) => Err(refusal.error(subject)),
            }
        }
        .boxed()
    }

    fn interest_changed(&self, _subject: &str) {}

    fn announce_service(&self, _subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn spend(&self, _spendings: Vec<Spending>) -> BoxFuture<'_, Vec<Result<f64, BusError>>> {
        async { Vec::new() }.boxed()
    }

    fn append(
        &self,
        name: String,
        entry: Bytes,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Place, BusError>> {
        let place = self.histories.append(name, entry, limits, now());
        async { Ok(place) }.boxed()
    }

    fn recall(
        &self,
        name: String,
        after: Option<Place>,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Recalled<Bytes>, BusError>> {
        let recalled = self.histories.recall(name, after.as_ref(), limits, now());
        async { Ok(recalled) }.boxed()
    }

    fn acquire(
        &self,
        name: String,
        guard: GuardId,
        lost: watch::Sender<bool>,
    ) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        let holder = match self.leases.entry(name) {
            Entry::Occupied(_) => Some(self.node),
            Entry::Vacant(place) => {
                place.insert((guard, lost));
                None
            }
        };
        async move { Ok(holder) }.boxed()
    }

    fn release(&self, name: &str, guard: GuardId) {
        self.leases.remove_if(name, |_, (holder, _)| *holder == guard);
    }

    /// There is no other node.
    fn hand_over<'a>(
        &'a self,
        _name: &'a str,
        _guard: GuardId,
        _to: NodeId,
    ) -> BoxFuture<'a, Result<bool, BusError>> {
        async { Ok(false) }.boxed()
    }

    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        let holder = self.leases.contains_key(&name).then_some(self.node);
        async move { Ok(holder) }.boxed()
    }

    fn present(
        &self,
        set: String,
        key: String,
        guard: GuardId,
        entry: Bytes,
    ) -> BoxFuture<'_, Result<(), BusError>> {
        match self.presence.entry(set) {
            Entry::Occupied(mut entries) => entries.get_mut().insert(key, (guard, entry)),
            Entry::Vacant(place) => drop(place.insert(Entries::One(key, (guard, entry)))),
        }
        async { Ok(()) }.boxed()
    }

    fn absent(&self, set: &str, key: &str, guard: GuardId) {
        let Entry::Occupied(mut entries) = self.presence.entry(set.to_owned()) else { return };
        if entries.get_mut().remove(key, guard) {
            entries.remove();
        }
    }

    fn snapshot(&self, set: String) -> BoxFuture<'_, Result<Snapshot<Bytes>, BusError>> {
        let entries = self.presence.get(&set).map(|entries| {
            entries.iter().map(|(key, (_, entry))| (key.clone(), entry.clone())).collect::<Vec<_>>()
        });
        async move { Ok(Snapshot { entries: entries.unwrap_or_default(), is_fresh: true }) }.boxed()
    }
}
