//! The supervised link to one server: connects, resubscribes, re-asserts, notices when it is dead.

mod listen;
mod upkeep;

use super::{
    RedisBackend,
    cluster::Hint,
    finder::Finder,
    history, names,
    partition::{Partition, Partitions},
    routes::{Address, Server, Shard},
    scripts,
    subscriber::Subscriber,
};
use ::redis::{AsyncConnectionConfig, ErrorKind, RedisError, cmd};
use common::{
    backoff::Backoff,
    chance,
    error::Chain,
    subject::{Topic, link::LinkUp},
};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

/// How often leases are renewed: five chances per lease.
///
/// Longer spares Redis a command for each lease; shorter tells sooner that a process has died.
const BEAT: Duration = Duration::from_secs(2);

/// How often Redis is asked whether it is there. With [`ANSWER_TIMEOUT`] a Redis that hangs is noticed in three
/// seconds; each process costs it one command in this time.
const PROBE: Duration = Duration::from_secs(1);

/// How long a node counts as alive after its last beat, as long as it is connected: it may stand still.
pub(super) const NODE_TIME: Duration = Duration::from_secs(15);

/// How long after its last beat a node counts as alive that is not connected any more: a process that was killed is
/// not, one that stands still is.
///
/// Longer forgives slower reconnecting, for which there is at least what this is longer than a [`BEAT`]; shorter
/// tells sooner that a process has died. With what it takes to ask, and to join again, people are back in a call within
/// five seconds.
pub(super) const DEAF_TIME: Duration = Duration::from_millis(2500);

/// How long Redis may take to answer anything.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait between attempts to reconnect.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The waits between attempts to reconnect. With jitter: all nodes lose Redis in the same moment.
const RETRY: Backoff = Backoff::new(Duration::from_millis(100), RETRY_MAX);

/// How long after an outage leases go to those who held them before: as long as a node takes at most to be back,
/// with one wait, two connections and a second to spare.
pub(super) const HOLDERS_FIRST: Duration = Duration::from_secs(6);

/// Orders that may wait for a link. When full, the link does all that they are about at its next beat instead.
const ORDER_QUEUE: usize = 1024;

/// What the backend wants of a link.
pub(crate) enum Order {
    /// Subscribe, and say so once Redis has confirmed.
    Subscribe { subject: String, channel: String, confirmed: oneshot::Sender<()> },
    /// Subscribers have come or gone: match what is subscribed with what is wanted.
    MatchSubscriptions,
    /// Leases or entries are to be taken out.
    TidyUp,
}

/// Begins a link and keeps it up from then on, until the shard is retired. What it returns says how it went at first: not
/// before a server that is there and cannot serve yet can.
pub(super) fn open(
    backend: &Arc<RedisBackend>,
    finder: Finder,
    address: Option<Address>,
) -> (Arc<Shard>, oneshot::Receiver<Result<(), RedisError>>) {
    let (orders, queue) = mpsc::channel(ORDER_QUEUE);
    let (up, is_up) = oneshot::channel();
    let shard = Arc::new(Shard::new(address, orders));
    let keeper = Keeper {
        backend: Arc::clone(backend),
        shard: Arc::clone(&shard),
        finder,
        orders: queue,
        subscribed: HashSet::new(),
        comings: 0,
        up: Some(up),
    };
    // Not one of the drained tasks: parts say goodbye over the bus while they
    // drain. It ends with the runtime.
    #[expect(clippy::disallowed_methods, reason = "must outlive the drain")]
    tokio::spawn(keeper.run());
    (shard, is_up)
}

/// Whether Redis does not let us in, which no waiting changes. One that takes connections from anybody says
/// so only when it is asked for something.
pub(super) fn is_shut_out(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "NOPERM"))
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
        Err(_) => Err((ErrorKind::Io, "Redis did not answer in time").into()),
    }
}

/// A link that is up: two connections, so that a flood of news holds up no answer.
struct Up {
    server: Server,
    subscriber: Subscriber,
}

/// The one task that talks to a server on behalf of the whole process. Everything it does is in one order, so
/// that subscriptions, leases and entries need no locks between its own steps; it never waits for a part.
struct Keeper {
    backend: Arc<RedisBackend>,
    shard: Arc<Shard>,
    finder: Finder,
    orders: mpsc::Receiver<Order>,
    /// What Redis has confirmed on the present connection.
    subscribed: HashSet<String>,
    /// How often the link has come up.
    comings: u64,
    /// Told when the link is up for the first time, or why it is not.
    up: Option<oneshot::Sender<Result<(), RedisError>>>,
}

