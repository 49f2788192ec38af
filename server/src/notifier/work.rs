//! Takes what is due and has it said.

use super::{
    Config, Notifier, Outcome,
    web_push::WebPush,
    webhook::{ByWebhook, Receiver},
};
use bus::Bus;
use common::{
    backoff::Backoff,
    chance,
    clock::Clock,
    error::Chain,
    id::{AccountId, UserId},
    subject::hub::AccountOnline,
};
use egress::Guard;
use shutdown::Shutdown;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::{
    Store, StoreError,
    notifications::{self, NoticeKind, Outgoing, Target},
    system::ClaimedNotification,
};
use tokio::{sync::Notify, time::timeout};
use tracing::{debug, warn};

/// How long an exchange with a push service or a webhook may take.
///
/// Longer gives slow ones a chance; shorter lets those who hang take less of the places.
pub(super) const SEND_TIME: Duration = Duration::from_secs(10);

/// How often there is a look. A call rings on a device as much later.
///
/// Longer asks the store less often, which is one look into an index.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a notification belongs to who sends it: longer than that may take. Whoever is killed keeps it from others
/// for so long.
const LEASE: Duration = Duration::from_secs(20);

/// Notifications under way at the same time on this instance.
pub(crate) const AT_ONCE: usize = 64;

/// Of those, of one account: others get through although all of its devices' services hang.
pub(crate) const AT_ONCE_PER_ACCOUNT: usize = 16;

/// How long somebody may seem to be connected who is not: a connection without a sign of life is given up after 50 s,
/// and a killed instance's people are forgotten sooner.
///
/// Longer tells those later whose connection died without a word; shorter than that time never.
const STALE_TIME: Duration = Duration::from_secs(60);

/// How soon it is looked again whether somebody is connected who is being called.
const RINGING_AGAIN: Duration = Duration::from_secs(3);

/// How long it is believed who is connected.
///
/// Longer reads an account's presence less often while it has much to tell; shorter tells fewer who have just come.
const ONLINE_TIME: Duration = Duration::from_secs(1);

/// The waits between tries of what failed, until it is of no use.
const RETRY: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(10 * 60));

struct Work {
    store: Store,
    bus: Bus,
    clock: Arc<dyn Clock>,
    web_push: WebPush,
    webhook: ByWebhook,
    /// How many are under way, by account.
    under_way: Mutex<BTreeMap<AccountId, usize>>,
    /// One has ended.
    freed: Notify,
}

/// Notifies until shutdown.
///
/// # Errors
/// If no HTTP client can be had.
pub(crate) fn start(
    (store, bus, clock): (Store, Bus, Arc<dyn Clock>),
    guard: &Guard,
    config: &Config,
    shutdown: &Shutdown,
) -> Result<(), egress::Error> {
    let web_push = WebPush::new(store.clone(), Arc::clone(&clock), guard, config.clone())?;
    let webhook = ByWebhook::new(Arc::clone(&clock), guard, config.clone())?;
    let under_way = Mutex::default();
    let work = Arc::new(Work { store, bus, clock, web_push, webhook, under_way, freed: Notify::new() });
    let shutdown = shutdown.clone();
    let (token, tasks) = (shutdown.token.clone(), shutdown.tasks.clone());
    shutdown.tasks.spawn(async move {
        let mut online = Online::default();
        while !token.is_cancelled() {
            match take(&work).await {
                Ok(claims) if claims.is_empty() => {
                    let pause = timeout(LOOK_EVERY, std::future::pending::<()>());
                    let _passed = token.run_until_cancelled(pause).await;
                }
                Ok(claims) => {
                    for claim in claims {
                        let is_online = online.has(&work, claim.account, claim.user).await;
                        let work = Arc::clone(&work);
                        // What is under way is finished when the process drains; it is short.
                        tasks.spawn(async move { work.send_and_free(&claim, is_online).await });
                    }
                }
                Err(error) => {
                    warn!(error = %Chain(&error), "Nobody can be notified; will retry");
                    let _passed = token.run_until_cancelled(tokio::time::sleep(LOOK_EVERY * 4)).await;
                }
            }
        }
    });
    Ok(())
}

