//! What a bus must be able to do, in bytes. Two adapters: local and Redis.

use crate::{
    error::BusError,
    exchange::{Exchange, RawSubscription},
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
    /// They cannot. What stays within this process works.
    Down,
}

/// Subjects and keys are plain text, messages are bytes; types are the facade's business.
pub(crate) trait Backend: Send + Sync + 'static {
    fn node(&self) -> NodeId;
    fn link(&self) -> watch::Receiver<Link>;
    /// Where the subscribers and services of this process are.
    fn exchange(&self) -> &Arc<Exchange>;

    fn publish(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
    /// The same, but not to this process.
    fn publish_to_others(&self, subject: String, message: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
    /// Whether there can be no other process.
    fn is_alone(&self) -> bool;
    /// Effective when it returns, unless the link is down: then once it is up again.
    fn subscribe(&self, subject: String) -> BoxFuture<'_, Result<RawSubscription, BusError>>;
    fn ask(
        &self,
        subject: String,
        request: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Bytes, BusError>>;
    /// The subject has begun or ceased to have subscribers or a server in this process.
    fn interest_changed(&self, subject: &str);
    /// Makes a service that was registered with the exchange reachable.
    fn announce(&self, subject: String) -> BoxFuture<'_, Result<(), BusError>>;

    /// Takes a lease: `None` if this node holds it now, else who does.
    fn acquire(
        &self,
        name: String,
        lost: watch::Sender<bool>,
    ) -> BoxFuture<'_, Result<Option<NodeId>, BusError>>;
    fn release(&self, name: &str);
    fn holder(&self, name: String) -> BoxFuture<'_, Result<Option<NodeId>, BusError>>;

    fn present(&self, set: String, key: String, entry: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
    fn absent(&self, set: &str, key: &str);
    fn entries(&self, set: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, BusError>>;
}

/// A message as it crosses the bus.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, BusError> {
    Ok(serde_json::to_vec(value)?.into())
}
