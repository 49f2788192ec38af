//! What this node has in Redis and must put there again after an outage.

use super::names;
use bytes::Bytes;
use common::id::NodeId;
use dashmap::{DashMap, Entry};
use redis::Script;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

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

/// All entries of a set whose node lives; the others are swept. A node is 36 characters of text.
pub(crate) static LIVING_ENTRIES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local rows, alive, result = redis.call('HGETALL', KEYS[1]), {}, {}
         for i = 1, #rows, 2 do
             local node = string.sub(rows[i + 1], 1, 36)
             if alive[node] == nil then alive[node] = redis.call('EXISTS', ARGV[1] .. node) == 1 end
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

#[derive(Default)]
pub(crate) struct Keep {
    /// Held leases; the sender tells the guard when one is lost.
    leases: DashMap<String, watch::Sender<bool>>,
    entries: DashMap<String, BTreeMap<String, Bytes>>,
    /// Entries of other nodes as last seen, shown while the link is down.
    others: DashMap<String, BTreeMap<String, Bytes>>,
    removals: Mutex<Removals>,
}

impl Keep {
    fn removals(&self) -> MutexGuard<'_, Removals> {
        self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody in this process has it or is about to take it.
    pub(crate) fn reserve_lease(&self, name: &str, lost: watch::Sender<bool>) -> bool {
        match self.leases.entry(name.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                self.removals().leases.remove(name);
                place.insert(lost);
                true
            }
        }
    }

    pub(crate) fn forget_lease(&self, name: &str) {
        self.leases.remove(name);
    }

    pub(crate) fn release_lease(&self, name: &str) {
        if self.leases.remove(name).is_some() {
            self.removals().leases.insert(name.to_owned());
        }
    }

    /// Somebody else holds it: tells the guard.
    pub(crate) fn lose_lease(&self, name: &str) {
        if let Some((_, lost)) = self.leases.remove(name) {
            lost.send_replace(true);
        }
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.leases.contains_key(name)
    }

    pub(crate) fn leases(&self) -> Vec<String> {
        self.leases.iter().map(|lease| lease.key().clone()).collect()
    }

    pub(crate) fn add_entry(&self, set: &str, key: &str, entry: Bytes) {
        let mut entries = self.entries.entry(set.to_owned()).or_default();
        entries.insert(key.to_owned(), entry);
        self.removals().entries.remove(&(set.to_owned(), key.to_owned()));
    }

    pub(crate) fn remove_entry(&self, set: &str, key: &str) {
        if let Entry::Occupied(mut entries) = self.entries.entry(set.to_owned()) {
            entries.get_mut().remove(key);
            if entries.get().is_empty() {
                entries.remove();
            }
            self.removals().entries.insert((set.to_owned(), key.to_owned()));
        }
    }

    /// Every entry of this node as `(set, key, entry)`.
    pub(crate) fn own_entries(&self) -> Vec<(String, String, Bytes)> {
        let rows = |set: dashmap::mapref::multiple::RefMulti<'_, String, BTreeMap<String, Bytes>>| {
            set.iter().map(|(key, entry)| (set.key().clone(), key.clone(), entry.clone())).collect::<Vec<_>>()
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
            all.extend(own.clone());
        }
        all.into_iter().collect()
    }

    pub(crate) fn take_removals(&self) -> Removals {
        std::mem::take(&mut *self.removals())
    }

    /// Puts removals back that could not be carried out.
    pub(crate) fn restore_removals(&self, taken: Removals) {
        // The maps are looked at before the lock is taken: elsewhere it is taken under theirs.
        let gone =
            |(set, key): &(String, String)| !self.entries.get(set).is_some_and(|own| own.contains_key(key));
        let leases: Vec<String> = taken.leases.into_iter().filter(|name| !self.holds(name)).collect();
        let entries: Vec<(String, String)> = taken.entries.into_iter().filter(gone).collect();
        let mut removals = self.removals();
        removals.leases.extend(leases);
        removals.entries.extend(entries);
    }
}