impl Keeper {
    async fn run(mut self) {
        let mut failures = 0;
        while !self.shard.is_retired() {
            let comings = self.comings;
            match self.connect().await {
                Ok(up) => {
                    self.shard.note_reach(true);
                    let error = self.keep_up(up).await;
                    self.shard.clear();
                    self.backend.judge_link();
                    if self.shard.is_retired() {
                        return;
                    }
                    warn!(server = self.name(), error = %Chain(&error), "The link to Redis is down; media and local rooms go on");
                    if is_shut_out(&error) {
                        self.report(Err(error));
                    }
                    // One that takes connections and refuses to write was not there at all.
                    if self.comings > comings {
                        failures = 0;
                    }
                }
                Err(error) => {
                    self.shard.note_reach(false);
                    self.report(Err(error));
                    self.confirm_waiting();
                }
            }
            // Another may have taken its place.
            self.backend.hint(Hint::Look);
            failures += 1;
            let pause = RETRY.delay(failures, chance::fraction());
            // What it is to own is looked up when it is up.
            let _retired_meanwhile = timeout(pause, self.retired()).await;
        }
    }

    async fn retired(&self) {
        while !self.shard.is_retired() {
            self.shard.changed.notified().await;
        }
    }

    fn report(&mut self, outcome: Result<(), RedisError>) {
        if let Some(up) = self.up.take() {
            let _nobody_waits = up.send(outcome);
        }
    }

    /// Where the server is, for the log.
    fn name(&self) -> String {
        self.shard.address.as_ref().map_or_else(|| "redis".to_owned(), ToString::to_string)
    }

    async fn connect(&self) -> Result<Up, RedisError> {
        let client = self.finder.find().await?;
        let mut commands = client.get_multiplexed_async_connection_with_config(&patient()).await?;
        let subscriber = limited(Subscriber::connect(&client, &self.backend)).await?;
        scripts::load_all(&mut commands).await?;
        let process = history::process(&mut commands).await?.into();
        Ok(Up { server: Server { commands, process }, subscriber })
    }

