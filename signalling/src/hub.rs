//! What everything in this crate hangs on.

use crate::{
    accept::Slots, calls::Calls, changes::Feeds, client::Client, config::Config, inbox::Inboxes,
    presence::Accounts, rooms::Rooms,
};
use bus::{Bus, BusError};
use common::{
    clock::Clock,
    error::{Chain, ErrorCode, Fault},
    id::{ConnectionId, UserId},
    protocol::{Event, Failure, envelope, media::IceServer},
    revocation::Revocations,
    token::Issuer,
};
use dashmap::DashMap;
use shutdown::Shutdown;
use std::sync::{Arc, OnceLock};
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tracing::{debug, error, warn};

/// What the hub is built from.
pub struct Deps {
    /// How it reaches other instances and the media servers.
    pub bus: Bus,
    /// Where rooms and inboxes are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens are accepted, now and from now on.
    pub issuers: watch::Receiver<Arc<[Issuer]>>,
    /// The STUN and TURN servers for a user, with credentials from that time on.
    pub ice_servers: Arc<dyn Fn(UserId, OffsetDateTime) -> Vec<IceServer> + Send + Sync>,
    /// What ended before its time, now and from now on.
    pub revocations: Arc<Revocations>,
}

/// The hub of this instance. Cheap to clone.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) slots: Slots,
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) clients: DashMap<ConnectionId, Arc<Client>>,
    pub(crate) rooms: Rooms,
    pub(crate) accounts: Accounts,
    pub(crate) inboxes: Inboxes,
    pub(crate) calls: Calls,
    pub(crate) feeds: Feeds,
    /// Set when the hub runs.
    shutdown: OnceLock<Shutdown>,
}

impl Hub {
    /// A hub that accepts sockets once [`run`](crate::run) runs.
    pub fn new(config: Config, deps: Deps) -> Self {
        Self(Arc::new(Inner {
            slots: Slots::new(&config),
            config,
            deps,
            clients: DashMap::new(),
            rooms: Rooms::default(),
            accounts: Accounts::default(),
            inboxes: Inboxes::default(),
            calls: Calls::default(),
            feeds: Feeds::default(),
            shutdown: OnceLock::new(),
        }))
    }

    pub(crate) fn start(&self, shutdown: Shutdown) {
        // A second `run` would be a mistake of the caller; the first one stands.
        let _already_runs = self.0.shutdown.set(shutdown);
    }

    pub(crate) fn shutdown(&self) -> Option<&Shutdown> {
        self.0.shutdown.get()
    }

    /// Runs `work` until it ends or the hub drains.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(shutdown) = self.shutdown() {
            let token = shutdown.token.clone();
            shutdown.tasks.spawn(async move { token.run_until_cancelled(work).await });
        }
    }

    /// Runs `work` to its end: what is committed must be told, whoever asked for it and even while the hub
    /// drains. The drain waits for it, up to its deadline.
    pub(crate) fn finish(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(shutdown) = self.shutdown() {
            shutdown.tasks.spawn(work);
        }
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.deps.bus
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.deps.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.deps.clock
    }

    pub(crate) fn ice_servers(&self, user: UserId) -> Vec<IceServer> {
        (self.0.deps.ice_servers)(user, self.clock().utc())
    }

    pub(crate) fn client(&self, connection: ConnectionId) -> Option<Arc<Client>> {
        self.0.clients.get(&connection).map(|client| Arc::clone(&client))
    }
}

/// Does something at the end of a scope, however it is left.
pub(crate) struct Finally<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// An event as it goes to any number of sockets.
pub(crate) fn frame(event: &Event) -> Utf8Bytes {
    envelope::event_frame(event).into()
}

/// The answer to a request that failed for the store's sake; logged here, once.
pub(crate) fn store_failed(error: &StoreError) -> Failure {
    if error.is_away() {
        warn!(error = %Chain(error), "The store is away");
        return Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the store is away; try again");
    }
    error!(error = %Chain(error), "The store failed");
    Failure::internal()
}

/// The answer to a request that failed for the bus's sake; logged here, once.
pub(crate) fn bus_failed(error: &BusError) -> Failure {
    warn!(error = %Chain(error), "The bus failed");
    Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "another part is away; try again")
}

/// What is published while the bus is away reaches this instance; others find it in the store, at the latest when
/// the bus is back and says so.
pub(crate) fn published(outcome: Result<(), BusError>) {
    if let Err(error) = outcome {
        debug!(error = %Chain(&error), "Only this instance was told");
    }
}

/// What does not exist in the caller's account looks like what does not exist at all.
pub(crate) fn not_found(what: &str) -> Failure {
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, format!("there is no such {what}"))
}
