//! What this node has in Redis and must put there again after an outage.

use super::names;
use crate::exchange::GuardId;
use bytes::Bytes;
use common::id::NodeId;
use dashmap::{DashMap, Entry};
use redis::Script;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, watch};

/// Takes a lease that is free or ours; otherwise returns its holder.
pub(crate) static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local holder = redis.call('GET', KEYS[1])
         if holder and holder ~= ARGV[1] then return holder end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return false",
    )
});

/// Gives a lease back, if it is still ours.
pub(crate) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});

/// Takes an entry out of a set, if it is still this node's.
pub(crate) static REMOVE_ENTRY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local entry = redis.call('HGET', KEYS[1], ARGV[1])
         if entry and string.sub(entry, 1, 36) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
         return 0",
    )
});

/// All entries of a set whose node lives; the others are swept. A node is 36 characters of text.
///
/// A node that has not beaten for a while and does not listen for answers either is dead before its time: whoever
/// is connected to Redis listens. If it lives after all, it finds itself forgotten and writes everything again.
pub(crate) static LIVING_ENTRIES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local function lives(node)
             local left = redis.call('PTTL', ARGV[1] .. node)
             if left > tonumber(ARGV[3]) then return true end
             if left == -2 then return false end
             if redis.call('PUBSUB', 'NUMSUB', ARGV[2] .. node)[2] > 0 then return true end
             redis.call('DEL', ARGV[1] .. node)
             return false
         end
         local rows, alive, result = redis.call('HGETALL', KEYS[1]), {}, {}
         for i = 1, #rows, 2 do
             local node = string.sub(rows[i + 1], 1, 36)
             if alive[node] == nil then alive[node] = lives(node) end
             if alive[node] then
                 result[#result + 1] = { rows[i], rows[i + 1] }
             else
                 redis.call('HDEL', KEYS[1], rows[i])
             end
         end
         return result",
    )
});

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

#[derive(Default)]
pub(crate) struct Keep {
    leases: DashMap<String, Lease>,
    entries: DashMap<String, BTreeMap<String, (GuardId, Bytes)>>,
    /// Entries of other nodes as last seen, shown while the link is down.
    others: DashMap<String, BTreeMap<String, Bytes>>,
    removals: Mutex<Removals>,
    /// Whether an entry may not have reached Redis.
    unwritten: AtomicBool,
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