    /// While the link is down nobody need wait for a confirmation: it comes with the `Lost`.
    fn confirm_waiting(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Subscribe { confirmed, .. } = order {
                let _nobody_waits = confirmed.send(());
            }
        }
    }

    /// Runs until the link breaks, or is not needed any more, and says why it did.
    async fn keep_up(&mut self, mut up: Up) -> RedisError {
        if let Err(error) = self.come_up(&mut up).await {
            return error;
        }
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe = interval(PROBE);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                ended = up.subscriber.ended() => match ended {
                    Ok(partitions) => self.cut_off(&mut up, partitions).await,
                    Err(error) => Err(error),
                },
                () = self.shard.changed.notified() => {
                    if self.shard.is_retired() {
                        return (ErrorKind::Io, "the server has nothing of ours any more").into();
                    }
                    self.clear_up(&mut up).await
                }
                Some(order) = self.orders.recv() => self.carry_out(order, &mut up).await,
                _ = beat.tick() => self.beat(&mut up).await,
                _ = probe.tick() => self.probe(&mut up).await,
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    async fn come_up(&mut self, up: &mut Up) -> Result<(), RedisError> {
        self.subscribed.clear();
        let taken = self.take_up(up, self.shard.owned()).await?;
        self.comings += 1;
        let back = self.hold_leases(taken);
        self.shard.set_server(up.server.clone());
        self.serve(taken, back);
        if self.comings > 1 {
            info!(server = self.name(), count = self.comings, "The link to Redis is up again");
        }
        // Now that the server can be talked to, so that nothing is given up after it was said.
        self.backend.owes_link_up.store(true, Ordering::Release);
        self.say_link_up().await;
        self.report(Ok(()));
        Ok(())
    }

    /// What somebody has told the link of.
    async fn clear_up(&mut self, up: &mut Up) -> Result<(), RedisError> {
        if self.shard.is_suspect() {
            limited(cmd("PING").query_async::<()>(&mut up.server.commands)).await?;
            self.shard.trust();
        }
        self.settle(up).await
    }

    /// Takes up what the server is to have and has not yet, and leaves alone what it has no more.
    async fn settle(&mut self, up: &mut Up) -> Result<(), RedisError> {
        let untaken = self.shard.untaken();
        if !untaken.is_empty() {
            let taken = self.take_up(up, untaken).await?;
            let back = self.hold_leases(taken);
            self.serve(taken, back);
            if !taken.is_empty() {
                self.backend.owes_link_up.store(true, Ordering::Release);
            }
        }
        self.match_subscriptions(up).await
    }

    /// Subscribes to what is wanted in `partitions` and writes what this node has in them; in which of them that went well.
    ///
    /// After an outage Redis may have forgotten everything. What was given up meanwhile goes first: Redis may as well have
    /// kept everything.
    async fn take_up(&mut self, up: &mut Up, partitions: Partitions) -> Result<Partitions, RedisError> {
        for part in partitions.iter().map(|partition| self.backend.of(partition)) {
            part.is_resuming.store(part.was_taken.load(Ordering::Acquire), Ordering::Release);
        }
        // Subscribed first, or what is published between the two would be lost without a `Lost`.
        let wanted = self.wanted(partitions).into_iter().collect();
        let elsewhere = self.subscribe(up, wanted).await?;
        let here = partitions.without(elsewhere);
        self.tidy_up(up, here).await?;
        self.renew(up, here).await?;
        self.write_entries(up, here).await?;
        Ok(here)
    }

    /// Who held leases where there was a link before comes first now; which partitions those are.
    fn hold_leases(&self, taken: Partitions) -> Partitions {
        let again = |partition: &Partition| self.backend.of(*partition).was_taken.load(Ordering::Acquire);
        let back: Partitions = taken.iter().filter(again).collect();
        for partition in back.iter() {
            self.backend.of(partition).set_leases_from(super::now() + HOLDERS_FIRST);
        }
        back
    }

    /// From now on these go over this link. In those that did before something may have been missed.
    fn serve(&self, taken: Partitions, back: Partitions) {
        for partition in taken.iter() {
            self.backend.of(partition).was_taken.store(true, Ordering::Release);
            self.shard.set_taken(partition, true);
        }
        self.backend.judge_link();
        if !back.is_empty() {
            self.backend.exchange.tell_lost(|subject| back.contains(Partition::of(subject)));
        }
        for partition in back.iter() {
            self.backend.of(partition).is_resuming.store(false, Ordering::Release);
        }
    }

    /// Tells the others that this node is heard again. It is owed until Redis has taken it: what it is said over may be
    /// away itself.
    async fn say_link_up(&self) {
        let backend = &self.backend;
        if !backend.owes_link_up.swap(false, Ordering::AcqRel) {
            return;
        }
        let Ok(whose) = crate::backend::encode(&backend.node) else { return };
        let (topic, said) = (LinkUp.name(), names::news(backend.node, &whose));
        let channel = backend.names.topic(&topic);
        let say = backend.command::<u64>(Partition::of(&topic), |_| names::publication(&channel, &said));
        if say.await.is_err() {
            backend.owes_link_up.store(true, Ordering::Release);
        }
    }

    async fn carry_out(&mut self, order: Order, up: &mut Up) -> Result<(), RedisError> {
        match order {
            Order::Subscribe { subject, channel, confirmed } => {
                // What is not taken up yet is subscribed to then, with a `Lost`.
                if self.shard.taken().contains(Partition::of(&subject)) && !self.subscribed.contains(&channel)
                {
                    let elsewhere = self.subscribe(up, vec![channel]).await?;
                    self.cut_off(up, elsewhere).await?;
                }
                if confirmed.send(()).is_err() {
                    // It was waited for no longer, and something may have been said since.
                    self.backend.exchange.tell_lost(|other| other == subject);
                }
                Ok(())
            }
            Order::MatchSubscriptions => self.match_subscriptions(up).await,
            Order::TidyUp => self.tidy_up(up, self.shard.taken()).await,
        }
    }

    async fn probe(&mut self, up: &mut Up) -> Result<(), RedisError> {
        limited(up.subscriber.ping()).await?;
        if !self.shard.untaken().is_empty() {
            self.settle(up).await?;
        }
        self.say_link_up().await;
        Ok(())
    }

    async fn beat(&mut self, up: &mut Up) -> Result<(), RedisError> {
        self.match_subscriptions(up).await?;
        let taken = self.shard.taken();
        self.tidy_up(up, taken).await?;
        let lapsed = self.renew(up, taken).await?;
        let backend = &self.backend;
        // Both are needed: the link need not break when Redis forgets this node, or when this node stood
        // still for so long that others swept its entries.
        let is_owed = |partition: &Partition| {
            backend.of(*partition).keep.take_unwritten() || lapsed.contains(*partition)
        };
        let owed = taken.iter().filter(is_owed).collect();
        for partition in taken.iter() {
            backend.of(partition).keep.forget_others(super::now());
        }
        self.write_entries(up, owed).await
    }
}
