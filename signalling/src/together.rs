//! Questions to the store that wait to be [asked](crate::asking) together.

use common::{id::AccountId, protocol::Failure};
use dashmap::{DashMap, Entry};
use tokio::sync::oneshot;

/// Questions that are asked together.
///
/// More spares the store transactions; fewer answers the first of them sooner.
const TOGETHER_MAX: usize = 64;

/// A question, and where the answer goes. Who has gone needs none.
pub(crate) type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, Failure>>);

/// What was not asked yet, by account. An account that has an entry has a task that asks.
pub(crate) struct Together<Q, A>(DashMap<AccountId, Vec<Waiting<Q, A>>>);

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<Q, A> Together<Q, A> {
    /// Appends a question; whether a task must be begun that asks.
    pub(crate) fn push(&self, account: AccountId, waiting: Waiting<Q, A>) -> bool {
        match self.0.entry(account) {
            Entry::Occupied(mut others) => {
                others.get_mut().push(waiting);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![waiting]);
                true
            }
        }
    }

    /// The next to be asked; `None` if there are none, and then the task is over.
    pub(crate) fn take(&self, account: AccountId) -> Option<Vec<Waiting<Q, A>>> {
        let Entry::Occupied(mut waiting) = self.0.entry(account) else { return None };
        if waiting.get().is_empty() {
            waiting.remove();
            return None;
        }
        let count = waiting.get().len().min(TOGETHER_MAX);
        Some(waiting.get_mut().drain(..count).collect())
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what waits in an account: nobody will ask it.
    pub(crate) fn forget(&self, account: AccountId) {
        self.0.remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    #[test]
    fn what_gathers_is_asked_in_groups_and_in_order_and_then_the_task_is_over() {
        let clock = ManualClock::default();
        let (one, other) = (AccountId::generate(&clock), AccountId::generate(&clock));
        let together = Together::<usize, ()>::default();
        let push = |account, question| together.push(account, (question, oneshot::channel().0));
        assert!(push(one, 0), "the first begins a task");
        assert!(push(other, 1000), "in each account");
        assert!((1..=TOGETHER_MAX).all(|question| !push(one, question)), "others wait for it");
        let take =
            |account| together.take(account).map(|some| some.into_iter().map(|(question, _)| question));
        assert!(take(one).unwrap().eq(0..TOGETHER_MAX));
        assert!(take(one).unwrap().eq([TOGETHER_MAX]));
        assert!(take(one).is_none());
        assert!(push(one, 0), "the next one begins another");
        together.forget(one);
        assert!(push(one, 0));
        assert!(take(other).unwrap().eq([1000]));
    }
}
