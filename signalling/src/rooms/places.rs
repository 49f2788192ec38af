//! How many rooms each account has live on this instance: each costs a task, two subscriptions and a look at the
//! bus every few seconds, whoever is in it.

use common::id::AccountId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts them. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<BTreeMap<AccountId, usize>>>);

/// A live room's place, given back when it is dropped.
pub(super) struct Place {
    of: AccountId,
    places: Places,
}

impl Places {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<AccountId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one for an account that may have so many; `None` if it has.
    pub(super) fn take(&self, account: AccountId, max: usize) -> Option<Place> {
        let mut counts = self.counts();
        let count = counts.get(&account).copied().unwrap_or(0);
        (count < max).then(|| {
            counts.insert(account, count + 1);
            Place { of: account, places: self.clone() }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        let left = counts.get(&self.of).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.remove(&self.of);
        } else {
            counts.insert(self.of, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    #[test]
    fn each_account_has_its_own_and_gets_them_back() {
        let (places, clock) = (Places::default(), ManualClock::default());
        let [one, other] = [AccountId::generate(&clock), AccountId::generate(&clock)];
        let first = places.take(one, 2).unwrap();
        let second = places.take(one, 2).unwrap();
        assert!(places.take(one, 2).is_none());
        assert!(places.take(other, 2).is_some());
        drop(first);
        let third = places.take(one, 2);
        assert!(third.is_some() && places.take(one, 2).is_none());
        drop((second, third));
        assert!(places.counts().is_empty(), "nothing is remembered of who has none");
    }
}
