//! A bus between processes, over Redis pub/sub.
//!
//! What stays within this process goes through the [`Exchange`] and never needs
//! Redis. One supervised [`link`] carries the rest; [`keep`] holds what must be
//! re-asserted after an outage: leases and presence.

mod finder;
mod history;
mod in_flight;
mod keep;
mod link;
mod names;
mod receive;
mod spend;

use crate::{
    backend::{Backend, Link, Snapshot},
    error::BusError,
    exchange::{Exchange, GuardId, Refusal},
    history::{HistoryLimits, Place, Recalled},
    lease::LEASE_TIME,
    local::local_answer,
    spending::Spending,
};
use ::redis::{AsyncCommands, ErrorKind, aio::MultiplexedConnection};
use bytes::Bytes;
use common::{error::Chain, id::NodeId};
pub(crate) use finder::Finder;
use futures_util::{FutureExt, future::BoxFuture};
use in_flight::InFlight;
use keep::Keep;
use link::{DEAF_TIME, NODE_TIME, Order};
use names::Names;
use shutdown::Shutdown;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

/// The time by which leases are given again: the runtime's, like the timers beside it.
#[expect(clippy::disallowed_methods, reason = "the bus has no clock of its own and stores no time")]
fn now() -> Instant {
    Instant::now()
}

/// Orders that may wait for the link. When full, the link does all that they are about at its next beat instead.
const ORDER_QUEUE: usize = 1024;

/// How long a subscription waits for Redis to confirm it.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct RedisBackend {
    node: NodeId,
    names: Names,
    exchange: Arc<Exchange>,
    link: watch::Sender<Link>,
    orders: mpsc::Sender<Order>,
    /// Present while the link is up, with which process of Redis answers it.
    connection: RwLock<Option<(MultiplexedConnection, Arc<str>)>>,
    /// Until then, leases go to those who held them before the outage.
    leases_from: RwLock<Instant>,
    keep: Keep,
    in_flight: InFlight,
    shutdown: Shutdown,
}

impl RedisBackend {
    pub(crate) async fn start(
        node: NodeId,
        finder: Finder,
        prefix: &str,
        shutdown: &Shutdown,
    ) -> Result<Arc<Self>, BusError> {
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
            in_flight: InFlight::default(),
            shutdown: shutdown.clone(),
        });
        link::start(Arc::clone(&backend), finder, queue).await?;
        Ok(backend)
    }

    fn connection(&self) -> Result<MultiplexedConnection, BusError> {
        self.connected().map(|(connection, _)| connection)
    }

    fn connected(&self) -> Result<(MultiplexedConnection, Arc<str>), BusError> {
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
        // Before the publication: the answer may be there before Redis has said who heard the request.
        let mut ticket = self.in_flight.open();
        let message = names::request(self.node, ticket.id, &request);
        let channel = self.names.service(&subject);
        let asked = async {
            let heard: u64 = self.connection()?.publish(channel, message).await?;
            self.in_flight.handle_heard(ticket.id, heard);
            Ok((&mut ticket.outcome).await.unwrap_or(Err(Refusal::GivenUp)))
        };
        // The deadline is over all of it: a Redis that hangs takes longer to notice than many an asker has.
        match timeout(deadline, asked).await {
            Ok(Ok(outcome)) => outcome.map_err(|refusal| refusal.error(subject)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(BusError::TimedOut { subject }),
        }
    }

    async fn write_entry(&self, set: &str, key: &str, entry: &Bytes) -> Result<(), BusError> {
        let value = names::entry(self.node, entry);
        let _added: u64 = self.connection()?.hset(self.names.presence(set), key, value).await?;
        Ok(())
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
        holder.map(|holder| parse_holder(&holder)).transpose()
    }
}

/// Who holds a lease. What cannot be read is an error: it is somebody else's, and must not pass for free.
fn parse_holder(holder: &str) -> Result<NodeId, BusError> {
    let unreadable = || (ErrorKind::UnexpectedReturnType, "the holder of a lease is no node");
    holder.parse().map_err(|_| BusError::Redis(unreadable().into()))
}

/// A lease that Redis was asked for. Unless it came to be held, it is released when this is dropped: an
/// acquisition that failed or was cancelled may have been carried out by Redis all the same.
struct Reservation<'a> {
    backend: &'a RedisBackend,
    name: &'a str,
    guard: GuardId,
}

