//! The bus as parts use it: typed subjects over a backend of bytes.

use crate::{
    backend::{Backend, Health, Link, Snapshot, encode},
    error::BusError,
    history::{HistoryLimits, Place, Recalled},
    lease::{Acquired, LeaseGuard},
    local::LocalBackend,
    presence::Presence,
    redis::{RedisBackend, Source},
    service::Requests,
    spending::Spending,
    subscription::Subscription,
};
use bytes::Bytes;
use common::{
    id::NodeId,
    subject::{History, LeaseName, PresenceSet, Service, Topic},
};
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How the parts of Switchboard talk. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<dyn Backend>, Option<Arc<str>>);

impl Bus {
    /// A bus within this process. Needs no service and is always up.
    pub fn local(node: NodeId) -> Self {
        Self(Arc::new(LocalBackend::new(node)), None)
    }

    /// A bus between all processes that use this Redis and prefix.
    ///
    /// It reconnects, resubscribes and re-asserts leases and presence by itself
    /// until `shutdown`, and says [`LinkUp`](common::subject::link::LinkUp).
    ///
    /// A Redis that is there and cannot serve yet is waited for: it reads its data, or is a replica until a
    /// failover is over.
    ///
    /// # Errors
    /// If the URL is wrong, or Redis cannot be reached at all or does not let us in.
    pub async fn redis(node: NodeId, url: &str, prefix: &str, shutdown: &Shutdown) -> Result<Self, BusError> {
        Ok(Self(RedisBackend::start(node, Source::fixed(url)?, prefix, shutdown).await?, None))
    }

    /// The same over whichever Redis takes writes, of those that Sentinels watch: the one that most of `sentinels`,
    /// which are URLs, name. `url` says how to sign in there, and its host is the name under which they watch it.
    ///
    /// # Errors
    /// As of [`redis`](Self::redis).
    pub async fn redis_by_sentinels(
        node: NodeId,
        url: &str,
        sentinels: impl IntoIterator<Item = &str>,
        prefix: &str,
        shutdown: &Shutdown,
    ) -> Result<Self, BusError> {
        Ok(Self(RedisBackend::start(node, Source::watched(url, sentinels)?, prefix, shutdown).await?, None))
    }

    /// The same over a Redis Cluster, of which `nodes`, which are URLs, say where it is looked for at the start; the first
    /// says how to sign in at all of its servers. What is said of different things goes over different servers: while one
    /// is away, what goes over the others goes on.
    ///
    /// # Errors
    /// As of [`redis`](Self::redis), if no server lets us in.
    pub async fn redis_cluster(
        node: NodeId,
        nodes: impl IntoIterator<Item = &str>,
        prefix: &str,
        shutdown: &Shutdown,
    ) -> Result<Self, BusError> {
        Ok(Self(RedisBackend::start(node, Source::cluster(nodes)?, prefix, shutdown).await?, None))
    }

    /// The same, for a process that is in this region: others choose it by that, and it them.
    #[must_use]
    pub fn in_region(self, region: Option<&str>) -> Self {
        Self(self.0, region.map(Arc::from))
    }

    /// Where this process is, if that was said.
    pub fn region(&self) -> Option<&str> {
        self.1.as_deref()
    }

    /// This process.
    pub fn node(&self) -> NodeId {
        self.0.node()
    }

