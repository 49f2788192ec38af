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
use std::{future::Future, time::Duration};
use store::{StoreError, system::Taken};
use tokio::{sync::Notify, task::JoinSet, time::timeout};
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
    /// Takes at most so much, given the targets whose work is done.
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
        C: Fn(Inbox, u16, Vec<(AccountId, Target)>) -> Claiming + Send + 'static,
        Claiming: Future<Output = Result<Taken<Work, Target>, StoreError>> + Send,
        S: Fn(Inbox, Work) -> Sending + Send + 'static,
        Sending: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (hint, inbox, token) = (self.hint(), inbox.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move {
            let mut under_way = UnderWay { name: sender.name, tasks: JoinSet::new(), freed: Vec::new() };
            while !token.is_cancelled() {
                under_way.reap();
                let free = sender.places.saturating_sub(under_way.count());
                let mut look_again = POLL_EVERY;
                if free > 0 {
                    match (sender.claim)(inbox.clone(), free.min(BATCH), under_way.freed.clone()).await {
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
    tasks: JoinSet<(AccountId, Target)>,
    /// The targets of what is done, until the store has looked at them.
    freed: Vec<(AccountId, Target)>,
}

impl<Target: Copy + Send + 'static> UnderWay<Target> {
    fn count(&self) -> u16 {
        u16::try_from(self.tasks.len()).unwrap_or(u16::MAX)
    }

    fn begin(
        &mut self,
        target: (AccountId, Target),
        sending: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        self.tasks.spawn(async move {
            if let Err(error) = sending.await {
                warn!(account.id = %target.0, error = %chain(&error), "The store failed a sender; its work is taken again when the lease ends");
            }
            target
        });
        self.note();
    }

    /// Notes what is done. What panicked is taken again when its lease ends.
    fn reap(&mut self) {
        while let Some(done) = self.tasks.try_join_next() {
            self.freed.extend(done.ok());
        }
        self.note();
    }

    fn note(&self) {
        metrics::gauge!("inbox_in_flight", "queue" => self.name).set(f64::from(self.count()));
    }

    /// Waits until something is done, until there may be something new to do, or for `look_again`.
    async fn wait(&mut self, hint: &Notify, look_again: Duration, places: u16) {
        let is_full = self.count() >= places;
        let something = async {
            tokio::select! {
                Some(done) = self.tasks.join_next() => self.freed.extend(done.ok()),
                () = hint.notified(), if !is_full => {}
            }
        };
        let _too_long = timeout(look_again, something).await;
    }
}
