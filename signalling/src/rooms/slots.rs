//! How many rooms each account has live on this instance: each costs a task, two subscriptions and a look at the
//! bus every few seconds, whoever is in it.

use common::id::AccountId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts them. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<BTreeMap<AccountId, usize>>>);

/// A live room's slot, given back when it is dropped.
pub(super) struct Slot {
    of: AccountId,
    slots: Slots,
}

impl Slots {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<AccountId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one for an account that may have so many; `None` if it has.
    pub(super) fn take(&self, account: AccountId, max: usize) -> Option<Slot> {
        let mut counts = self.counts();
        let count = counts.get(&account).copied().unwrap_or(0);
        (count < max).then(|| {
            counts.insert(account, count + 1);
            Slot { of: account, slots: self.clone() }
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.slots.counts();
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
        let (slots, clock) = (Slots::default(), ManualClock::default());
        let [one, other] = [AccountId::generate(&clock), AccountId::generate(&clock)];
        let first = slots.take(one, 2).unwrap();
        let second = slots.take(one, 2).unwrap();
        assert!(slots.take(one, 2).is_none());
        assert!(slots.take(other, 2).is_some());
        drop(first);
        let third = slots.take(one, 2);
        assert!(third.is_some() && slots.take(one, 2).is_none());
        drop((second, third));
        assert!(slots.counts().is_empty(), "nothing is remembered of who has none");
    }
}
