//! A bus between processes, over Redis: one server, or a cluster of them.
//!
//! What stays within this process goes through the [`Exchange`] and never needs Redis. All else lies in [`partition`]s, and
//! [`routes`] says which server owns each: one of them for all, or whom [`cluster`] finds. A supervised [`link`] leads to
//! each server; [`keep`] holds what must be re-asserted after an outage: leases and presence.

mod adapter;
mod cluster;
mod finder;
mod history;
mod in_flight;
mod keep;
mod link;
mod names;
mod partition;
mod receive;
mod redirect;
mod routes;
mod scripts;
mod spend;
mod subscriber;

use crate::{
    backend::Link,
    error::BusError,
    exchange::{Exchange, Refusal},
    lease::LEASE_TIME,
};
use ::redis::{Cmd, RedisError, cmd};
use bytes::Bytes;
use cluster::{Hint, Seeds};
use common::id::NodeId;
use finder::Finder;
use in_flight::InFlight;
use keep::Keep;
use link::{DEAF_TIME, HOLDERS_FIRST, NODE_TIME, Order};
use names::Names;
use partition::{ByPartition, PARTITIONS, Partition, Partitions};
use routes::{Routes, Shard};
use shutdown::Shutdown;
use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicBool},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

/// How long anybody waits for Redis, whatever it is asked for: a client's request must not stand still because Redis does.
///
/// Longer is told fewer times that Redis is away when it is only slow; shorter answers sooner when it is away and that has
/// not been noticed yet. An answer of another process is waited for as long as who asks wants to.
pub const WAIT_MAX: Duration = Duration::from_millis(200);

/// The time by which leases are given again: the runtime's, like the timers beside it.
#[expect(clippy::disallowed_methods, reason = "the bus has no clock of its own and stores no time")]
fn now() -> Instant {
    Instant::now()
}

/// Which Redis a bus goes over.
pub(crate) enum Source {
    /// One server that takes writes.
    One(Box<Finder>),
    /// A Redis Cluster.
    Cluster(Seeds),
}

impl Source {
    pub(crate) fn fixed(url: &str) -> Result<Self, RedisError> {
        Ok(Self::One(Box::new(Finder::fixed(url)?)))
    }

    pub(crate) fn watched<'a>(
        url: &str,
        sentinels: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RedisError> {
        Ok(Self::One(Box::new(Finder::watched(url, sentinels)?)))
    }

    pub(crate) fn cluster<'a>(nodes: impl IntoIterator<Item = &'a str>) -> Result<Self, RedisError> {
        Seeds::new(nodes).map(Self::Cluster)
    }
}

/// What this node knows and has in one partition.
struct Part {
    keep: Keep,
    /// Until then, leases go to those who held them before the outage.
    leases_from: Mutex<Instant>,
    /// Whether it has gone over a link before.
    was_taken: AtomicBool,
    /// Whether it is being taken up again: of what is heard meanwhile something may have been missed before.
    is_resuming: AtomicBool,
}

impl Part {
    fn new() -> Self {
        Self {
            keep: Keep::default(),
            leases_from: Mutex::new(now()),
            was_taken: AtomicBool::new(false),
            is_resuming: AtomicBool::new(false),
        }
    }

    fn set_leases_from(&self, from: Instant) {
        *self.leases_from.lock().unwrap_or_else(PoisonError::into_inner) = from;
    }

    fn gives_leases(&self) -> bool {
        *self.leases_from.lock().unwrap_or_else(PoisonError::into_inner) <= now()
    }
}

pub(crate) struct RedisBackend {
    node: NodeId,
    names: Names,
    exchange: Arc<Exchange>,
    link: watch::Sender<Link>,
    /// How often all links were up. Held while it is judged whether they are.
    epoch: Mutex<u64>,
    routes: RwLock<Routes>,
    /// Where it is told what is learned of a cluster.
    hints: Option<mpsc::Sender<Hint>>,
    parts: ByPartition<Part>,
    /// Whether the others are still to be told that this node is heard again.
    owes_link_up: AtomicBool,
    in_flight: InFlight,
    shutdown: Shutdown,
}

impl RedisBackend {
    pub(crate) async fn start(
        node: NodeId,
        source: Source,
        prefix: &str,
        shutdown: &Shutdown,
    ) -> Result<Arc<Self>, BusError> {
        let (hints, told) = cluster::hints();
        let backend = |hints| {
            Arc::new(Self {
                node,
                names: Names::new(prefix),
                exchange: Arc::default(),
                link: watch::Sender::new(Link::Down),
                epoch: Mutex::default(),
                routes: RwLock::default(),
                hints,
                parts: ByPartition::new(Part::new),
                owes_link_up: AtomicBool::new(false),
                in_flight: InFlight::default(),
                shutdown: shutdown.clone(),
            })
        };
        let (backend, started) = match source {
            Source::One(finder) => {
                let backend = backend(None);
                let started = backend.start_one(*finder).await;
                (backend, started)
            }
            Source::Cluster(seeds) => {
                let backend = backend(Some(hints));
                let started = cluster::start(Arc::clone(&backend), seeds, told).await;
                (backend, started)
            }
        };
        if started.is_err() {
            backend.routes().shards().iter().for_each(|shard| shard.retire());
        }
        started.map(|()| backend)
    }

    async fn start_one(self: &Arc<Self>, finder: Finder) -> Result<(), BusError> {
        let is_up = {
            let mut routes = self.routes_mut();
            let (shard, is_up) = link::open(self, finder, None);
            for partition in Partition::all() {
                routes.set_owner(partition, Some(Arc::clone(&shard)));
            }
            routes.add(shard);
            is_up
        };
        Ok(is_up.await.map_err(|_| BusError::Away)??)
    }

