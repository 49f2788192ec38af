//! What the role is built from, and what all its workers share.

use crate::{
    config::Config,
    files::Files,
    graph::{GraphClient, TIMEOUT},
    webhook::strangers::Strangers,
    work::Queue,
};
use bus::Bus;
use common::{
    clock::Clock,
    error::Chain,
    subject::inbox::{Work, WorkTopic},
};
use egress::{Guard, HttpClient, Terms};
use ingress::{Authenticator, Budget};
use std::{sync::Arc, time::Duration};
use store::Store;
use tracing::debug;

/// How long an automation may take to answer. Nothing is read of what it answers beyond its head.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the inbox is built from.
pub struct Deps {
    /// How agents' screens are told.
    pub bus: Bus,
    /// Where everything is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Judges where webhooks lead.
    pub guard: Guard,
    /// Finds out who asks for a file.
    pub authenticator: Authenticator,
}

/// The inbox of this instance. Cheap to clone.
#[derive(Clone)]
pub struct Inbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) graph: GraphClient,
    pub(crate) files: Files,
    /// For automations, which are where tenants say.
    pub(crate) automations: HttpClient,
    /// Bytes of webhooks that are coming in.
    pub(crate) bodies: Arc<Budget>,
    pub(crate) strangers: Strangers,
    pub(crate) raw_events: Queue,
    pub(crate) outbox: Queue,
    pub(crate) deliveries: Queue,
    pub(crate) replies: Queue,
    pub(crate) snoozed: Queue,
}

/// Why the inbox cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No HTTP client can be had.
    #[error("no HTTP client")]
    Http(#[from] egress::Error),
}

impl Inbox {
    /// An inbox that takes webhooks at once and works once [`run`](crate::run) runs.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(config: Config, deps: Deps) -> Result<Self, StartError> {
        let graph = GraphClient::new(&config.graph, &deps.guard)?;
        let files = Files::new(&config.graph, &deps.guard)?;
        let automations = HttpClient::new(&deps.guard, Terms::within(DELIVERY_TIMEOUT))?;
        let bodies = Budget::new(
            "inbox_webhook_bytes",
            config.webhook_bytes_max,
            config.webhook_bytes_per_client_max,
            config.webhook_bytes_per_account_max,
        );
        Ok(Self(Arc::new(Inner {
            bodies,
            strangers: Strangers::new(&deps.clock),
            config,
            deps,
            graph,
            files,
            automations,
            raw_events: Queue::default(),
            outbox: Queue::default(),
            deliveries: Queue::default(),
            replies: Queue::default(),
            snoozed: Queue::default(),
        })))
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

    pub(crate) fn lease(&self) -> Duration {
        // Never shorter than an answer may take, or a reply would be taken while it is sent.
        Duration::from_secs(self.0.config.lease_s).max(TIMEOUT + Duration::from_secs(10))
    }

    /// Wakes the workers of all instances. Losing this costs a second, never work.
    pub(crate) async fn hint(&self, work: Work) {
        if let Err(error) = self.bus().publish(&WorkTopic, &work).await {
            debug!(error = %Chain(&error), "Only this instance was told of new work");
        }
    }

    /// Wakes the workers of this instance that do this work.
    pub(crate) fn wake(&self, work: Work) {
        match work {
            Work::RawEvents => self.0.raw_events.wake(),
            Work::Outbox => {
                self.0.outbox.wake();
                self.0.deliveries.wake();
            }
            Work::Replies => self.0.replies.wake(),
        }
    }
}