    /// Whether other processes can be reached, now and from now on.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.0.link()
    }

    /// What of it does not work now.
    pub fn health(&self) -> Health {
        self.0.health()
    }

    /// Sends `message` to all subscribers of `topic`: to those in this process at once, to others over Redis.
    ///
    /// # Errors
    /// [`BusError::Encoding`] and [`BusError::TooLarge`] if nobody was told; any other if only the
    /// subscribers in this process are certain to have been.
    pub async fn publish<T: Topic>(&self, topic: &T, message: &T::Message) -> Result<(), BusError> {
        self.0.publish(topic.name(), encode(message)?).await
    }

    /// Tells those who listen to `topic` in other processes all of this, in this order. A bus within one process
    /// encodes nothing.
    ///
    /// # Errors
    /// [`BusError::Away`], [`BusError::Redis`], [`BusError::TooLarge`] and [`BusError::Encoding`] if they were not
    /// told.
    pub async fn publish_to_others<T: Topic>(
        &self,
        topic: &T,
        messages: &[T::Message],
    ) -> Result<(), BusError> {
        if self.0.is_alone() {
            return Ok(());
        }
        let messages = messages.iter().map(encode).collect::<Result<_, _>>()?;
        self.0.publish_to_others(topic.name(), messages).await
    }

    /// Takes from buckets that all processes share what was let through, and says what is left of each: less than
    /// nothing where it was not enough. A bus within one process keeps no buckets and says nothing.
    ///
    /// # Errors
    /// Of each for itself, because they may lie on different servers: [`BusError::Away`], and [`BusError::Redis`], with
    /// which it may have been taken.
    pub async fn spend(&self, spendings: Vec<Spending>) -> Vec<Result<f64, BusError>> {
        self.0.spend(spendings).await
    }

    /// Appends to `history` and says under which number. Nobody is told.
    ///
    /// # Errors
    /// [`BusError::TooLarge`] and [`BusError::Encoding`] if it was not; [`BusError::Away`] and [`BusError::Redis`]: then it
    /// may have been.
    pub async fn append<H: History>(
        &self,
        history: &H,
        entry: &H::Entry,
        limits: HistoryLimits,
    ) -> Result<Place, BusError> {
        self.0.append(history.name(), encode(entry)?, limits).await
    }

    /// What came in `history` after a place, or all that is kept if that is not known any more, or none was given.
    ///
    /// # Errors
    /// [`BusError::Away`], [`BusError::Redis`], or if an entry has the wrong form.
    pub async fn recall<H: History>(
        &self,
        history: &H,
        after: Option<Place>,
        limits: HistoryLimits,
    ) -> Result<Recalled<H::Entry>, BusError> {
        let Recalled { head, entries } = self.0.recall(history.name(), after, limits).await?;
        let read = |(seq, entry): (u64, Bytes)| Ok((seq, serde_json::from_slice(&entry)?));
        Ok(Recalled { head, entries: entries.into_iter().map(read).collect::<Result<_, BusError>>()? })
    }

    /// Whether there can be no other process on this bus.
    pub fn is_alone(&self) -> bool {
        self.0.is_alone()
    }

    /// Subscribes to `topic`. Everything published after this returns is heard, and perhaps what was published
    /// just before. While the link is down only this process is heard; [`Delivery::Lost`](crate::Delivery)
    /// says when the others are back.
    ///
    /// # Errors
    /// [`BusError::Away`] if the link has ended for good, with the runtime.
    pub async fn subscribe<T: Topic>(&self, topic: &T) -> Result<Subscription<T::Message>, BusError> {
        let subject = topic.name();
        // The guard is there before the wait: a caller that is cancelled leaves no subscriber behind.
        let subscription =
            Subscription::new(self.0.exchange().subscribe(subject.clone()), Arc::clone(&self.0));
        self.0.announce_subscription(subject).await?;
        Ok(subscription)
    }

    /// Asks `service` and waits for the answer, at most for `deadline`. A service in this process is preferred;
    /// if several other nodes serve the subject all are asked, and the first answer counts.
    ///
    /// # Errors
    /// [`BusError::Unanswered`] if it was certainly not carried out; [`BusError::GivenUp`] and
    /// [`BusError::TimedOut`] if it may have been; [`BusError::Away`], [`BusError::Redis`] and
    /// [`BusError::Encoding`].
    pub async fn request<S: Service>(
        &self,
        service: &S,
        request: &S::Request,
        deadline: Duration,
    ) -> Result<S::Reply, BusError> {
        let answer = self.0.ask(service.name(), encode(request)?, deadline).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Serves `service`: requests made after this returns arrive in the returned queue.
    ///
    /// # Errors
    /// [`BusError::ServedAlready`] in this process.
    pub async fn serve<S: Service>(&self, service: &S) -> Result<Requests<S>, BusError> {
        let subject = service.name();
        let queue = self.0.exchange().serve(&subject)?;
        let requests = Requests::new(queue, subject.clone(), Arc::clone(&self.0));
        self.0.announce_service(subject).await?;
        Ok(requests)
    }

    /// Tries to take `lease` for this node.
    ///
    /// # Errors
    /// [`BusError::Away`], also for some seconds after the link came back, so
    /// that those who held leases before get them again first.
    pub async fn acquire<L: LeaseName>(&self, lease: &L) -> Result<Acquired, BusError> {
        let (name, id) = (lease.name(), self.0.exchange().next_guard());
        let (sender, lost) = watch::channel(false);
        Ok(match self.0.acquire(name.clone(), id, sender).await? {
            None => Acquired::Held(LeaseGuard::new(name, id, Arc::clone(&self.0), lost)),
            Some(holder) => Acquired::Taken(holder),
        })
    }

    /// Who holds `lease`.
    ///
    /// # Errors
    /// [`BusError::Away`], unless this node holds it.
    pub async fn holder<L: LeaseName>(&self, lease: &L) -> Result<Option<NodeId>, BusError> {
        self.0.holder(lease.name()).await
    }

    /// Puts an entry into `set`, until the guard is dropped or this node dies. It replaces what this node has
    /// there under the same key; the guard of that does nothing from then on.
    ///
    /// A key is one node's at a time: of two that use the same one, the last is seen.
    ///
    /// # Errors
    /// Only for what cannot be encoded or is too large: while the link is down the entry waits.
    pub async fn present<P: PresenceSet>(
        &self,
        set: &P,
        key: &str,
        entry: &P::Entry,
    ) -> Result<Presence, BusError> {
        let (set, key) = (set.name(), key.to_owned());
        // Kept as long as the guard: exactly as long as it is.
        let (id, entry) = (self.0.exchange().next_guard(), Bytes::copy_from_slice(&encode(entry)?));
        // The guard is there before the wait: a caller that is cancelled leaves no entry behind.
        let presence = Presence::new(set.clone(), key.clone(), id, Arc::clone(&self.0));
        self.0.present(set, key, id, entry).await?;
        Ok(presence)
    }

    /// All entries of `set`. While the link is down: this node's, and the others as last seen.
    ///
    /// # Errors
    /// If an entry has the wrong form.
    pub async fn entries<P: PresenceSet>(&self, set: &P) -> Result<Vec<(String, P::Entry)>, BusError> {
        Ok(self.snapshot(set).await?.entries)
    }

    /// The same, and whether the other nodes' entries were read just now.
    ///
    /// # Errors
    /// If an entry has the wrong form.
    pub async fn snapshot<P: PresenceSet>(&self, set: &P) -> Result<Snapshot<P::Entry>, BusError> {
        let Snapshot { entries, is_fresh } = self.0.snapshot(set.name()).await?;
        let read = |(key, entry): (String, bytes::Bytes)| Ok((key, serde_json::from_slice(&entry)?));
        Ok(Snapshot { entries: entries.into_iter().map(read).collect::<Result<_, BusError>>()?, is_fresh })
    }
}
