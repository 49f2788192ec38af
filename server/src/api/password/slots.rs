//! Slots in the queue for hashing, of which nobody has all: not one line, not one account.

use common::{
    address::{ClientAddress, ClientNetwork},
    id::AccountId,
};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The caller that a password is hashed or verified for.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::api) struct Asker {
    site: Option<ClientNetwork>,
    account: Option<AccountId>,
    is_known: bool,
}

impl Asker {
    /// A caller at this address.
    pub(in crate::api) fn at(address: Option<IpAddr>) -> Self {
        Self { site: address.map(|address| ClientAddress(address).site()), ..Self::default() }
    }

    /// The same for an account.
    #[must_use]
    pub(in crate::api) const fn of(self, account: AccountId) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The same, as the owner of a browser that is known.
    #[must_use]
    pub(in crate::api) const fn known(self, is_known: bool) -> Self {
        Self { is_known, ..self }
    }
}

/// The slots of one queue.
pub(super) struct Slots {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: BTreeMap<Share, usize>,
}

/// A holder of a share of the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    Site(ClientNetwork),
    Account(AccountId),
}

/// A slot, until it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    shares: [Option<Share>; 2],
}

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max: max.max(1), taken: Mutex::default() })
    }

    /// A slot. One site has half of them at most, one account a quarter, and the last quarter is for known
    /// browsers: whose owners sign in while strangers have taken the rest.
    pub(super) fn take(self: &Arc<Self>, asker: &Asker) -> Option<Slot> {
        let shares = [asker.site.map(Share::Site), asker.account.map(Share::Account)];
        let max = if asker.is_known { self.max } else { self.max - self.max / 4 };
        let mut taken = self.taken();
        let has_room = |share: &Share| {
            let most = match share {
                Share::Site(_) => self.max.div_ceil(2),
                Share::Account(_) => self.max.div_ceil(4),
            };
            taken.by.get(share).copied().unwrap_or(0) < most
        };
        if taken.all >= max || !shares.iter().flatten().all(has_room) {
            return None;
        }
        taken.all += 1;
        for share in shares.iter().flatten() {
            *taken.by.entry(*share).or_default() += 1;
        }
        Some(Slot { slots: Arc::clone(self), shares })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all -= 1;
        for share in self.shares.iter().flatten() {
            if let Some(count) = taken.by.get_mut(share) {
                *count -= 1;
                if *count == 0 {
                    taken.by.remove(share);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    fn at(address: &str) -> Asker {
        Asker::at(Some(address.parse().unwrap()))
    }

    /// As many as there are.
    fn all(slots: &Arc<Slots>, asker: impl Fn(usize) -> Asker) -> Vec<Slot> {
        (0..100).map_while(|number| slots.take(&asker(number))).collect()
    }

    #[test]
    fn a_line_of_ipv6_has_its_share_and_others_sign_in() {
        let slots = Slots::new(64);
        let line = all(&slots, |network| at(&format!("2001:db8:1:{network:x}::1")));
        assert_eq!(line.len(), 32);
        assert_eq!(all(&slots, |_| at("192.0.2.1")).len(), 16, "a quarter is kept");
        drop(line);
        assert!(slots.taken().by.is_empty() && slots.taken().all == 0, "all is given back");
    }

    #[test]
    fn an_account_has_its_share_wherever_it_asks_from() {
        let (slots, clock) = (Slots::new(64), ManualClock::default());
        let (one, other) = (AccountId::generate(&clock), AccountId::generate(&clock));
        let held = all(&slots, |last| at(&format!("192.0.2.{last}")).of(one));
        assert_eq!(held.len(), 16);
        assert!(slots.take(&at("192.0.2.200").of(other)).is_some());
    }

    #[test]
    fn known_browsers_have_slots_when_strangers_have_taken_the_rest() {
        let slots = Slots::new(64);
        let strangers = all(&slots, |last| at(&format!("192.0.2.{last}")));
        assert_eq!(strangers.len(), 48);
        let owners = all(&slots, |last| at(&format!("198.51.100.{last}")).known(true));
        assert_eq!(owners.len(), 16);
    }

    #[test]
    fn however_few_slots_there_are_somebody_gets_one() {
        for max in 0..8 {
            let slots = Slots::new(max);
            let strangers = all(&slots, |last| at(&format!("192.0.2.{last}")));
            assert!(!strangers.is_empty(), "{max}");
            let owners = all(&slots, |last| at(&format!("198.51.100.{last}")).known(true));
            assert_eq!(strangers.len() + owners.len(), max.max(1), "{max}");
            drop((strangers, owners));
            let taken = slots.taken();
            assert_eq!((taken.all, taken.by.len()), (0, 0), "{max}");
        }
    }

    /// Who is known in a browser is still one line and one account.
    #[test]
    fn a_known_browser_has_no_more_than_its_share_either() {
        let (slots, clock) = (Slots::new(64), ManualClock::default());
        let line = all(&slots, |_| at("192.0.2.1").known(true));
        assert_eq!(line.len(), 32);
        drop(line);
        let account = AccountId::generate(&clock);
        let held = all(&slots, |last| at(&format!("192.0.2.{last}")).of(account).known(true));
        assert_eq!(held.len(), 16);
    }

    #[test]
    fn a_place_that_is_refused_takes_no_share() {
        let (slots, clock) = (Slots::new(64), ManualClock::default());
        let (full, other) = (AccountId::generate(&clock), AccountId::generate(&clock));
        let held = all(&slots, |last| at(&format!("192.0.2.{last}")).of(full));
        for _ in 0..100 {
            assert!(slots.take(&at("198.51.100.1").of(full)).is_none());
        }
        assert_eq!(all(&slots, |_| at("198.51.100.1").of(other)).len(), 16);
        drop(held);
    }
}
