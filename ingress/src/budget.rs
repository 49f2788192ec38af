//! Memory for requests' bodies: reserved as they come in, given back when nothing of them is kept.

use common::{address::ClientNetwork, id::AccountId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The beginning of a body, in bytes, that does not count against its client: as much as most bodies have.
///
/// So clients that share an address with one who fills its share still deliver.
pub const BEGINNING_BYTES: usize = 16 * 1024;

/// Bytes of bodies that may be in memory.
pub struct Budget {
    /// The metric that shows how many are.
    gauge: &'static str,
    max: usize,
    per_client_max: usize,
    per_account_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by_client: BTreeMap<Option<ClientNetwork>, usize>,
    by_account: BTreeMap<AccountId, usize>,
}

impl Budget {
    /// So many in all, and so many beyond the beginning of each of one client's bodies. An account has at most a
    /// quarter, whatever is said: from however many addresses its bodies come, others' get in beside them. `gauge`
    /// is the metric.
    pub fn new(gauge: &'static str, max: usize, per_client_max: usize, per_account_max: usize) -> Arc<Self> {
        let per_account_max = per_account_max.min(max / 4);
        Arc::new(Self { gauge, max, per_client_max, per_account_max, held: Mutex::default() })
    }

    /// Nothing yet, for a client's body; of an account, where that is known before the body is.
    pub fn open(self: &Arc<Self>, client: Option<ClientNetwork>, account: Option<AccountId>) -> Reserved {
        Reserved { budget: Arc::clone(self), client, account, bytes: 0 }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of the budget that one body has, until this is dropped.
pub struct Reserved {
    budget: Arc<Budget>,
    client: Option<ClientNetwork>,
    account: Option<AccountId>,
    bytes: usize,
}

impl Reserved {
    /// Makes its share `bytes` in all; false if the budget has not that many left.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let (more, counted) =
            (bytes.saturating_sub(self.bytes), beyond_beginning(bytes) - beyond_beginning(self.bytes));
        let mut held = self.budget.held();
        let of_client = held.by_client.get(&self.client).copied().unwrap_or(0) + counted;
        let of_account = self.account.map_or(0, |it| held.by_account.get(&it).copied().unwrap_or(0) + more);
        // The last quarter is for beginnings: small bodies get in when large ones have taken the rest.
        let max = if counted > 0 { self.budget.max - self.budget.max / 4 } else { self.budget.max };
        let is_shared_out = of_account > self.budget.per_account_max
            || (counted > 0 && of_client > self.budget.per_client_max);
        if held.all + more > max || is_shared_out {
            return false;
        }
        held.all += more;
        if counted > 0 {
            held.by_client.insert(self.client, of_client);
        }
        if let Some(account) = self.account {
            held.by_account.insert(account, of_account);
        }
        set_gauge(self.budget.gauge, held.all);
        self.bytes = self.bytes.max(bytes);
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut held = self.budget.held();
        held.all -= self.bytes;
        take_from(&mut held.by_client, self.client, beyond_beginning(self.bytes));
        if let Some(account) = self.account {
            take_from(&mut held.by_account, account, self.bytes);
        }
        set_gauge(self.budget.gauge, held.all);
    }
}

/// Gives bytes back; who has none left is forgotten.
fn take_from<K: Ord>(held: &mut BTreeMap<K, usize>, of: K, bytes: usize) {
    let left = held.get(&of).copied().unwrap_or(0).saturating_sub(bytes);
    if left == 0 {
        held.remove(&of);
    } else {
        held.insert(of, left);
    }
}

/// The part of a body that counts against its client.
const fn beyond_beginning(bytes: usize) -> usize {
    bytes.saturating_sub(BEGINNING_BYTES)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and 2^53 bytes are not reached")]
fn set_gauge(gauge: &'static str, bytes: usize) {
    metrics::gauge!(gauge).set(bytes as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{address::ClientAddress, clock::ManualClock};

    fn client(last: u8) -> Option<ClientNetwork> {
        Some(ClientAddress([127, 0, 0, last].into()).network())
    }

    fn account() -> Option<AccountId> {
        Some(AccountId::generate(&ManualClock::default()))
    }

    /// A budget of 1 MiB, a quarter of it for a client.
    fn budget() -> Arc<Budget> {
        Budget::new("test", 1024 * 1024, 256 * 1024, 256 * 1024)
    }

    #[test]
    fn an_account_has_its_share_from_however_many_addresses() {
        let (budget, greedy) = (budget(), account());
        let mut bodies: Vec<_> = (0..200).map(|last| budget.open(client(last), greedy)).collect();
        let taken = bodies.iter_mut().filter_map(|body| body.grow_to(BEGINNING_BYTES).then_some(())).count();
        assert_eq!(taken * BEGINNING_BYTES, 256 * 1024, "every byte of them counts");
        assert!(budget.open(client(1), account()).grow_to(200 * 1024), "the others have room");
        drop(bodies);
        assert!(budget.open(client(1), greedy).grow_to(200 * 1024));
        assert!(budget.held().by_account.is_empty(), "everything is given back");
        let generous = Budget::new("test", 1024 * 1024, 1024 * 1024, 1024 * 1024);
        assert!(
            !generous.open(client(1), greedy).grow_to(300 * 1024),
            "no setting gives more than a quarter"
        );
    }

    #[test]
    fn a_client_has_its_share_and_small_bodies_get_in_beside_it() {
        let budget = budget();
        let mut large = budget.open(client(1), account());
        assert!(large.grow_to(200 * 1024));
        let mut second = budget.open(client(1), account());
        assert!(!second.grow_to(200 * 1024), "its client has had its share");
        assert!(second.grow_to(BEGINNING_BYTES));
        assert!(budget.open(client(2), account()).grow_to(200 * 1024));
        drop(large);
        assert!(second.grow_to(200 * 1024));
        drop(second);
        let held = budget.held();
        assert_eq!((held.all, held.by_client.len()), (0, 0), "everything is given back");
    }

    #[test]
    fn all_clients_together_have_no_more_than_there_is() {
        let budget = budget();
        let mut bodies: Vec<_> = (0..8).map(|last| budget.open(client(last), account())).collect();
        let large = bodies.iter_mut().filter_map(|body| body.grow_to(250 * 1024).then_some(())).count();
        assert_eq!(large, 3, "three quarters are for what is large");
        let mut small: Vec<_> = (0..100).map(|last| budget.open(client(last), account())).collect();
        let small = small.iter_mut().filter_map(|body| body.grow_to(BEGINNING_BYTES).then_some(())).count();
        assert_eq!(small, (1024 - 750) / 16);
    }
}
