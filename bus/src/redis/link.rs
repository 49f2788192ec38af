//! The supervised connection: connects, resubscribes, re-asserts, notices when it is dead.

use super::{RedisBackend, finder::Finder, history, keep, names};
use crate::{
    backend::{Link, encode},
    error::BusError,
    exchange::Exchange,
    lease::LEASE_TIME,
};
use ::redis::{
    AsyncCommands, AsyncConnectionConfig, ErrorKind, RedisError,
    aio::{MultiplexedConnection, PubSubSink, PubSubStream},
    pipe,
};
use bytes::Bytes;
use common::{
    backoff::Backoff,
    chance,
    error::Chain,
    subject::{Topic, link::LinkUp},
};
use futures_util::StreamExt;
use std::{
    collections::HashSet,
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

/// How often leases are renewed: three chances per lease.
const BEAT: Duration = Duration::from_secs(3);

/// How often Redis is asked whether it is there. With [`ANSWER_TIMEOUT`] a Redis that hangs is noticed in three
/// seconds; each process costs it one command in this time.
const PROBE: Duration = Duration::from_secs(1);

/// How long a node counts as alive after its last beat, as long as it is connected: it may stand still.
pub(super) const NODE_TIME: Duration = Duration::from_secs(15);

/// How long after its last beat a node counts as alive that is not connected any more: a process that was killed is
/// not, one that stands still is.
///
/// Longer forgives slower reconnecting, for which there is at least what this is longer than a [`BEAT`]; shorter
/// tells sooner that a process has died. Another half second and who asks every second would not know it within
/// five.
pub(super) const DEAF_TIME: Duration = Duration::from_millis(3500);

/// How long Redis may take to answer anything.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait between attempts to reconnect.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The waits between attempts to reconnect. With jitter: all nodes lose Redis in the same moment.
const RETRY: Backoff = Backoff::new(Duration::from_millis(100), RETRY_MAX);

/// How long after an outage leases go to those who held them before: as long as a node takes at most to be back,
/// with one wait, two connections and a second to spare.
const HOLDERS_FIRST: Duration = Duration::from_secs(6);

/// Channels in one SUBSCRIBE: enough to be quick, few enough not to stall Redis.
const SUBSCRIBE_BATCH: usize = 512;

/// What the backend wants of the link.
pub(crate) enum Order {
    /// Subscribe, and say so once Redis has confirmed.
    Subscribe { channel: String, confirmed: oneshot::Sender<()> },
    /// Subscribers have come or gone: match what is subscribed with what is wanted.
    MatchSubscriptions,
    /// Leases or entries are to be taken out.
    TidyUp,
}

/// Two, as a subscribed connection takes no other commands.
struct Connections {
    commands: MultiplexedConnection,
    sink: PubSubSink,
    stream: PubSubStream,
}

/// Connects for the first time and keeps the link up from then on.
pub(crate) async fn start(
    backend: Arc<RedisBackend>,
    finder: Finder,
    orders: mpsc::Receiver<Order>,
) -> Result<(), BusError> {
    let connections = connect(&finder).await?;
    let (up, is_up) = oneshot::channel();
    let keeper = Keeper { backend, finder, orders, subscribed: HashSet::new(), epoch: 0, up: Some(up) };
    // Not one of the drained tasks: parts say goodbye over the bus while they
    // drain. It ends with the runtime.
    #[expect(clippy::disallowed_methods, reason = "must outlive the drain")]
    tokio::spawn(keeper.run(connections));
    Ok(is_up.await.map_err(|_| BusError::Away)??)
}

/// Whether Redis does not let us in, which no waiting changes. One that takes connections from anybody says
/// so only when it is asked for something.
fn is_shut_out(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "NOPERM"))
}

async fn connect(finder: &Finder) -> Result<Connections, RedisError> {
    let client = finder.find().await?;
    let commands = client.get_multiplexed_async_connection_with_config(&patient()).await?;
    let (sink, stream) = limited(client.get_async_pubsub()).await?.split();
    Ok(Connections { commands, sink, stream })
}

/// A connection that waits for nothing longer than [`ANSWER_TIMEOUT`].
pub(super) fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT))
}

/// Nothing that Redis does may take for ever.
pub(super) async fn limited<T>(work: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    match timeout(ANSWER_TIMEOUT, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err((::redis::ErrorKind::Io, "Redis did not answer in time").into()),
    }
}