    fn routes(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, partition: Partition) -> &Part {
        self.parts.of(partition)
    }

    /// The link that what lies in `partition` goes over, be it up or not.
    fn shard(&self, partition: Partition) -> Option<Arc<Shard>> {
        self.routes().owner(partition).cloned()
    }

    /// Tells who looks after the cluster, if there is one.
    fn hint(&self, hint: Hint) {
        if let Some(hints) = &self.hints {
            // A full queue needs no further hint: it is looked at soon.
            let _known_already = hints.try_send(hint);
        }
    }

    /// Says of the link what is so by now of all links together.
    fn judge_link(&self) {
        let mut epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.routes().taken();
        metrics::gauge!("bus_link_up").set(f64::from(taken.count()) / f64::from(PARTITIONS));
        // Who waits for a change is not told what is as it was.
        self.link.send_if_modified(|link| {
            let next = match (taken, *link) {
                (Partitions::ALL, Link::Up { .. }) => return false,
                (Partitions::ALL, Link::Partial | Link::Down) => {
                    *epoch += 1;
                    Link::Up { epoch: *epoch }
                }
                (Partitions::NONE, _) => Link::Down,
                _ => Link::Partial,
            };
            std::mem::replace(link, next) != next
        });
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
        let (partition, channel) = (Partition::of(&subject), self.names.service(&subject));
        let asked = async {
            let heard: u64 = self.command(partition, |_| names::publication(&channel, &message)).await?;
            self.in_flight.handle_heard(ticket.id, heard);
            Ok((&mut ticket.outcome).await.unwrap_or(Err(Refusal::GivenUp)))
        };
        match timeout(deadline, asked).await {
            Ok(Ok(outcome)) => outcome.map_err(|refusal| refusal.error(subject)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(BusError::TimedOut { subject }),
        }
    }

    async fn write_entry(&self, set: &str, key: &str, entry: &Bytes) -> Result<(), BusError> {
        let (set_key, value) = (self.names.presence(set), names::entry(self.node, entry));
        let write = |_: &str| {
            let mut write = cmd("HSET");
            write.arg(&set_key).arg(key).arg(&value);
            write
        };
        self.command::<u64>(Partition::of(set), write).await.map(drop)
    }

    /// Takes a lease that is free or ours, or whose holder is dead, and else says whose it is.
    fn acquisition(&self, name: &str) -> Cmd {
        let partition = Partition::of(name);
        let keys = [self.names.lease(name), self.names.nodes(partition)];
        let mut acquire = scripts::call(&scripts::ACQUIRE, &keys);
        acquire.arg(self.node.to_string()).arg(names::millis(LEASE_TIME));
        acquire.arg(self.names.replies_prefix(partition)).arg(names::millis(DEAF_TIME));
        acquire
    }

    /// Gives a lease that is ours to another node; whether it was ours.
    async fn hand_over_in_redis(&self, name: &str, to: NodeId) -> Result<bool, BusError> {
        let hand_over = |_: &str| {
            let mut hand_over = scripts::call(&scripts::HAND_OVER, &[self.names.lease(name)]);
            hand_over.arg(self.node.to_string()).arg(to.to_string()).arg(names::millis(LEASE_TIME));
            hand_over
        };
        self.command::<bool>(Partition::of(name), hand_over).await
    }

    async fn acquire_from_redis(&self, name: &str) -> Result<Option<NodeId>, BusError> {
        let partition = Partition::of(name);
        if !self.of(partition).gives_leases() {
            return Err(BusError::Away);
        }
        let holder: Option<String> = self.command(partition, |_| self.acquisition(name)).await?;
        holder.map(|holder| adapter::parse_holder(&holder)).transpose()
    }
}

impl RedisBackend {
    /// Remembers what other nodes have in a set.
    async fn read_others(&self, set: &str) -> Result<(), BusError> {
        let partition = Partition::of(set);
        let keys = [self.names.presence(set), self.names.nodes(partition)];
        let read = |_: &str| {
            let mut read = scripts::call(&scripts::LIVING_ENTRIES, &keys);
            read.arg(self.names.replies_prefix(partition));
            read.arg(names::millis(NODE_TIME)).arg(names::millis(DEAF_TIME));
            read
        };
        let rows: Vec<(String, Vec<u8>)> = self.command(partition, read).await?;
        self.of(partition).keep.remember_others(set, self.node, rows, now());
        Ok(())
    }

    /// Has a link do something soon.
    fn order(&self, partition: Partition, order: Order) {
        if let Some(shard) = self.shard(partition) {
            // A full queue needs no word: the link does everything at its next beat.
            let _done_later = shard.orders.try_send(order);
        }
    }

    /// Waits until Redis has confirmed `channel`; while the link is down there is nothing to wait for. If it takes longer
    /// than [`WAIT_MAX`], or the link breaks or moves meanwhile, whoever listens is told `Lost` once it is so.
    async fn confirm(&self, subject: String, channel: String) {
        let Some(shard) = self.shard(Partition::of(&subject)) else { return };
        if !shard.is_up() {
            return;
        }
        let (sender, confirmed) = oneshot::channel();
        let order = Order::Subscribe { subject, channel, confirmed: sender };
        if shard.is_suspect() {
            let _confirmed_to_nobody = shard.orders.try_send(order);
            return;
        }
        let is_confirmed = async {
            if shard.orders.send(order).await.is_ok() {
                let _broke_meanwhile = confirmed.await;
            }
        };
        if timeout(WAIT_MAX, is_confirmed).await.is_err() {
            shard.suspect();
        }
    }
}