impl Reservation<'_> {
    /// The lease is this node's now: nothing is to be given back.
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.backend.release(self.name, self.guard);
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
            self.publish_to_others(subject, vec![message]).await
        }
        .boxed()
    }

    fn publish_to_others(
        &self,
        subject: String,
        messages: Vec<Bytes>,
    ) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            let mut connection = self.connection()?;
            // One after the other they could overtake each other on the way into the connection.
            let mut pipe = ::redis::pipe();
            for message in &messages {
                pipe.publish(self.names.topic(&subject), names::news(self.node, message)).ignore();
            }
            let () = pipe.query_async(&mut connection).await?;
            let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
            metrics::counter!("bus_messages_published_total").increment(count);
            Ok(())
        }
        .boxed()
    }

    fn is_alone(&self) -> bool {
        false
    }

    fn announce_subscription(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async move { self.confirm(self.names.topic(&subject)).await }.boxed()
    }

    fn ask(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Bytes, BusError>> {
        async move {
            match self.exchange.ask(&subject, request.clone()) {
                Ok(waiting) => local_answer(subject, waiting, deadline).await,
                Err(Refusal::Nobody) => self.ask_others(subject, request, deadline).await,
                Err(refusal) => Err(refusal.error(subject)),
            }
        }
        .boxed()
    }

    fn interest_changed(&self, _subject: &str) {
        // A full queue needs no word: the link matches everything at its next beat.
        let _matched_later = self.orders.try_send(Order::MatchSubscriptions);
    }

    fn announce_service(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async move { self.confirm(self.names.service(&subject)).await }.boxed()
    }

    fn spend(&self, spendings: Vec<Spending>) -> BoxFuture<'_, Result<Vec<f64>, BusError>> {
        async move { self.spend_in_redis(&spendings).await }.boxed()
    }

    fn append(
        &self,
        name: String,
        entry: Bytes,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Place, BusError>> {
        async move { self.append_in_redis(&name, &entry, limits).await }.boxed()
    }

    fn recall(
        &self,
        name: String,
        after: Option<Place>,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Recalled<Bytes>, BusError>> {
        async move { self.recall_from_redis(&name, after.as_ref(), limits).await }.boxed()
    }

    fn acquire(
        &self,
        name: String,
        guard: GuardId,
        lost: watch::Sender<bool>,
    ) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        async move {
            let _before_removals = self.keep.adding().await;
            if !self.keep.reserve_lease(&name, guard, lost) {
                return Ok(Some(self.node));
            }
            let reservation = Reservation { backend: self, name: &name, guard };
            let outcome = self.acquire_from_redis(&name).await;
            match outcome {
                Ok(None) => {
                    self.keep.confirm_lease(&name);
                    reservation.keep();
                }
                Ok(Some(_)) => self.keep.forget_lease(&name),
                Err(_) => {}
            }
            outcome
        }
        .boxed()
    }

    fn release(&self, name: &str, guard: GuardId) {
        self.keep.release_lease(name, guard);
        let _done_later = self.orders.try_send(Order::TidyUp);
    }

    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        async move {
            if self.keep.holds(&name) {
                return Ok(Some(self.node));
            }
            let holder: Option<String> = self.connection()?.get(self.names.lease(&name)).await?;
            holder.map(|holder| parse_holder(&holder)).transpose()
        }
        .boxed()
    }

    fn present(
        &self,
        set: String,
        key: String,
        guard: GuardId,
        entry: Bytes,
    ) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            let _before_removals = self.keep.adding().await;
            self.keep.add_entry(&set, &key, guard, entry.clone());
            if let Err(error) = self.write_entry(&set, &key, &entry).await {
                // Not every failure breaks the link, whose return writes every entry again: Redis may have
                // been out of memory for a moment. And a link that is coming up may have written them already.
                tracing::debug!(error = %Chain(&error), "A presence entry waits for the link's next beat");
                self.keep.note_unwritten();
            }
            Ok(())
        }
        .boxed()
    }

    fn absent(&self, set: &str, key: &str, guard: GuardId) {
        self.keep.remove_entry(set, key, guard);
        let _done_later = self.orders.try_send(Order::TidyUp);
    }

    fn snapshot(&self, set: String) -> BoxFuture<'_, Result<Snapshot<Bytes>, BusError>> {
        async move {
            let is_fresh = self.read_others(&set).await.is_ok();
            Ok(Snapshot { entries: self.keep.entries(&set), is_fresh })
        }
        .boxed()
    }
}

impl RedisBackend {
    /// Remembers what other nodes have in a set.
    async fn read_others(&self, set: &str) -> Result<(), BusError> {
        let rows: Vec<(String, Vec<u8>)> = keep::LIVING_ENTRIES
            .key(self.names.presence(set))
            .arg(self.names.node_prefix())
            .arg(self.names.replies_prefix())
            .arg(names::millis(NODE_TIME.saturating_sub(DEAF_TIME)))
            .invoke_async(&mut self.connection()?)
            .await?;
        self.keep.remember_others(set, self.node, rows);
        Ok(())
    }

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
        let _broke_meanwhile = timeout(CONFIRM_TIMEOUT, confirmed).await;
        Ok(())
    }
}