/// Takes as many as there are places for.
async fn take(work: &Work) -> Result<Vec<ClaimedNotification>, StoreError> {
    let (busy, count) = share(&work.under_way());
    let free = u16::try_from(count).unwrap_or(0);
    if free == 0 {
        let _freed = timeout(SEND_TIME, work.freed.notified()).await;
        return Ok(Vec::new());
    }
    let claims = work.store.system().claim_notifications(free, &busy, LEASE, &*work.clock).await?;
    let mut under_way = work.under_way();
    for claim in &claims {
        *under_way.entry(claim.account).or_default() += 1;
    }
    Ok(claims)
}

/// Of which accounts nothing more is taken for now, and how much of the others. The fewer places are free, the fewer one
/// account may have: whose push services all hang leave some to those who have none yet.
fn share(under_way: &BTreeMap<AccountId, usize>) -> (Vec<AccountId>, usize) {
    let free = AT_ONCE.saturating_sub(under_way.values().sum());
    let most = (free / 2).clamp(1, AT_ONCE_PER_ACCOUNT);
    let busy = under_way.iter().filter(|(_, count)| **count >= most).map(|(account, _)| *account).collect();
    // All that is taken may be of one.
    let largest = under_way.values().filter(|count| **count < most).max().copied().unwrap_or_default();
    (busy, (most - largest).min(free))
}

/// Who has a device connected and is told there, as last read, by account.
#[derive(Default)]
struct Online(BTreeMap<AccountId, (Instant, BTreeSet<UserId>)>);

impl Online {
    /// While the bus is away that is nobody: better twice than never.
    async fn has(&mut self, work: &Work, account: AccountId, user: UserId) -> bool {
        let now = work.clock.now();
        self.0.retain(|_, (read_at, _)| *read_at + ONLINE_TIME > now);
        if let Some((_, people)) = self.0.get(&account) {
            return people.contains(&user);
        }
        match work.bus.entries(&AccountOnline(account)).await {
            Ok(entries) => {
                let people = entries.into_iter().filter(|(_, device)| !device.guest);
                let people: BTreeSet<_> = people.map(|(_, device)| device.user.user_id).collect();
                let is_online = people.contains(&user);
                self.0.insert(account, (now, people));
                is_online
            }
            Err(error) => {
                debug!(account.id = %account, error = %Chain(&error), "Who is connected cannot be told");
                false
            }
        }
    }
}

