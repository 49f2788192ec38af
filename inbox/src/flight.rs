//! Senders: they take work as places become free, so that what is slow holds up nothing else.
//!
//! Each piece of work is under way by itself. Whenever one is done its place is filled again, by what the
//! store says is due: at most so much per target and per account, over all instances (`store::system::Turn`).
//! So a target that hangs keeps its own share of the places and no others.

use crate::{
    role::Inbox,
    work::{POLL_EVERY, Queue, chain},
};
use bus::Shutdown;
use common::id::AccountId;
use std::{collections::BTreeMap, future::Future, time::Duration};
use store::{
    StoreError,
    system::{Shares, Taken, Turn},
};
use tokio::{
    sync::Notify,
    task::{self, JoinError, JoinSet},
    time::timeout,
};
use tracing::warn;

/// How soon to look again for what somebody else was looking at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The most that is taken at once. More saves round trips under load; fewer leaves more to other instances.
const BATCH: u16 = 64;

/// What is to be done, how to get it and how to do it.
pub(crate) struct Sender<C, S> {
    /// For the metrics: `replies`, `deliveries`.
    pub(crate) name: &'static str,
    /// How much is under way at the same time on this instance.
    pub(crate) places: u16,
    /// Takes what these places have room for.
    pub(crate) claim: C,
    /// Does one piece of work.
    pub(crate) send: S,
}

impl Queue {
    /// Starts a sender.
    pub(crate) fn send<Work, Target, C, Claiming, S, Sending>(
        &self,
        inbox: &Inbox,
        shutdown: &Shutdown,
        sender: Sender<C, S>,
    ) where
        Work: Aimed<Target> + Send + 'static,
        Target: Copy + Send + Sync + 'static,
        C: Fn(Inbox, Places<Target>) -> Claiming + Send + 'static,
        Claiming: Future<Output = Result<Taken<Work, Target>, StoreError>> + Send,
        S: Fn(Inbox, Work) -> Sending + Send + 'static,
        Sending: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (hint, inbox, token) = (self.hint(), inbox.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move {
            let mut under_way = UnderWay::new(sender.name);
            while !token.is_cancelled() {
                under_way.reap();
                let free = sender.places.saturating_sub(under_way.count());
                let mut look_again = POLL_EVERY;
                if free > 0 {
                    match (sender.claim)(inbox.clone(), under_way.places(free.min(BATCH))).await {
                        Ok(taken) => {
                            look_again = patience(&taken);
                            under_way.freed = taken.missed;
                            for work in taken.work {
                                let target = work.target();
                                let sending = (sender.send)(inbox.clone(), work);
                                under_way.begin(target, sending);
                            }
                        }
                        Err(error) => warn!(error = %chain(&error), "The store failed a sender of {}; will retry", sender.name),
                    }
                }
                let waited = under_way.wait(&hint, look_again, sender.places);
                let _cancelled = token.run_until_cancelled(waited).await;
            }
            // What is under way is finished when the process drains; it is short.
            while under_way.tasks.join_next().await.is_some() {}
        });
    }
}

/// What a sender has room for.
pub(crate) struct Places<Target> {
    free: u16,
    /// The targets whose work is done.
    freed: Vec<(AccountId, Target)>,
    /// How much is under way of each account.
    under_way: Vec<(AccountId, u16)>,
}

impl<Target> Places<Target> {
    /// What to ask the store for.
    pub(crate) fn turn(&self, lease: Duration, shares: Shares) -> Turn<'_, Target> {
        Turn { limit: self.free, lease, shares, freed: &self.freed, under_way: &self.under_way }
    }
}

/// Work that says whose it is.
pub(crate) trait Aimed<Target> {
    /// The account, and the target that the work is for.
    fn target(&self) -> (AccountId, Target);
}

/// How soon there may be more.
fn patience<Work, Target>(taken: &Taken<Work, Target>) -> Duration {
    if taken.more && !taken.work.is_empty() {
        Duration::ZERO
    } else if taken.more || !taken.missed.is_empty() {
        LOOK_AGAIN
    } else {
        POLL_EVERY
    }
}

/// What a sender has begun.
struct UnderWay<Target> {
    name: &'static str,
    tasks: JoinSet<()>,
    /// What each task is for, also of those that are done and not noted yet.
    begun: Vec<(task::Id, (AccountId, Target))>,
    /// The targets of what is done, until the store has looked at them.
    freed: Vec<(AccountId, Target)>,
}

impl<Target: Copy + Send + 'static> UnderWay<Target> {
    fn new(name: &'static str) -> Self {
        Self { name, tasks: JoinSet::new(), begun: Vec::new(), freed: Vec::new() }
    }

    fn count(&self) -> u16 {
        u16::try_from(self.begun.len()).unwrap_or(u16::MAX)
    }

    fn places(&self, free: u16) -> Places<Target> {
        let mut counts = BTreeMap::<AccountId, u16>::new();
        for (_, (account, _)) in &self.begun {
            let count = counts.entry(*account).or_default();
            *count = count.saturating_add(1);
        }
        Places { free, freed: self.freed.clone(), under_way: counts.into_iter().collect() }
    }

    fn begin(
        &mut self,
        target: (AccountId, Target),
        sending: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(async move {
            if let Err(error) = sending.await {
                warn!(account.id = %target.0, error = %chain(&error), "The store failed a sender; its work is taken again when the lease ends");
            }
        });
        self.begun.push((task.id(), target));
        self.note();
    }

    /// Notes what is done. What panicked is taken again when its lease ends.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.end(ended);
        }
        self.note();
    }

    fn end(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = ended.map_or_else(|panicked| panicked.id(), |(id, ())| id);
        if let Some(at) = self.begun.iter().position(|(begun, _)| *begun == id) {
            let (_, target) = self.begun.swap_remove(at);
            self.freed.push(target);
        }
    }

    fn note(&self) {
        metrics::gauge!("inbox_in_flight", "queue" => self.name).set(f64::from(self.count()));
    }

    /// Waits until something is done, until there may be something new to do, or for `look_again`.
    async fn wait(&mut self, hint: &Notify, look_again: Duration, places: u16) {
        let is_full = self.count() >= places;
        let something = async {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => Some(ended),
                () = hint.notified(), if !is_full => None,
            }
        };
        if let Ok(Some(ended)) = timeout(look_again, something).await {
            self.end(ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{clock::ManualClock, id::WebhookId};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_under_way_counts_per_account_until_it_ends_however_it_ends() {
        let clock = ManualClock::default();
        let accounts = [AccountId::generate(&clock), AccountId::generate(&clock)];
        let webhook = WebhookId::generate(&clock);
        let mut under_way = UnderWay::new("deliveries");
        let (end, ended) = oneshot::channel::<()>();
        under_way.begin((accounts[0], webhook), async move {
            let _ended = ended.await;
            Ok(())
        });
        under_way.begin((accounts[0], webhook), async { panic!("a panic that this test wants") });
        under_way.begin((accounts[1], webhook), std::future::pending());
        let mut counts = [(accounts[0], 2), (accounts[1], 1)];
        counts.sort();
        assert_eq!(under_way.places(9).under_way, counts);

        let hint = Notify::new();
        under_way.wait(&hint, Duration::from_secs(60), 9).await;
        end.send(()).unwrap();
        under_way.wait(&hint, Duration::from_secs(60), 9).await;
        assert_eq!(under_way.places(9).under_way, [(accounts[1], 1)]);
        assert_eq!(under_way.places(9).freed, [(accounts[0], webhook); 2]);
    }
}
