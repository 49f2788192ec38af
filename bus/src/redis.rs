//! A bus between processes, over Redis pub/sub.
//!
//! What stays within this process goes through the [`Exchange`] and never needs
//! Redis. One supervised [`link`] carries the rest; [`keep`] holds what must be
//! re-asserted after an outage: leases and presence.

mod keep;
mod link;
mod names;

use crate::{
    backend::{Backend, Link},
    error::BusError,
    exchange::{Exchange, RawSubscription},
    lease::LEASE_TIME,
    local::answer,
};
use ::redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use bytes::Bytes;
use common::{error::Chain, id::NodeId};
use dashmap::DashMap;
use futures_util::{FutureExt, future::BoxFuture};
use keep::Keep;
use link::Order;
use names::Names;
use shutdown::Shutdown;
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

/// The time by which leases are given again: the runtime's, like the timers beside it.
#[expect(clippy::disallowed_methods, reason = "the bus has no clock of its own and stores no time")]
fn now() -> Instant {
    Instant::now()
}

/// Orders that may wait for the link. When full, the link compares everything at its next beat instead.
const ORDER_QUEUE: usize = 1024;

/// How long a subscription waits for Redis to confirm it.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct RedisBackend {
    node: NodeId,
    names: Names,
    exchange: Arc<Exchange>,
    link: watch::Sender<Link>,
    orders: mpsc::Sender<Order>,
    /// Present while the link is up.
    connection: RwLock<Option<MultiplexedConnection>>,
    /// Until then, leases go to those who held them before the outage.
    leases_from: RwLock<Instant>,
    keep: Keep,
    asked: DashMap<u64, oneshot::Sender<Bytes>>,
    last_ask: AtomicU64,
    shutdown: Shutdown,
}

impl RedisBackend {
    pub(crate) async fn start(
        node: NodeId,
        url: &str,
        prefix: &str,
        shutdown: &Shutdown,
    ) -> Result<Arc<Self>, BusError> {
        let client = Client::open(url)?;
        let (orders, queue) = mpsc::channel(ORDER_QUEUE);
        let backend = Arc::new(Self {
            node,
            names: Names::new(prefix),
            exchange: Arc::default(),
            link: watch::Sender::new(Link::Down),
            orders,
            connection: RwLock::default(),
            leases_from: RwLock::new(now()),
            keep: Keep::default(),
            asked: DashMap::new(),
            last_ask: AtomicU64::new(1),
            shutdown: shutdown.clone(),
        });
        link::start(Arc::clone(&backend), client, queue).await?;
        Ok(backend)
    }

    fn connection(&self) -> Result<MultiplexedConnection, BusError> {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(BusError::Away)
    }

    fn leases_allowed(&self) -> bool {
        *self.leases_from.read().unwrap_or_else(PoisonError::into_inner) <= now()
    }

    async fn ask_others(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        let mut connection = self.connection()?;
        let id = self.last_ask.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.asked.insert(id, sender);
        let _forget = Forget { asked: &self.asked, id };
        let message = names::request(self.node, id, &request);
        let heard: u64 = connection.publish(self.names.service(&subject), message).await?;
        if heard == 0 {
            return Err(BusError::Unanswered { subject });
        }
        answer(subject, receiver, deadline).await
    }

    async fn acquire_from_redis(&self, name: &str) -> Result<Option<NodeId>, BusError> {
        if !self.leases_allowed() {
            return Err(BusError::Away);
        }
        let mut connection = self.connection()?;
        let holder: Option<String> = keep::ACQUIRE
            .key(self.names.lease(name))
            .arg(self.node.to_string())
            .arg(names::millis(LEASE_TIME))
            .invoke_async(&mut connection)
            .await?;
        Ok(holder.and_then(|holder| holder.parse().ok()).filter(|holder| *holder != self.node))
    }
}

/// Forgets a pending request however its wait ends.
struct Forget<'a> {
    asked: &'a DashMap<u64, oneshot::Sender<Bytes>>,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.asked.remove(&self.id);
    }
}