impl Work {
    fn under_way(&self) -> MutexGuard<'_, BTreeMap<AccountId, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_and_free(&self, claim: &ClaimedNotification, is_online: bool) {
        if let Err(error) = self.send(claim, is_online).await {
            warn!(account.id = %claim.account, error = %Chain(&error), "A notification is put off: the store failed");
        }
        let mut under_way = self.under_way();
        if let Some(count) = under_way.get_mut(&claim.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                under_way.remove(&claim.account);
            }
        }
        drop(under_way);
        self.freed.notify_one();
    }

    async fn send(&self, claim: &ClaimedNotification, is_online: bool) -> Result<(), StoreError> {
        let mut tx = self.store.reading(claim.account).await?;
        let notice = notifications::open(&mut tx, claim, &*self.clock).await;
        drop(tx);
        let outcome = match notice {
            // Its key is gone, and with it the devices.
            Err(StoreError::Unsealable) => Outcome::Refused("it cannot be opened".to_owned()),
            Err(error) => return Err(error),
            Ok(notice) => match notice {
                None => return self.conclude(claim, None).await,
                // Their devices tell them; only what a device shows of a call is to be taken back there.
                Some(notice) if is_online && !(notice.is_shown && notice.call.is_some()) => {
                    return self.look_again(claim, &notice).await;
                }
                Some(notice) => {
                    let outcome = match &notice.target {
                        Target::Push(subscription) => {
                            self.web_push.notify(claim.account, subscription, &notice).await?
                        }
                        Target::Webhook { id, url, secret } => {
                            let receiver = Receiver { id: *id, url: url.clone(), secret: secret.clone() };
                            self.webhook.notify(claim.account, &receiver, &notice).await?
                        }
                    };
                    count(notice.kind, &outcome);
                    outcome
                }
            },
        };
        self.conclude(claim, Some(outcome)).await
    }

    /// Of no use to somebody who is connected; but that may be known late.
    async fn look_again(&self, claim: &ClaimedNotification, notice: &Outgoing) -> Result<(), StoreError> {
        let now = self.clock.utc();
        let again_at = match notice.kind {
            NoticeKind::CallIncoming => now + RINGING_AGAIN,
            NoticeKind::CallEnded | NoticeKind::CallMissed | NoticeKind::Mention | NoticeKind::Message => {
                notice.created_at + STALE_TIME
            }
        };
        if again_at <= now || again_at >= notice.expires_at {
            return self.conclude(claim, None).await;
        }
        let mut tx = self.store.tenant(claim.account).await?;
        notifications::postpone(&mut tx, claim, claim.attempt.saturating_sub(1), again_at).await?;
        tx.commit().await
    }

    /// Notes what became of it; `None` if it was of no use.
    async fn conclude(
        &self,
        claim: &ClaimedNotification,
        outcome: Option<Outcome>,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(claim.account).await?;
        match outcome {
            None => notifications::finish(&mut tx, claim, false, &*self.clock).await?,
            Some(Outcome::Taken) => notifications::finish(&mut tx, claim, true, &*self.clock).await?,
            Some(Outcome::Gone) => notifications::forget_target(&mut tx, claim).await?,
            Some(Outcome::Refused(why)) => {
                debug!(account.id = %claim.account, error = why, "A notification is refused");
                notifications::finish(&mut tx, claim, false, &*self.clock).await?;
            }
            Some(Outcome::Failed(why)) => {
                debug!(account.id = %claim.account, attempt = claim.attempt, error = why, "A notification will be tried again");
                let due_at = self.clock.utc() + RETRY.delay(claim.attempt, chance::fraction());
                notifications::postpone(&mut tx, claim, claim.attempt, due_at).await?;
            }
        }
        tx.commit().await
    }
}

fn count(kind: NoticeKind, outcome: &Outcome) {
    let kind = match kind {
        NoticeKind::CallIncoming => "callIncoming",
        NoticeKind::CallEnded => "callEnded",
        NoticeKind::CallMissed => "callMissed",
        NoticeKind::Mention => "mention",
        NoticeKind::Message => "message",
    };
    let outcome = match outcome {
        Outcome::Taken => "taken",
        Outcome::Gone => "gone",
        Outcome::Refused(_) => "refused",
        Outcome::Failed(_) => "failed",
    };
    metrics::counter!("notifications_total", "kind" => kind, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    #[test]
    fn however_many_have_too_much_for_the_places_somebody_else_finds_one() {
        let clock = ManualClock::default();
        let mut under_way = BTreeMap::new();
        for _ in 0..6 {
            let greedy = AccountId::generate(&clock);
            loop {
                let (busy, count) = share(&under_way);
                if busy.contains(&greedy) || count == 0 {
                    break;
                }
                *under_way.entry(greedy).or_default() += count;
            }
            assert!((1..=AT_ONCE_PER_ACCOUNT).contains(&under_way[&greedy]), "{under_way:?}");
        }
        assert!(under_way.values().sum::<usize>() < AT_ONCE, "{under_way:?}");
        let (busy, count) = share(&under_way);
        assert_eq!((busy.len(), count), (6, 1));
    }
}