/// The one task that talks to Redis on behalf of the whole process. Everything it does is in one order, so
/// that subscriptions, leases and entries need no locks between its own steps; it never waits for a part.
struct Keeper {
    backend: Arc<RedisBackend>,
    finder: Finder,
    orders: mpsc::Receiver<Order>,
    /// What Redis has confirmed on the present connection.
    subscribed: HashSet<String>,
    epoch: u64,
    /// Told when the link is up for the first time, or that it never will be.
    up: Option<oneshot::Sender<Result<(), RedisError>>>,
}

impl Keeper {
    async fn run(mut self, connections: Connections) {
        let mut connections = Some(connections);
        let mut failures = 0;
        loop {
            let outcome = match connections.take() {
                Some(connections) => Ok(connections),
                None => connect(&self.finder).await,
            };
            match outcome {
                Ok(connections) => {
                    let epoch = self.epoch;
                    let error = self.keep_up(connections).await;
                    self.down();
                    if is_shut_out(&error)
                        && let Some(up) = self.up.take()
                    {
                        let _nobody_waits = up.send(Err(error));
                        return;
                    }
                    warn!(error = %Chain(&error), "The link to Redis is down; media and local rooms go on");
                    // One that takes connections and refuses to write was not there at all.
                    if self.epoch > epoch {
                        failures = 0;
                    }
                }
                Err(_) => self.confirm_waiting(),
            }
            failures += 1;
            tokio::time::sleep(RETRY.delay(failures, chance::fraction())).await;
        }
    }

    fn down(&self) {
        *self.backend.connection.write().unwrap_or_else(PoisonError::into_inner) = None;
        // Who waits for a change is not told that it is still down.
        self.backend.link.send_if_modified(|link| std::mem::replace(link, Link::Down) != Link::Down);
        metrics::gauge!("bus_link_up").set(0.0);
    }

