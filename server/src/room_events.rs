//! Writes down what happens in this process's media sessions, for the accounts whose webhooks are told of rooms, and ends
//! what nobody tells of any more.
//!
//! One task, beside the calls: however slow Postgres is, and while it is away, what happens waits in memory up to a bound,
//! and calls know nothing of it.

use crate::living::Living;
use bus::Bus;
use common::{
    clock::Clock,
    error::Chain,
    id::{AccountId, NodeId, RoomId},
    session_record::SessionReport,
    subject::inbox::{Work, WorkTopic},
};
use sfu::Ledger;
use shutdown::Shutdown;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    Store, StoreError,
    room_events::{self, GRACE},
    system::LostSession,
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, info, warn};

/// How long what happens is gathered before it is written down.
///
/// Longer writes less often where much happens; shorter tells sooner.
const GATHER_FOR: Duration = Duration::from_millis(200);

/// How soon what could not be written down is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often one account's news are tried while the database answers; and how often the last words of a media server that
/// has ended are. Then there is something wrong with them, and others have waited long enough: how the sessions stand is
/// written down with the next news of them.
const TRIES_MAX: u32 = 5;

/// How often there is a look for sessions of which nobody was told, and for those that nobody tells of any more.
const LOOK_EVERY: Duration = Duration::from_secs(10);

struct Writer {
    store: Store,
    bus: Bus,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    /// How often the news of accounts could not be written down, though the database answers.
    failed: BTreeMap<AccountId, u32>,
}

/// Works until the media server has ended and its last words are written down, or cannot be.
pub(crate) fn start((store, bus, clock): (Store, Bus, Arc<dyn Clock>), ledger: Ledger, shutdown: &Shutdown) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut living = Living::new(clock.now(), GRACE);
        let mut writer = Writer { store, bus, clock, ledger, failed: BTreeMap::new() };
        let mut last_tries = 0;
        loop {
            tokio::select! {
                has_more = writer.ledger.changed() => {
                    if !has_more {
                        return;
                    }
                    if last_tries == TRIES_MAX {
                        warn!("What happened last in rooms is not written down");
                        return;
                    }
                    // Also while the media server gives its calls away, which takes its time.
                    let is_last = writer.ledger.is_closed();
                    last_tries += u32::from(is_last);
                    let pause = writer.write_or_wait().await;
                    if !is_last || pause > GATHER_FOR {
                        sleep(pause).await;
                    }
                }
                _ = look.tick(), if !token.is_cancelled() => {
                    let looked = token.run_until_cancelled(writer.look(&mut living)).await;
                    if let Some(Err(error)) = looked {
                        warn!(error = %Chain(&error), "Sessions that nobody tells of were not looked for");
                    }
                }
            }
        }
    });
}

impl Writer {
    /// Writes down what has happened; how long to wait before the next time.
    async fn write_or_wait(&mut self) -> Duration {
        let written = self.write().await;
        let left_out = self.ledger.left_out();
        if left_out > 0 {
            warn!(
                count = left_out,
                "Too much happens in rooms before it can be written down; some of it is left out"
            );
        }
        match written {
            Ok(()) => GATHER_FOR,
            Err(error) => {
                warn!(error = %Chain(&error), "What happens in rooms is not written down; will try again");
                RETRY_AFTER
            }
        }
    }

    /// Writes down what has happened; what cannot be is as if it had not been taken.
    async fn write(&mut self) -> Result<(), StoreError> {
        let asked = self.ledger.accounts();
        // First, for it says whether the database is there at all: if it is not, that counts for nobody.
        let accounts: Vec<AccountId> = asked.iter().copied().collect();
        let wanted = self.store.system().told_of_rooms(&accounts).await?;
        let mut by_account: BTreeMap<AccountId, Vec<SessionReport>> = BTreeMap::new();
        for news in self.ledger.take(&asked, &wanted) {
            by_account.entry(news.account).or_default().push(news);
        }
        let mut outcome = Ok(());
        for (account, news) in by_account {
            match self.write_of(account, &news).await {
                Ok(()) => {
                    self.failed.remove(&account);
                }
                Err(error) => {
                    self.note_failure(account, news);
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    fn note_failure(&mut self, account: AccountId, news: Vec<SessionReport>) {
        let failed = self.failed.entry(account).or_default();
        *failed += 1;
        if *failed < TRIES_MAX {
            return self.ledger.put_back(news);
        }
        self.failed.remove(&account);
        warn!(account.id = %account, count = news.len(), "News of rooms are left out");
    }

    async fn write_of(&self, account: AccountId, news: &[SessionReport]) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(account).await?;
        room_events::tell(&mut tx, self.bus.node(), news, &*self.clock).await?;
        tx.commit().await?;
        self.wake_senders().await;
        Ok(())
    }

    /// Only a hint: without it they look a little later.
    async fn wake_senders(&self) {
        if let Err(error) = self.bus.publish(&WorkTopic, &Work::Outbox).await {
            debug!(error = %Chain(&error), "Senders were not woken; they will look by themselves");
        }
    }

    async fn look(&self, living: &mut Living) -> Result<(), StoreError> {
        self.look_for_untold().await?;
        self.look_for_lost(living).await
    }

    /// Has it said again how sessions stand of which nothing was told, or another node has told last: somebody has begun to
    /// listen, news were left out, or those of the node before came late.
    async fn look_for_untold(&self) -> Result<(), StoreError> {
        let going = self.ledger.going();
        if going.is_empty() {
            return Ok(());
        }
        let untold = self.store.system().untold_sessions(self.bus.node(), &going).await?;
        if !untold.is_empty() {
            self.ledger.repeat(&untold);
        }
        Ok(())
    }

    /// Ends what nodes have told of that are gone, and what this one knows nothing of.
    async fn look_for_lost(&self, living: &mut Living) -> Result<(), StoreError> {
        let Some(mut living) = living.look(&self.bus, self.clock.now()).await else { return Ok(()) };
        let own: NodeId = self.bus.node();
        living.push(own);
        // Those that have ended and are not written down yet are not lost.
        let known = self.ledger.rooms();
        let rooms: Vec<RoomId> = known.iter().copied().collect();
        let lost = self.store.system().lost_sessions(own, &living, &rooms, &*self.clock).await?;
        for LostSession { account, room, node } in lost {
            info!(account.id = %account, room.id = %room, node.id = %node, "Nobody tells any more of who was in room {room}");
            let goes_on = node == own && known.contains(&room);
            let mut tx = self.store.tenant(account).await?;
            room_events::expire(&mut tx, room, node, goes_on, &*self.clock).await?;
            tx.commit().await?;
            self.wake_senders().await;
        }
        Ok(())
    }
}
