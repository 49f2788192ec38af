//! What this node has in Redis and must put there again after an outage.

use super::names;
use crate::exchange::GuardId;
use bytes::Bytes;
use common::id::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, watch},
    time::Instant,
};

/// How long the entries of other nodes are remembered after they were read last.
///
/// Longer shows more of who was elsewhere while Redis is away; all that was read in this time stays in memory.
const OTHERS_TIME: Duration = Duration::from_secs(600);

/// What has to be taken out of Redis.
#[derive(Default)]
pub(crate) struct Removals {
    pub(crate) leases: BTreeSet<String>,
    pub(crate) entries: BTreeSet<(String, String)>,
}

/// A lease that this node holds or is about to take.
struct Lease {
    guard: GuardId,
    /// Tells the guard when the lease is lost.
    lost: watch::Sender<bool>,
    /// Redis has said that it is ours. Until then it is not renewed: a renewal takes what is free, and so
    /// would take from its former holder what an acquisition must leave to it.
    confirmed: bool,
}

/// Entries of other nodes, and when they were read.
struct Others {
    read_at: Instant,
    entries: BTreeMap<String, Bytes>,
}

#[derive(Default)]
struct State {
    leases: BTreeMap<String, Lease>,
    entries: BTreeMap<String, BTreeMap<String, (GuardId, Bytes)>>,
    /// Entries of other nodes as last seen, shown while the link is down.
    others: BTreeMap<String, Others>,
    removals: Removals,
    /// Whether an entry may not have reached Redis.
    is_unwritten: bool,
}

/// What this node has in one partition.
#[derive(Default)]
pub(crate) struct Keep {
    state: Mutex<State>,
    /// Held for reading while one thing is put into Redis, for writing by the link while it handles many. A removal that
    /// was decided on before the same thing was put there anew must not be carried out after it: the node
    /// would believe that it holds a lease which Redis gives to the next.
    order: RwLock<()>,
}

