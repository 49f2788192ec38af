//! Keeps this instance's list of what ended before its time.
//!
//! Whoever ends something tells the bus once it is committed. The store is read too, every few seconds: while
//! the bus is down, after it lost something, and because who commits may die before it tells.

use bus::{Bus, BusError, Delivery, Subscription};
use common::{
    clock::Clock,
    error::Chain,
    revocation::{REMEMBERED, Revocation, Revocations},
    subject::revocation::RevocationTopic,
};
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::warn;

/// How often the store is read.
///
/// Longer spares it one small query; shorter ends sooner what an instance was not told. With what a request
/// takes, an end is heard of everywhere within five seconds.
const READ_EVERY: Duration = Duration::from_secs(3);

/// How much of what was read is read again: a transaction that was still open then may have noted an earlier
/// end, and another instance's clock may be behind.
const READ_AGAIN: Duration = Duration::from_secs(120);

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Nothing can be heard of other instances.
    #[error("the bus refuses")]
    Bus(#[from] BusError),
    /// The list of what ended before cannot be read.
    #[error("what ended before cannot be read")]
    Store(#[from] StoreError),
}

/// Reads the list, and keeps it until shutdown.
///
/// # Errors
/// [`StartError`]: without the list, tokens that are good no more would be accepted.
pub async fn start(
    store: Store,
    bus: &Bus,
    clock: Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> Result<Arc<Revocations>, StartError> {
    // Listens before it reads, so that nothing falls between.
    let news = bus.subscribe(&RevocationTopic).await?;
    let list = Arc::new(Revocations::default());
    let read_at = clock.utc() - REMEMBERED;
    let mut keeper = Keeper { list: Arc::clone(&list), store, clock, read_at };
    keeper.read().await?;
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move { token.run_until_cancelled(keeper.run(news)).await });
    Ok(list)
}

struct Keeper {
    list: Arc<Revocations>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// When the store was last read with success.
    read_at: OffsetDateTime,
}

impl Keeper {
    /// Hears and reads side by side: a store that hangs makes nobody deaf to what the bus tells.
    async fn run(mut self, mut news: Subscription<Vec<Revocation>>) {
        let (list, lost) = (Arc::clone(&self.list), Notify::new());
        let hear = async {
            while let Some(delivery) = news.next().await {
                match delivery {
                    Delivery::Message(ended) => list.add(&ended),
                    Delivery::Lost => lost.notify_one(),
                }
            }
        };
        tokio::select! {
            () = hear => {}
            () = self.read_on(&lost) => {}
        }
    }

    /// Reads again and again, and at once when something was lost.
    async fn read_on(&mut self, lost: &Notify) {
        let mut tick = interval(READ_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = lost.notified() => {}
            }
            match timeout(READ_EVERY, self.read()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    warn!(error = %Chain(&error), "What ended elsewhere cannot be read; will retry");
                }
                Err(_) => warn!("What ended elsewhere cannot be read: the store does not answer; will retry"),
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let now = self.clock.utc();
        // A clock that was put back says nothing about what has been read.
        let read_at = if now < self.read_at { now - REMEMBERED } else { self.read_at };
        let since = (read_at - READ_AGAIN).max(now - REMEMBERED);
        let ended = self.store.system().ended_since(since).await?;
        self.list.add(&ended);
        self.list.forget(now);
        self.read_at = now;
        metrics::gauge!("auth_revocations")
            .set(f64::from(u32::try_from(self.list.len()).unwrap_or(u32::MAX)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        id::{NodeId, SignInId},
        revocation::Ended,
    };
    use store::testing::TestDatabase;
    use tokio::task::yield_now;

    /// Fails after this long instead of waiting for ever.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn what_the_bus_tells_is_heard_while_the_store_hangs() {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        let (bus, shutdown) = (Bus::local(NodeId::generate(&*clock)), Shutdown::default());
        let list = start(db.store.clone(), &bus, clock.clone(), &shutdown).await.unwrap();
        let hanging =
            db.as_owner("BEGIN; LOCK TABLE sign_ins IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)");
        let heard = async {
            db.until_one_waits().await;
            let sign_in = SignInId::generate(&*clock);
            let ended = Revocation { what: Ended::SignIn(sign_in), at: clock.utc() };
            bus.publish(&RevocationTopic, &vec![ended]).await.unwrap();
            while list.is_empty() {
                yield_now().await;
            }
        };
        tokio::select! {
            () = hanging => panic!("the store does not hang"),
            heard = timeout(PATIENCE, heard) => heard.unwrap(),
        }
        shutdown.token.cancel();
    }

    /// A keeper that nobody runs: the test says when it reads.
    fn keeper(db: &TestDatabase, clock: &Arc<common::clock::ManualClock>) -> Keeper {
        let clock: Arc<dyn Clock> = clock.clone();
        let read_at = clock.utc() - REMEMBERED;
        Keeper { list: Arc::default(), store: db.store.clone(), clock, read_at }
    }

    /// Somebody's sign-in that ended at this moment.
    async fn ended_now(db: &TestDatabase, clock: &common::clock::ManualClock) {
        let account = db.account(&format!("{:?}", clock.now()), clock).await;
        let mut tx = db.store.tenant(account).await.unwrap();
        let email = format!("{}@example.com", account.as_uuid());
        let role = common::token::Role::User;
        let user = store::users::NewUser { email: &email, name: "N", role, password_hash: "x" };
        let user = store::users::create(&mut tx, &user, clock).await.unwrap().id;
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(account.as_uuid().as_bytes());
        let device = store::sign_ins::Device::default();
        let sign_in = store::sign_ins::start(&mut tx, user, &hash, &device, clock).await.unwrap();
        assert!(store::sign_ins::revoke_of_user(&mut tx, user, sign_in, clock).await.unwrap());
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn who_starts_knows_what_ended_before_and_forgets_it_once_its_tokens_are_over() {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        ended_now(&db, &clock).await;
        let mut keeper = keeper(&db, &clock);
        keeper.read().await.unwrap();
        assert_eq!(keeper.list.len(), 1);
        clock.advance(REMEMBERED / 2);
        ended_now(&db, &clock).await;
        keeper.read().await.unwrap();
        assert_eq!(keeper.list.len(), 2);
        clock.advance(REMEMBERED / 2 + Duration::from_secs(1));
        keeper.read().await.unwrap();
        assert_eq!(keeper.list.len(), 1, "the first one's tokens have expired");
        clock.advance(REMEMBERED);
        keeper.read().await.unwrap();
        assert!(keeper.list.is_empty());
    }

    /// Another instance's clock is behind, or its transaction was still open: what it noted is earlier than the last look.
    #[tokio::test]
    async fn what_was_noted_late_is_read_again() {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        let behind = TestDatabase::clock();
        let mut keeper = keeper(&db, &clock);
        clock.advance(READ_AGAIN - Duration::from_secs(1));
        keeper.read().await.unwrap();
        assert!(keeper.list.is_empty());
        ended_now(&db, &behind).await;
        keeper.read().await.unwrap();
        assert_eq!(keeper.list.len(), 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_put_back_hides_nothing_that_ended() {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        let mut keeper = keeper(&db, &clock);
        keeper.read_at = clock.utc() + Duration::from_secs(24 * 60 * 60);
        ended_now(&db, &clock).await;
        keeper.read().await.unwrap();
        assert_eq!((keeper.list.len(), keeper.read_at), (1, clock.utc()));
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_leaves_what_is_known() {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        ended_now(&db, &clock).await;
        let mut keeper = keeper(&db, &clock);
        keeper.read().await.unwrap();
        let read_at = keeper.read_at;
        db.store.close().await;
        clock.advance(Duration::from_secs(60));
        assert!(keeper.read().await.is_err());
        assert_eq!((keeper.list.len(), keeper.read_at), (1, read_at), "what was missed is read next time");
    }
}
