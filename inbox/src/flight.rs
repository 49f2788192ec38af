//! Senders: they take work as places become free, so that what is slow holds up nothing else.
//!
//! Each piece of work is under way by itself. Whenever one is done its place is filled again, by what the
//! store says is due: at most so much per target and per account, over all instances (`store::system::Turn`).
//! So a target that hangs keeps its own share of the places and no others.

use crate::work::{POLL_EVERY, Queue};
use common::{error::Chain, id::AccountId};
use shutdown::Shutdown;
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
    /// Starts a sender. `context` is what it shares with others.
    pub(crate) fn send<Context, Work, Target, C, Claiming, S, Sending>(
        &self,
        context: &Context,
        shutdown: &Shutdown,
        sender: Sender<C, S>,
    ) where
        Context: Clone + Send + Sync + 'static,
        Work: Aimed<Target> + Send + 'static,
        Work::Id: Copy + PartialEq + Send + 'static,
        Target: Copy + Send + Sync + 'static,
        C: Fn(Context, Places<Target>) -> Claiming + Send + 'static,
        Claiming: Future<Output = Result<Taken<Work, Target>, StoreError>> + Send,
        S: Fn(Context, Work) -> Sending + Send + 'static,
        Sending: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (hint, context, token) = (self.hint(), context.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move {
            let mut under_way = UnderWay::new(sender.name);
            while !token.is_cancelled() {
                under_way.reap();
                let free = sender.places.saturating_sub(under_way.count());
                let mut look_again = POLL_EVERY;
                if free > 0 {
                    match (sender.claim)(context.clone(), under_way.places(free.min(BATCH))).await {
                        Ok(taken) => {
                            look_again = patience(&taken);
                            under_way.freed = taken.missed;
                            under_way.reap();
                            for work in taken.work {
                                let (id, target) = (work.id(), work.target());
                                let sending = (sender.send)(context.clone(), work);
                                under_way.begin(id, target, sending);
                            }
                        }
                        Err(error) => warn!(error = %Chain(&error), "The store failed a sender of {}; will retry", sender.name),
                    }
                }
                let waited = under_way.wait(&hint, look_again, sender.places);
                let _cancelled = token.run_until_cancelled(waited).await;
            }
            // What is under way is finished when the process drains; it is short. Others have its places then.
            while let Some(ended) = under_way.tasks.join_next_with_id().await {
                under_way.end(ended);
                under_way.reap();
                match (sender.claim)(context.clone(), under_way.places(0)).await {
                    Ok(taken) => under_way.freed = taken.missed,
                    Err(error) => warn!(error = %Chain(&error), "Places of {} are free again only when their leases end", sender.name),
                }
            }
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
    /// Tells it from other work.
    type Id;

    /// Which it is, however often it was taken.
    fn id(&self) -> Self::Id;

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

/// What a sender has in flight.
struct UnderWay<Id, Target> {
    name: &'static str,
    tasks: JoinSet<()>,
    /// What each task is for, also of those that are done and not noted yet.
    in_flight: Vec<InFlight<Id, Target>>,
    /// The targets of what is done, until the store has looked at them.
    freed: Vec<(AccountId, Target)>,
}

/// One piece of work, and the task that does it.
struct InFlight<Id, Target> {
    task: task::Id,
    id: Id,
    target: (AccountId, Target),
}

impl<Id: Copy + PartialEq, Target: Copy> UnderWay<Id, Target> {
    fn new(name: &'static str) -> Self {
        Self { name, tasks: JoinSet::new(), in_flight: Vec::new(), freed: Vec::new() }
    }

    fn count(&self) -> u16 {
        u16::try_from(self.in_flight.len()).unwrap_or(u16::MAX)
    }

    fn places(&self, free: u16) -> Places<Target> {
        let mut counts = BTreeMap::<AccountId, u16>::new();
        for work in &self.in_flight {
            let count = counts.entry(work.target.0).or_default();
            *count = count.saturating_add(1);
        }
        Places { free, freed: self.freed.clone(), under_way: counts.into_iter().collect() }
    }

    /// Begins something, unless it is still under way: whoever answers may have been waited for until after the
    /// lease, or the clock was set ahead. It is not done twice at once; once it is done, or its second lease has
    /// ended, the store knows what to do about it.
    fn begin(
        &mut self,
        id: Id,
        target: (AccountId, Target),
        sending: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        if self.in_flight.iter().any(|work| work.id == id) {
            warn!(account.id = %target.0, "The store gave out work of {} that is still under way here; it is not begun again", self.name);
            return;
        }
        let task = self.tasks.spawn(async move {
            if let Err(error) = sending.await {
                warn!(account.id = %target.0, error = %Chain(&error), "The store failed a sender; its work is taken again when the lease ends");
            }
        });
        self.in_flight.push(InFlight { task: task.id(), id, target });
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
        let task = ended.map_or_else(|panicked| panicked.id(), |(task, ())| task);
        if let Some(at) = self.in_flight.iter().position(|work| work.task == task) {
            self.freed.push(self.in_flight.swap_remove(at).target);
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
    use common::{
        clock::ManualClock,
        id::{ChannelId, WebhookId},
    };
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_under_way_counts_per_account_until_it_ends_however_it_ends() {
        let clock = ManualClock::default();
        let accounts = [AccountId::generate(&clock), AccountId::generate(&clock)];
        let webhook = WebhookId::generate(&clock);
        let mut under_way = UnderWay::new("deliveries");
        let (end, ended) = oneshot::channel::<()>();
        under_way.begin(1, (accounts[0], webhook), async move {
            let _ended = ended.await;
            Ok(())
        });
        under_way.begin(2, (accounts[0], webhook), async { panic!("a panic that this test wants") });
        under_way.begin(3, (accounts[1], webhook), std::future::pending());
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

    /// The wall clock was set ahead, or the store hung until after the lease: it gives out again what a task of
    /// this instance is still doing.
    #[tokio::test]
    async fn what_is_under_way_is_not_begun_again_until_it_has_ended() {
        let clock = ManualClock::default();
        let target = (AccountId::generate(&clock), ChannelId::generate(&clock));
        let mut under_way = UnderWay::new("replies");
        let (answered, begun) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        let send = || {
            let (answered, begun) = (Arc::clone(&answered), Arc::clone(&begun));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                answered.notified().await;
                Ok(())
            }
        };
        under_way.begin(1, target, send());
        under_way.begin(1, target, send());
        under_way.begin(2, target, send());
        assert_eq!(under_way.count(), 2, "one each");
        let hint = Notify::new();
        for _ in 0..2 {
            answered.notify_one();
            under_way.wait(&hint, Duration::from_secs(60), 9).await;
        }
        assert_eq!((under_way.count(), begun.load(Ordering::SeqCst)), (0, 2));
        under_way.begin(1, target, send());
        assert_eq!(under_way.count(), 1, "it may be tried again");
        under_way.tasks.abort_all();
        under_way.wait(&hint, Duration::from_secs(60), 9).await;
        under_way.begin(1, target, send());
        assert_eq!(under_way.count(), 1, "however it ended");
    }
}