    fn removals(&self) -> MutexGuard<'_, Removals> {
        self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody in this process has it or is about to take it.
    pub(crate) fn reserve_lease(&self, name: &str, guard: GuardId, lost: watch::Sender<bool>) -> bool {
        match self.leases.entry(name.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                self.removals().leases.remove(name);
                place.insert(Lease { guard, lost, confirmed: false });
                true
            }
        }
    }

    /// Redis has given us a reserved lease.
    pub(crate) fn confirm_lease(&self, name: &str) {
        if let Some(mut lease) = self.leases.get_mut(name) {
            lease.confirmed = true;
        }
    }

    /// Redis has given a reserved lease to somebody else.
    pub(crate) fn forget_lease(&self, name: &str) {
        self.leases.remove(name);
    }

    /// Gives a lease up, also one of which it is unknown whether Redis gave it to us.
    pub(crate) fn release_lease(&self, name: &str, guard: GuardId) {
        // By the entry: who reserves the lease next takes the removal out again, so that must come first.
        if let Entry::Occupied(lease) = self.leases.entry(name.to_owned())
            && lease.get().guard == guard
        {
            self.removals().leases.insert(name.to_owned());
            lease.remove();
        }
    }

    /// Somebody else holds it: tells the guard.
    pub(crate) fn lose_lease(&self, name: &str) {
        if let Some((_, lease)) = self.leases.remove_if(name, |_, lease| lease.confirmed) {
            lease.lost.send_replace(true);
        }
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.leases.get(name).is_some_and(|lease| lease.confirmed)
    }

    /// Whether this node holds it or is about to take it.
    fn wants(&self, name: &str) -> bool {
        self.leases.contains_key(name)
    }

    /// The leases that this node holds.
    pub(crate) fn leases(&self) -> Vec<String> {
        self.leases.iter().filter(|lease| lease.confirmed).map(|lease| lease.key().clone()).collect()
    }

    pub(crate) fn add_entry(&self, set: &str, key: &str, guard: GuardId, entry: Bytes) {
        let mut entries = self.entries.entry(set.to_owned()).or_default();
        entries.insert(key.to_owned(), (guard, entry));
        self.removals().entries.remove(&(set.to_owned(), key.to_owned()));
    }

    pub(crate) fn note_unwritten(&self) {
        self.unwritten.store(true, Ordering::Release);
    }

    /// Whether an entry may not have reached Redis since this was asked last.
    pub(crate) fn take_unwritten(&self) -> bool {
        self.unwritten.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn remove_entry(&self, set: &str, key: &str, guard: GuardId) {
        if let Entry::Occupied(mut entries) = self.entries.entry(set.to_owned()) {
            if entries.get().get(key).is_none_or(|(by, _)| *by != guard) {
                return;
            }
            entries.get_mut().remove(key);
            if entries.get().is_empty() {
                entries.remove();
            }
            self.removals().entries.insert((set.to_owned(), key.to_owned()));
        }
    }

    /// Every entry of this node as `(set, key, entry)`.
    pub(crate) fn own_entries(&self) -> Vec<(String, String, Bytes)> {
        let rows =
            |set: dashmap::mapref::multiple::RefMulti<'_, String, BTreeMap<String, (GuardId, Bytes)>>| {
                set.iter()
                    .map(|(key, (_, entry))| (set.key().clone(), key.clone(), entry.clone()))
                    .collect::<Vec<_>>()
            };
        self.entries.iter().flat_map(rows).collect()
    }

    pub(crate) fn remember_others(&self, set: &str, own: NodeId, rows: Vec<(String, Vec<u8>)>) {
        let parsed = rows.into_iter().filter_map(|(key, value)| Some((key, names::parse_entry(&value)?)));
        let others: BTreeMap<String, Bytes> =
            parsed.filter(|(_, (node, _))| *node != own).map(|(key, (_, entry))| (key, entry)).collect();
        if others.is_empty() {
            self.others.remove(set);
        } else {
            self.others.insert(set.to_owned(), others);
        }
    }

    /// Own entries, which are always right, and those of others as last seen.
    pub(crate) fn entries(&self, set: &str) -> Vec<(String, Bytes)> {
        let mut all = self.others.get(set).map(|others| others.clone()).unwrap_or_default();
        if let Some(own) = self.entries.get(set) {
            all.extend(own.iter().map(|(key, (_, entry))| (key.clone(), entry.clone())));
        }
        all.into_iter().collect()
    }

    pub(crate) fn has_no_removals(&self) -> bool {
        let removals = self.removals();
        removals.leases.is_empty() && removals.entries.is_empty()
    }

    pub(crate) fn take_removals(&self) -> Removals {
        std::mem::take(&mut *self.removals())
    }

    /// Puts removals back that could not be carried out.
    pub(crate) fn restore_removals(&self, taken: Removals) {
        // The maps are looked at before the lock is taken: elsewhere it is taken under theirs.
        let gone =
            |(set, key): &(String, String)| !self.entries.get(set).is_some_and(|own| own.contains_key(key));
        let leases: Vec<String> = taken.leases.into_iter().filter(|name| !self.wants(name)).collect();
        let entries: Vec<(String, String)> = taken.entries.into_iter().filter(gone).collect();
        let mut removals = self.removals();
        removals.leases.extend(leases);
        removals.entries.extend(entries);
    }
}

#[cfg(test)]
mod tests;
