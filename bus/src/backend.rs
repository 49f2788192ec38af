//! What a bus must be able to do, in bytes. Two adapters: local and Redis.

use crate::{
    error::BusError,
    exchange::{Exchange, GuardId},
    history::{HistoryLimits, Place, Recalled},
    spending::Spending,
};
use bytes::Bytes;
use common::id::NodeId;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Whether other processes can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// They can. The number grows with every reconnect.
    Up {
        /// How often the link has come up.
        epoch: u64,
    },
    /// Some of what is said reaches them and some does not: of the servers of a Redis Cluster some are away.
    Partial,
    /// They cannot. What stays within this process works.
    Down,
}

/// What of the bus does not work now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Servers that are away: of a cluster by host and port, of a single one without.
    pub away: Vec<Option<String>>,
    /// Whether one of them has let us connect lately all the same: what is amiss may be on our side.
    pub is_within_reach: bool,
}

/// What a set has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<E> {
    /// By key. This node's own are always right.
    pub entries: Vec<(String, E)>,
    /// Whether those of other nodes were read just now; if not, they are as they were last seen.
    pub is_fresh: bool,
}

/// Subjects and keys are plain text, messages are bytes; types are the facade's business.
pub(crate) trait Backend: Send + Sync + 'static {
    fn node(&self) -> NodeId;
    fn link(&self) -> watch::Receiver<Link>;
    fn health(&self) -> Health;
    /// Where the subscribers and services of this process are.
    fn exchange(&self) -> &Arc<Exchange>;

    fn publish(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
    /// The same, but not to this process, and several in one piece.
    fn publish_to_others(&self, subject: String, messages: Vec<Bytes>)
    -> BoxFuture<'_, Result<(), BusError>>;
    /// Whether there can be no other process.
    fn is_alone(&self) -> bool;
    /// Makes what others publish reach a subscription that is registered with the exchange. Effective when
    /// it returns, unless the link is down: then once it is up again.
    fn announce_subscription(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>>;
    fn ask(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Bytes, BusError>>;
    /// The subject has begun or ceased to have subscribers or a server in this process.
    fn interest_changed(&self, subject: &str);
    /// Makes a service that was registered with the exchange reachable.
    fn announce_service(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>>;

    /// Takes from buckets that all processes share; what is left of each, less than nothing where it was not enough.
    /// Nothing, if there is no other process.
    fn spend(&self, spendings: Vec<Spending>) -> BoxFuture<'_, Vec<Result<f64, BusError>>>;

    /// Appends to a history and says under which number.
    fn append(
        &self,
        name: String,
        entry: Bytes,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Place, BusError>>;
    /// Reads a history.
    fn recall(
        &self,
        name: String,
        after: Option<Place>,
        limits: HistoryLimits,
    ) -> BoxFuture<'_, Result<Recalled<Bytes>, BusError>>;

    /// Takes a lease: `None` if this node holds it now, else who does. Cancelled, it leaves nothing held.
    fn acquire(
        &self,
        name: String,
        guard: GuardId,
        lost: watch::Sender<bool>,
    ) -> BoxFuture<'_, Result<Option<NodeId>, BusError>>;
    /// Gives up what `guard` holds, and nothing if that is another one's by now.
    fn release(&self, name: &str, guard: GuardId);
    /// Gives the lease to another node; false if this guard does not hold it.
    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        guard: GuardId,
        to: NodeId,
    ) -> BoxFuture<'a, Result<bool, BusError>>;
    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>>;

    fn present(
        &self,
        set: String,
        key: String,
        guard: GuardId,
        entry: Bytes,
    ) -> BoxFuture<'_, Result<(), BusError>>;
    /// Takes out what `guard` put in, and nothing if a later guard replaced it.
    fn absent(&self, set: &str, key: &str, guard: GuardId);
    fn snapshot(&self, set: String) -> BoxFuture<'_, Result<Snapshot<Bytes>, BusError>>;
}

/// The most bytes of one message, request, answer or entry.
///
/// Redis cuts off every subscriber for which more than 32 MiB wait, and all of a node's subscriptions with
/// it: one message near that would silence the whole cluster. Far below it there is room for what queues
/// behind; the largest that the parts send is some hundred kilobytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A message as it crosses the bus.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, BusError> {
    let bytes = serde_json::to_vec(value)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        Err(BusError::TooLarge { bytes: bytes.len() })
    } else {
        Ok(bytes.into())
    }
}
