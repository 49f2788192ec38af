//! What parts ask of a bus, of this one.

use super::{RedisBackend, link::Order, names, partition::Partition, routes::Shard};
use crate::{
    backend::{Backend, Health, Link, Snapshot},
    error::BusError,
    exchange::{Exchange, GuardId, Refusal},
    history::{HistoryLimits, Place, Recalled},
    local::local_answer,
    spending::Spending,
};
use ::redis::{ErrorKind, cmd};
use bytes::Bytes;
use common::{error::Chain, id::NodeId};
use futures_util::{FutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Who holds a lease. What cannot be read is an error: it is somebody else's, and must not pass for free.
pub(super) fn parse_holder(holder: &str) -> Result<NodeId, BusError> {
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
            let (partition, channel) = (Partition::of(&subject), self.names.topic(&subject));
            let news: Vec<_> = messages.iter().map(|message| names::news(self.node, message)).collect();
            // One after the other they could overtake each other on the way into the connection.
            let publish = || news.iter().map(|news| names::publication(&channel, news)).collect();
            self.commands(partition, publish).await?;
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
        async move {
            let channel = self.names.topic(&subject);
            self.confirm(subject, channel).await;
            Ok(())
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
                Ok(waiting) => local_answer(subject, waiting, deadline).await,
                Err(Refusal::Nobody) => self.ask_others(subject, request, deadline).await,
                Err(refusal) => Err(refusal.error(subject)),
            }
        }
        .boxed()
    }

    fn interest_changed(&self, subject: &str) {
        self.order(Partition::of(subject), Order::MatchSubscriptions);
    }

    fn announce_service(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            let channel = self.names.service(&subject);
            self.confirm(subject, channel).await;
            Ok(())
        }
        .boxed()
    }

    fn spend(&self, spendings: Vec<Spending>) -> BoxFuture<'_, Vec<Result<f64, BusError>>> {
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
        let partition = Partition::of(&name);
        let acquire = async move {
            let keep = &self.of(partition).keep;
            let _before_removals = keep.adding().await;
            if !keep.reserve_lease(&name, guard, lost) {
                return Ok(Some(self.node));
            }
            let reservation = Reservation { backend: self, name: &name, guard };
            let outcome = self.acquire_from_redis(&name).await;
            match outcome {
                Ok(None) => {
                    keep.confirm_lease(&name);
                    reservation.keep();
                }
                Ok(Some(_)) => keep.forget_lease(&name),
                Err(_) => {}
            }
            outcome
        };
        self.in_time(partition, acquire).boxed()
    }

    fn release(&self, name: &str, guard: GuardId) {
        let partition = Partition::of(name);
        self.of(partition).keep.release_lease(name, guard);
        self.order(partition, Order::TidyUp);
    }

    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        guard: GuardId,
        to: NodeId,
    ) -> BoxFuture<'a, Result<bool, BusError>> {
        let partition = Partition::of(name);
        let hand_over = async move {
            let keep = &self.of(partition).keep;
            // Or a renewal that is under way would find it at another node, and call it lost.
            let _before_renewals = keep.adding().await;
            if !keep.is_guarded(name, guard) {
                return Ok(false);
            }
            let is_given = self.hand_over_in_redis(name, to).await?;
            if is_given {
                keep.forget_lease(name);
            }
            Ok(is_given)
        };
        self.in_time(partition, hand_over).boxed()
    }

    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>> {
        async move {
            let partition = Partition::of(&name);
            if self.of(partition).keep.holds(&name) {
                return Ok(Some(self.node));
            }
            let key = self.names.lease(&name);
            let read = |_: &str| {
                let mut read = cmd("GET");
                read.arg(&key);
                read
            };
            let holder: Option<String> = self.command(partition, read).await?;
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
            let partition = Partition::of(&set);
            let keep = &self.of(partition).keep;
            let mut is_added = false;
            let write = self.in_time(partition, async {
                let _before_removals = keep.adding().await;
                keep.add_entry(&set, &key, guard, entry.clone());
                is_added = true;
                self.write_entry(&set, &key, &entry).await
            });
            if let Err(error) = write.await {
                // Not every failure breaks the link, whose return writes every entry again: Redis may have
                // been out of memory for a moment. And a link that is coming up may have written them already.
                tracing::debug!(error = %Chain(&error), "A presence entry waits for the link's next beat");
                if !is_added {
                    keep.add_entry(&set, &key, guard, entry);
                }
                keep.note_unwritten();
            }
            Ok(())
        }
        .boxed()
    }

    fn absent(&self, set: &str, key: &str, guard: GuardId) {
        let partition = Partition::of(set);
        self.of(partition).keep.remove_entry(set, key, guard);
        self.order(partition, Order::TidyUp);
    }

    fn health(&self) -> Health {
        let routes = self.routes();
        let is_away = |shard: &&Arc<Shard>| !shard.is_up() && !shard.owned().is_empty();
        let away: Vec<_> = routes.shards().iter().filter(is_away).collect();
        Health {
            away: away.iter().map(|shard| shard.address.as_ref().map(ToString::to_string)).collect(),
            is_within_reach: away.iter().any(|shard| shard.is_within_reach()),
        }
    }

    fn snapshot(&self, set: String) -> BoxFuture<'_, Result<Snapshot<Bytes>, BusError>> {
        async move {
            let is_fresh = self.read_others(&set).await.is_ok();
            Ok(Snapshot { entries: self.of(Partition::of(&set)).keep.entries(&set), is_fresh })
        }
        .boxed()
    }
}
