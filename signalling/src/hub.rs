//! What everything in this crate hangs on: the ground that an instance stands on, and what is live on it.

use crate::{
    calls::{heart::Heart, running::Calls},
    changes::live::Feeds,
    client::{Client, Signal},
    config::Config,
    doubt::Doubt,
    flusher::Flusher,
    inbox::live::Inboxes,
    mailbox::live::Mailboxes,
    media::Owners,
    pipe::Pipes,
    presence::live::Accounts,
    room_list::{live::RoomLists, say::Unsaid},
    rooms::{
        live::{LiveRoom, Rooms},
        named::Allowed,
        waiting::Posts,
    },
    slots::Slots,
    together::Together,
};
use bus::Bus;
use common::{
    clock::Clock,
    id::{ConnectionId, RoomId, UserId},
    protocol::media::IceServer,
    revocation::Revocations,
    token::{Issuer, Standing},
};
use dashmap::DashMap;
use ingress::Budget;
use shutdown::Shutdown;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};
use store::{
    Store,
    rooms::{Found, Position},
};
use time::OffsetDateTime;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

/// What clients without a WebSocket post, in bytes, as it comes in.
pub(crate) const POSTS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Of that, from one client network, beyond the beginning of each.
pub(crate) const POSTS_BYTES_PER_NETWORK_MAX: usize = 8 * 1024 * 1024;

/// The metric of it.
const POSTS_GAUGE: &str = "hub_event_posts_bytes";

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
    /// Those that are gone, and whose seats in media sessions are kept for a while.
    pub(crate) parted: DashMap<ConnectionId, Arc<Client>>,
    pub(crate) rooms: Rooms,
    /// Which media nodes have the sessions that somebody here is in.
    pub(crate) media_owners: Owners,
    /// Who may open rooms by their names.
    pub(crate) named: Allowed,
    pub(crate) posts: Posts,
    /// Who opens a connection, by their token.
    pub(crate) opening: Together<Standing, Option<Option<String>>>,
    /// Who enters which room; the room, and what connects them with it.
    pub(crate) admissions: Together<(RoomId, Option<UserId>), Option<Found>>,
    /// How far somebody has read, as they say; how far that is.
    pub(crate) reads: Together<(Arc<LiveRoom>, Position), u64>,
    pub(crate) accounts: Accounts,
    pub(crate) inboxes: Inboxes,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) room_lists: RoomLists,
    /// Where something is new of which other instances have not been told.
    pub(crate) unsaid: Unsaid,
    pub(crate) calls: Calls,
    pub(crate) heart: Heart,
    pub(crate) feeds: Feeds,
    pub(crate) flusher: Flusher,
    /// Connections of clients whose network lets no WebSocket through.
    pub(crate) pipes: Pipes,
    /// What such clients post, as it comes in.
    pub(crate) posts_in: Arc<Budget>,
    pub(crate) doubt: Doubt,
    /// Told when something may have been stored of which nobody was told.
    pub(crate) untold: Notify,
    /// From when rounds are counted in which pings are sent.
    pub(crate) started_at: Instant,
    /// Set when the hub runs.
    shutdown: OnceLock<Shutdown>,
}

impl Hub {
    /// A hub that accepts sockets once [`run`](crate::run) runs.
    pub fn new(config: Config, deps: Deps) -> Self {
        let started_at = deps.clock.now();
        Self(Arc::new(Inner {
            slots: Slots::new(&config, Arc::clone(&deps.clock)),
            config,
            deps,
            clients: DashMap::new(),
            parted: DashMap::new(),
            rooms: Rooms::default(),
            media_owners: Owners::default(),
            named: Allowed::default(),
            posts: Posts::default(),
            opening: Together::default(),
            admissions: Together::default(),
            reads: Together::default(),
            accounts: Accounts::default(),
            inboxes: Inboxes::default(),
            mailboxes: Mailboxes::default(),
            room_lists: RoomLists::default(),
            unsaid: Unsaid::default(),
            calls: Calls::default(),
            heart: Heart::default(),
            feeds: Feeds::default(),
            flusher: Flusher::default(),
            pipes: Pipes::default(),
            posts_in: Budget::new(POSTS_GAUGE, POSTS_BYTES_MAX, POSTS_BYTES_PER_NETWORK_MAX, usize::MAX),
            doubt: Doubt::default(),
            untold: Notify::new(),
            started_at,
            shutdown: OnceLock::new(),
        }))
    }

    pub(crate) fn start(&self, shutdown: Shutdown) {
        // A second `run` would be a mistake of the caller; the first one stands.
        let _already_runs = self.0.shutdown.set(shutdown);
        for _ in 0..Handle::current().metrics().num_workers() {
            self.spawn(self.0.flusher.clone().run());
        }
    }

    /// Has every connection say goodbye.
    pub(crate) fn drain(&self) {
        for client in &self.0.clients {
            client.queue.signals.raise(Signal::Draining);
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.shutdown().is_some_and(|shutdown| shutdown.token.is_cancelled())
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