    /// While the link is down nobody need wait for a confirmation: it comes with the `Lost`.
    fn confirm_waiting(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Subscribe { confirmed, .. } = order {
                let _nobody_waits = confirmed.send(());
            }
        }
    }

    /// Runs until the link breaks, and says why it did.
    async fn keep_up(&mut self, connections: Connections) -> RedisError {
        let Connections { mut commands, mut sink, mut stream } = connections;
        if let Err(error) = self.come_up(&mut commands, &mut sink).await {
            return error;
        }
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe = interval(PROBE);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else {
                        return io::Error::from(io::ErrorKind::UnexpectedEof).into();
                    };
                    self.backend.handle(message.get_channel_name(), Bytes::copy_from_slice(message.get_payload_bytes()));
                    Ok(())
                }
                Some(order) = self.orders.recv() => self.carry_out(order, &mut commands, &mut sink).await,
                _ = beat.tick() => self.beat(&mut commands, &mut sink).await,
                _ = probe.tick() => limited(sink.ping::<::redis::Value>()).await.map(drop),
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    async fn come_up(
        &mut self,
        commands: &mut MultiplexedConnection,
        sink: &mut PubSubSink,
    ) -> Result<(), RedisError> {
        // Subscribed first, or what is published between the two would be lost without a `Lost`.
        self.subscribed.clear();
        self.match_subscriptions(sink).await?;
        self.assert_all(commands).await?;
        let process = history::process(commands).await?;
        let backend = &self.backend;
        self.epoch += 1;
        let again = self.epoch > 1;
        if again {
            *backend.leases_from.write().unwrap_or_else(PoisonError::into_inner) =
                super::now() + HOLDERS_FIRST;
        }
        *backend.connection.write().unwrap_or_else(PoisonError::into_inner) =
            Some((commands.clone(), process.into()));
        backend.link.send_replace(Link::Up { epoch: self.epoch });
        metrics::gauge!("bus_link_up").set(1.0);
        if again {
            info!(epoch = self.epoch, "The link to Redis is up again");
            backend.exchange.tell_all_lost();
        }
        // Now that `connection` is there, so that nothing is given up after it was said.
        if let Ok(whose) = encode(&backend.node) {
            let topic = backend.names.topic(&LinkUp.name());
            commands.publish::<_, _, u64>(topic, names::news(backend.node, &whose)).await?;
        }
        if let Some(up) = self.up.take() {
            let _nobody_waits = up.send(Ok(()));
        }
        Ok(())
    }

    async fn carry_out(
        &mut self,
        order: Order,
        commands: &mut MultiplexedConnection,
        sink: &mut PubSubSink,
    ) -> Result<(), RedisError> {
        match order {
            Order::Subscribe { channel, confirmed } => {
                if self.subscribed.insert(channel.clone()) {
                    limited(sink.subscribe(channel)).await?;
                }
                let _nobody_waits = confirmed.send(());
                Ok(())
            }
            Order::MatchSubscriptions => self.match_subscriptions(sink).await,
            Order::TidyUp => self.tidy_up(commands).await,
        }
    }

    async fn beat(
        &mut self,
        commands: &mut MultiplexedConnection,
        sink: &mut PubSubSink,
    ) -> Result<(), RedisError> {
        self.match_subscriptions(sink).await?;
        self.tidy_up(commands).await?;
        let had_lapsed = self.renew(commands).await?;
        // Both are needed: the link need not break when Redis forgets this node, or when this node stood
        // still for so long that others swept its entries.
        if self.backend.keep.take_unwritten() || had_lapsed {
            self.write_entries(commands).await?;
        }
        Ok(())
    }

    /// Makes the subscribed channels those that are wanted. As a whole and not by single changes: those come
    /// from many tasks in any order, and a late "gone" would end what has come again.
    async fn match_subscriptions(&mut self, sink: &mut PubSubSink) -> Result<(), RedisError> {
        let wanted = self.wanted();
        let missing: Vec<String> = wanted.difference(&self.subscribed).cloned().collect();
        for batch in missing.chunks(SUBSCRIBE_BATCH) {
            limited(sink.subscribe(batch)).await?;
        }
        let surplus: Vec<String> = self.subscribed.difference(&wanted).cloned().collect();
        for batch in surplus.chunks(SUBSCRIBE_BATCH) {
            limited(sink.unsubscribe(batch)).await?;
        }
        self.subscribed = wanted;
        Ok(())
    }

    fn wanted(&self) -> HashSet<String> {
        let (names, exchange): (_, &Exchange) = (&self.backend.names, &self.backend.exchange);
        let topics = exchange.subscribed_subjects().into_iter().map(|subject| names.topic(&subject));
        let services = exchange.served_subjects().into_iter().map(|subject| names.service(&subject));
        topics.chain(services).chain([names.replies(self.backend.node)]).collect()
    }

    /// After an outage Redis may have forgotten everything. What was given up meanwhile goes first: Redis may
    /// as well have kept everything.
    async fn assert_all(&self, commands: &mut MultiplexedConnection) -> Result<(), RedisError> {
        self.tidy_up(commands).await?;
        self.renew(commands).await?;
        self.write_entries(commands).await
    }

    async fn write_entries(&self, commands: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let backend = &self.backend;
        // Or an entry that is replaced meanwhile would be overwritten with what it was.
        let _alone = backend.keep.alone().await;
        for batch in backend.keep.own_entries().chunks(SUBSCRIBE_BATCH) {
            let mut pipeline = pipe();
            for (set, key, entry) in batch {
                pipeline.hset(backend.names.presence(set), key, names::entry(backend.node, entry)).ignore();
            }
            pipeline.query_async::<()>(commands).await?;
        }
        Ok(())
    }

    /// Says that this node lives, and keeps its leases. Whether Redis believed it dead.
    async fn renew(&self, commands: &mut MultiplexedConnection) -> Result<bool, RedisError> {
        let backend = &self.backend;
        let (key, time) = (backend.names.node(backend.node), names::millis(NODE_TIME));
        let (before, ()): (Option<u64>, ()) =
            pipe().get(&key).pset_ex(&key, 1, time).query_async(commands).await?;
        for name in backend.keep.leases() {
            let holder: Option<String> = keep::ACQUIRE
                .key(backend.names.lease(&name))
                .arg(backend.node.to_string())
                .arg(names::millis(LEASE_TIME))
                .invoke_async(commands)
                .await?;
            if let Some(holder) = holder {
                warn!(lease = name, holder, "Lost a lease to another node");
                backend.keep.lose_lease(&name);
            }
        }
        Ok(before.is_none())
    }

    async fn tidy_up(&self, commands: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let backend = &self.backend;
        if backend.keep.has_no_removals() {
            return Ok(());
        }
        let _alone = backend.keep.alone().await;
        let removals = backend.keep.take_removals();
        let node = backend.node.to_string();
        let outcome = async {
            for name in &removals.leases {
                let mut release = keep::RELEASE.prepare_invoke();
                release.key(backend.names.lease(name)).arg(&node);
                release.invoke_async::<()>(commands).await?;
            }
            for (set, key) in &removals.entries {
                let mut remove = keep::REMOVE_ENTRY.prepare_invoke();
                remove.key(backend.names.presence(set)).arg(key).arg(&node);
                remove.invoke_async::<()>(commands).await?;
            }
            Ok(())
        }
        .await;
        if outcome.is_err() {
            backend.keep.restore_removals(removals);
        }
        outcome
    }
}