impl Backend for RedisBackend {
    fn node(&self) -> NodeId {
        self.node
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    fn publish(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            self.exchange.deliver(&subject, &message);
            self.publish_to_others(subject, message).await
        }
        .boxed()
    }

    fn publish_to_others(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            let mut connection = self.connection()?;
            let _receivers: u64 =
                connection.publish(self.names.topic(&subject), names::news(self.node, &message)).await?;
            metrics::counter!("bus_messages_published_total").increment(1);
            Ok(())
        }
        .boxed()
    }

    fn is_alone(&self) -> bool {
        false
    }

    fn subscribe(&self, subject: String) -> BoxFuture<'_, Result<RawSubscription, BusError>> {
        async move {
            let subscription = self.exchange.subscribe(subject.clone());
            self.confirm(self.names.topic(&subject)).await?;
            Ok(subscription)
        }
        .boxed()
    }

    fn ask(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Bytes, BusError>> {
        async move {
            match self.exchange.ask(&subject, request.clone()) {
                Some(waiting) => answer(subject, waiting, deadline).await,
                None => self.ask_others(subject, request, deadline).await,
            }
        }
        .boxed()
    }

    fn interest_changed(&self, _subject: &str) {
        // A full queue needs no word: the link compares everything at its next beat.
        let _compared_later = self.orders.try_send(Order::Compare);
    }

    fn announce(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async move { self.confirm(self.names.service(&subject)).await }.boxed()
    }

    fn acquire(
        &self,
        name: String,
        lost: watch::Sender<bool>,
    ) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        async move {
            if !self.keep.reserve_lease(&name, lost) {
                return Ok(Some(self.node));
            }
            let outcome = self.acquire_from_redis(&name).await;
            if !matches!(outcome, Ok(None)) {
                self.keep.forget_lease(&name);
            }
            outcome
        }
        .boxed()
    }

    fn release(&self, name: &str) {
        self.keep.release_lease(name);
        let _done_later = self.orders.try_send(Order::TidyUp);
    }

    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        async move {
            if self.keep.holds(&name) {
                return Ok(Some(self.node));
            }
            let holder: Option<String> = self.connection()?.get(self.names.lease(&name)).await?;
            Ok(holder.and_then(|holder| holder.parse().ok()))
        }
        .boxed()
    }

    fn present(&self, set: String, key: String, entry: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            self.keep.add_entry(&set, &key, entry.clone());
            if let Ok(mut connection) = self.connection() {
                let value = names::entry(self.node, &entry);
                // On failure the link breaks, and its return writes every entry again.
                let written: Result<u64, _> = connection.hset(self.names.presence(&set), key, value).await;
                if let Err(error) = written {
                    tracing::debug!(error = %Chain(&error), "A presence entry waits for the link");
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn absent(&self, set: &str, key: &str) {
        self.keep.remove_entry(set, key);
        let _done_later = self.orders.try_send(Order::TidyUp);
    }

    fn entries(&self, set: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, BusError>> {
        async move {
            if let Ok(mut connection) = self.connection() {
                let rows: Result<Vec<(String, Vec<u8>)>, _> = keep::LIVING_ENTRIES
                    .key(self.names.presence(&set))
                    .arg(self.names.node_prefix())
                    .invoke_async(&mut connection)
                    .await;
                if let Ok(rows) = rows {
                    self.keep.remember_others(&set, self.node, rows);
                }
            }
            Ok(self.keep.entries(&set))
        }
        .boxed()
    }
}

impl RedisBackend {
    /// Waits until Redis has confirmed `channel`; while the link is down there is nothing to wait for.
    async fn confirm(&self, channel: String) -> Result<(), BusError> {
        if self.connection().is_err() {
            return Ok(());
        }
        let (sender, confirmed) = oneshot::channel();
        if self.orders.send(Order::Subscribe { channel, confirmed: sender }).await.is_err() {
            return Err(BusError::Away);
        }
        // A link that breaks meanwhile subscribes when it is back, and says `Lost`.
        let _broke_meanwhile = tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await;
        Ok(())
    }
}