impl Keep {
    /// Held while one lease or entry is put into Redis.
    pub(crate) async fn adding(&self) -> RwLockReadGuard<'_, ()> {
        self.order.read().await
    }

    /// Held from before it is looked up what is to be taken out or written anew until that is done.
    pub(crate) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.order.write().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody in this process has it or is about to take it.
    pub(crate) fn reserve_lease(&self, name: &str, guard: GuardId, lost: watch::Sender<bool>) -> bool {
        let mut state = self.state();
        if state.leases.contains_key(name) {
            return false;
        }
        state.removals.leases.remove(name);
        state.leases.insert(name.to_owned(), Lease { guard, lost, confirmed: false });
        true
    }

    /// Redis has given us a reserved lease.
    pub(crate) fn confirm_lease(&self, name: &str) {
        if let Some(lease) = self.state().leases.get_mut(name) {
            lease.confirmed = true;
        }
    }

    /// Redis has given a reserved lease to somebody else.
    pub(crate) fn forget_lease(&self, name: &str) {
        self.state().leases.remove(name);
    }

    /// Gives a lease up, also one of which it is unknown whether Redis gave it to us.
    pub(crate) fn release_lease(&self, name: &str, guard: GuardId) {
        let mut state = self.state();
        if state.leases.get(name).is_some_and(|lease| lease.guard == guard) {
            state.leases.remove(name);
            state.removals.leases.insert(name.to_owned());
        }
    }

    /// Whether this guard's lease is held.
    pub(crate) fn is_guarded(&self, name: &str, guard: GuardId) -> bool {
        self.state().leases.get(name).is_some_and(|lease| lease.guard == guard && lease.confirmed)
    }

    /// Somebody else holds it: tells the guard.
    pub(crate) fn lose_lease(&self, name: &str) {
        let mut state = self.state();
        if state.leases.get(name).is_some_and(|lease| lease.confirmed)
            && let Some(lease) = state.leases.remove(name)
        {
            lease.lost.send_replace(true);
        }
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.state().leases.get(name).is_some_and(|lease| lease.confirmed)
    }

    /// The leases that this node holds.
    pub(crate) fn leases(&self) -> Vec<String> {
        let held = |(name, lease): (&String, &Lease)| lease.confirmed.then(|| name.clone());
        self.state().leases.iter().filter_map(held).collect()
    }

    pub(crate) fn add_entry(&self, set: &str, key: &str, guard: GuardId, entry: Bytes) {
        let mut state = self.state();
        state.entries.entry(set.to_owned()).or_default().insert(key.to_owned(), (guard, entry));
        state.removals.entries.remove(&(set.to_owned(), key.to_owned()));
    }

    pub(crate) fn note_unwritten(&self) {
        self.state().is_unwritten = true;
    }

    /// Whether an entry may not have reached Redis since this was asked last.
    pub(crate) fn take_unwritten(&self) -> bool {
        std::mem::take(&mut self.state().is_unwritten)
    }

    pub(crate) fn remove_entry(&self, set: &str, key: &str, guard: GuardId) {
        let mut state = self.state();
        let Some(entries) = state.entries.get_mut(set) else { return };
        if entries.get(key).is_none_or(|(by, _)| *by != guard) {
            return;
        }
        entries.remove(key);
        if entries.is_empty() {
            state.entries.remove(set);
        }
        state.removals.entries.insert((set.to_owned(), key.to_owned()));
    }

    /// Every entry of this node as `(set, key, entry)`.
    pub(crate) fn own_entries(&self) -> Vec<(String, String, Bytes)> {
        let state = self.state();
        let rows = state.entries.iter().flat_map(|(set, entries)| {
            entries.iter().map(|(key, (_, entry))| (set.clone(), key.clone(), entry.clone()))
        });
        rows.collect()
    }

    pub(crate) fn remember_others(
        &self,
        set: &str,
        own: NodeId,
        rows: Vec<(String, Vec<u8>)>,
        read_at: Instant,
    ) {
        let parsed = rows.into_iter().filter_map(|(key, value)| Some((key, names::parse_entry(&value)?)));
        let entries: BTreeMap<String, Bytes> =
            parsed.filter(|(_, (node, _))| *node != own).map(|(key, (_, entry))| (key, entry)).collect();
        let mut state = self.state();
        if entries.is_empty() {
            state.others.remove(set);
        } else {
            state.others.insert(set.to_owned(), Others { read_at, entries });
        }
    }

    /// Forgets who was elsewhere in sets that nobody has asked for in a long time.
    pub(crate) fn forget_others(&self, now: Instant) {
        let mut state = self.state();
        if !state.others.is_empty() {
            state.others.retain(|_, others| now.duration_since(others.read_at) < OTHERS_TIME);
        }
    }

    /// Own entries, which are always right, and those of others as last seen.
    pub(crate) fn entries(&self, set: &str) -> Vec<(String, Bytes)> {
        let state = self.state();
        let mut all = state.others.get(set).map(|others| others.entries.clone()).unwrap_or_default();
        if let Some(own) = state.entries.get(set) {
            all.extend(own.iter().map(|(key, (_, entry))| (key.clone(), entry.clone())));
        }
        all.into_iter().collect()
    }

    pub(crate) fn has_no_removals(&self) -> bool {
        let state = self.state();
        state.removals.leases.is_empty() && state.removals.entries.is_empty()
    }

    pub(crate) fn take_removals(&self) -> Removals {
        std::mem::take(&mut self.state().removals)
    }

    /// Puts removals back that could not be carried out.
    pub(crate) fn restore_removals(&self, taken: Removals) {
        let mut state = self.state();
        let State { leases, entries, removals, .. } = &mut *state;
        removals.leases.extend(taken.leases.into_iter().filter(|name| !leases.contains_key(name)));
        let gone = |(set, key): &(String, String)| !entries.get(set).is_some_and(|own| own.contains_key(key));
        removals.entries.extend(taken.entries.into_iter().filter(gone));
    }
}

#[cfg(test)]
mod tests;
