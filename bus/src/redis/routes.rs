//! Which server owns what: links to servers, and by partition the one that takes what lies in it.

use super::{
    link::Order,
    partition::{ByPartition, Partition, Partitions},
};
use crate::error::BusError;
use redis::aio::MultiplexedConnection;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, mpsc};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// A server that answers commands.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) commands: MultiplexedConnection,
    /// Which process of Redis it is.
    pub(crate) process: Arc<str>,
}

#[derive(Default)]
struct State {
    /// Present while the link is up.
    server: Option<Server>,
    /// What is to go over this link.
    owned: Partitions,
    /// Of those, what goes over it: subscribed, and own leases and entries are there.
    taken: Partitions,
}

/// One server, and the link that leads to it.
pub(crate) struct Shard {
    /// Where it is, in a cluster; else the link's finder knows.
    pub(crate) address: Option<Address>,
    pub(crate) orders: mpsc::Sender<Order>,
    state: Mutex<State>,
    /// Told when `owned`, `is_retired` or `is_suspect` has changed.
    pub(crate) changed: Notify,
    is_retired: AtomicBool,
    /// Whether somebody has waited for it in vain, and it has not answered since.
    is_suspect: AtomicBool,
    /// Whether the last new connection to it was answered.
    is_within_reach: AtomicBool,
}

impl Shard {
    pub(crate) fn new(address: Option<Address>, orders: mpsc::Sender<Order>) -> Self {
        Self {
            address,
            orders,
            state: Mutex::default(),
            changed: Notify::new(),
            is_retired: AtomicBool::new(false),
            is_suspect: AtomicBool::new(false),
            is_within_reach: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// [`BusError::Away`] while the link is down.
    pub(crate) fn server(&self) -> Result<Server, BusError> {
        self.state().server.clone().ok_or(BusError::Away)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state().server.is_some()
    }

    pub(crate) fn set_server(&self, server: Server) {
        self.trust();
        self.state().server = Some(server);
    }

    /// Somebody has waited for the server in vain: nobody else is to, until the link has asked whether it is there.
    pub(crate) fn suspect(&self) {
        self.is_suspect.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.is_suspect.load(Ordering::Acquire)
    }

    /// The server has answered.
    pub(crate) fn trust(&self) {
        self.is_suspect.store(false, Ordering::Release);
    }

    /// The link is down.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        (state.server, state.taken) = (None, Partitions::NONE);
    }

    pub(crate) fn owned(&self) -> Partitions {
        self.state().owned
    }

    /// What is owned and not taken up yet.
    pub(crate) fn untaken(&self) -> Partitions {
        let state = self.state();
        state.owned.without(state.taken)
    }

    pub(crate) fn taken(&self) -> Partitions {
        let state = self.state();
        state.taken.and(state.owned)
    }

    pub(crate) fn set_taken(&self, partition: Partition, is_taken: bool) {
        let mut state = self.state();
        if is_taken {
            state.taken.insert(partition);
        } else {
            state.taken.remove(partition);
        }
    }

    fn own(&self, partition: Partition, is_own: bool) {
        let mut state = self.state();
        if is_own {
            state.owned.insert(partition);
        } else {
            state.owned.remove(partition);
            state.taken.remove(partition);
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    pub(crate) fn note_reach(&self, is_within: bool) {
        self.is_within_reach.store(is_within, Ordering::Release);
    }

    pub(crate) fn is_within_reach(&self) -> bool {
        self.is_within_reach.load(Ordering::Acquire)
    }
}

/// All links, and by partition the one to its owner.
pub(crate) struct Routes {
    shards: Vec<Arc<Shard>>,
    owners: ByPartition<Option<Arc<Shard>>>,
}

impl Default for Routes {
    fn default() -> Self {
        Self { shards: Vec::new(), owners: ByPartition::new(|| None) }
    }
}

impl Routes {
    pub(crate) fn owner(&self, partition: Partition) -> Option<&Arc<Shard>> {
        self.owners.of(partition).as_ref()
    }

    pub(crate) fn at(&self, address: &Address) -> Option<&Arc<Shard>> {
        self.shards.iter().find(|shard| shard.address.as_ref() == Some(address))
    }

    pub(crate) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    pub(crate) fn add(&mut self, shard: Arc<Shard>) {
        self.shards.push(shard);
    }

    /// Whether another had it before.
    pub(crate) fn set_owner(&mut self, partition: Partition, owner: Option<Arc<Shard>>) -> bool {
        let before = self.owners.of_mut(partition);
        let is_same = match (before.as_ref(), owner.as_ref()) {
            (Some(before), Some(owner)) => Arc::ptr_eq(before, owner),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_same {
            return false;
        }
        if let Some(owner) = &owner {
            owner.own(partition, true);
        }
        let before = std::mem::replace(before, owner);
        if let Some(before) = &before {
            before.own(partition, false);
        }
        before.is_some()
    }

    /// Ends the links to servers that own nothing.
    pub(crate) fn retire_idle(&mut self) {
        self.shards.retain(|shard| {
            let is_idle = shard.owned().is_empty();
            if is_idle {
                shard.retire();
            }
            !is_idle
        });
    }

    /// What goes over some link.
    pub(crate) fn taken(&self) -> Partitions {
        let goes = |partition: &Partition| {
            self.owner(*partition).is_some_and(|owner| owner.taken().contains(*partition))
        };
        Partition::all().filter(goes).collect()
    }
}
