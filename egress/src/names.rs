//! Look-ups of names, so that slow ones cost little, and mostly those who asked for them.
//!
//! The operating system's look-up blocks a thread until it ends, however long ago whoever asked gave up. So
//! a name is looked up once at a time, an account has few look-ups of all, and what was slow or failed is
//! not asked again for a while.

use common::{clock::Clock, id::AccountId};
use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::spawn_blocking,
    time::timeout,
};

/// How many names are looked up at once.
///
/// More let slow names hold up others less; each takes a thread while it lasts.
pub(crate) const LOOKUPS_MAX: usize = 64;

/// How many of them one account has.
///
/// More let an account with slow names deliver sooner to its others; fewer leave more to other accounts.
pub(crate) const LOOKUPS_PER_ACCOUNT: usize = 4;

/// How long a look-up waits for its turn. It is shorter than a connection may take to be made, so that whoever
/// asked learns why.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(5);

/// A look-up that takes longer is slow: what it found is not asked for again for [`SLOW_KEPT`].
const SLOW: Duration = Duration::from_secs(3);

/// For how long the outcome of a slow look-up is kept.
pub(crate) const SLOW_KEPT: Duration = Duration::from_secs(60);

/// For how long the failure of a fast one is kept.
pub(crate) const FAILURE_KEPT: Duration = Duration::from_secs(5);

/// How many outcomes are kept; beyond that names are asked for again.
const KEPT_MAX: usize = 1024;

tokio::task_local! {
    /// On whose behalf this task connects.
    static ACCOUNT: AccountId;
}

/// Does something on behalf of an account, whose share of the look-ups it has.
pub(crate) async fn on_behalf_of<F: Future>(account: AccountId, what: F) -> F::Output {
    ACCOUNT.scope(account, what).await
}

/// The same for what is begun now and goes on elsewhere, for whom this task is at work.
pub(crate) fn inherited<F: Future>(what: F) -> impl Future<Output = F::Output> {
    let account = ACCOUNT.try_with(|account| *account).ok();
    async move {
        match account {
            Some(account) => on_behalf_of(account, what).await,
            None => what.await,
        }
    }
}

/// A look-up that blocks.
type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// What a look-up came to; a failure by its kind and in words.
type Outcome = Result<Vec<IpAddr>, (io::ErrorKind, String)>;

/// Tells what a look-up came to, once it has.
type OutcomeReceiver = watch::Receiver<Option<Outcome>>;

/// The look-ups of this process.
pub(crate) struct Names {
    lookup: Arc<Lookup>,
    clock: Arc<dyn Clock>,
    wait: Duration,
    permits: Arc<Semaphore>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// Under way. If nobody will tell any more, whoever had begun has given up before its turn came.
    running: BTreeMap<String, OutcomeReceiver>,
    kept: BTreeMap<String, (Instant, Outcome)>,
    of_account: BTreeMap<AccountId, Arc<Semaphore>>,
}

/// What to do about a name.
enum Next {
    Known(Outcome),
    Wait(OutcomeReceiver),
    LookUp(watch::Sender<Option<Outcome>>, OutcomeReceiver),
}

impl Names {
    pub(crate) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            lookup: Arc::new(lookup),
            clock,
            wait: WAIT_MAX,
            permits: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            memory: Arc::default(),
        }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if its turn did not come; nothing is known of the name then.
    pub(crate) async fn find(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        loop {
            let mut told = match self.next(host) {
                Next::Known(outcome) => return answer(outcome),
                Next::Wait(told) => told,
                Next::LookUp(tell, told) => {
                    let permits = self.turn().await?;
                    self.begin(host.to_owned(), tell, permits);
                    told
                }
            };
            // Whoever looks it up may give up before its turn.
            if let Ok(outcome) = told.wait_for(Option::is_some).await
                && let Some(outcome) = outcome.clone()
            {
                return answer(outcome);
            }
        }
    }

    fn next(&self, host: &str) -> Next {
        let now = self.clock.now();
        let mut memory = locked(&self.memory);
        if let Some((_, outcome)) = memory.kept.get(host).filter(|(until, _)| *until > now) {
            return Next::Known(outcome.clone());
        }
        memory.running.retain(|_, told| told.has_changed().is_ok());
        if let Some(told) = memory.running.get(host) {
            return Next::Wait(told.clone());
        }
        let (tell, told) = watch::channel(None);
        memory.running.insert(host.to_owned(), told.clone());
        Next::LookUp(tell, told)
    }

    /// Waits for a place among the account's look-ups, and then among all.
    async fn turn(&self) -> io::Result<[Option<OwnedSemaphorePermit>; 2]> {
        let of_account = ACCOUNT.try_with(|account| *account).ok().map(|account| {
            let mut memory = locked(&self.memory);
            memory.of_account.retain(|_, places| Arc::strong_count(places) > 1);
            let places = memory.of_account.entry(account);
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(LOOKUPS_PER_ACCOUNT))))
        });
        let both = async {
            let of_account = match of_account {
                Some(places) => places.acquire_owned().await.ok(),
                None => None,
            };
            [of_account, Arc::clone(&self.permits).acquire_owned().await.ok()]
        };
        let busy = |_| io::Error::new(io::ErrorKind::ResourceBusy, "too many names are being looked up");
        timeout(self.wait, both).await.map_err(busy)
    }

    fn begin(
        &self,
        host: String,
        tell: watch::Sender<Option<Outcome>>,
        permits: [Option<OwnedSemaphorePermit>; 2],
    ) {
        let (lookup, clock, memory) =
            (Arc::clone(&self.lookup), Arc::clone(&self.clock), Arc::clone(&self.memory));
        spawn_blocking(move || {
            // Given back when the thread is: whoever asked may have stopped waiting long ago.
            let _permits = permits;
            let began = clock.now();
            let outcome = lookup(&host).map_err(|error| (error.kind(), error.to_string()));
            locked(&memory).note(host, &outcome, began, clock.now());
            tell.send_replace(Some(outcome));
        });
    }
}

impl Memory {
    fn note(&mut self, host: String, outcome: &Outcome, began: Instant, now: Instant) {
        self.running.remove(&host);
        self.kept.retain(|_, (until, _)| *until > now);
        let keep = if now.saturating_duration_since(began) > SLOW { SLOW_KEPT } else { FAILURE_KEPT };
        if (keep == SLOW_KEPT || outcome.is_err()) && self.kept.len() < KEPT_MAX {
            self.kept.insert(host, (now + keep, outcome.clone()));
        }
    }
}

fn locked(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(outcome: Outcome) -> io::Result<Vec<IpAddr>> {
    outcome.map_err(|(kind, words)| io::Error::new(kind, words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Guard, HttpClient, Resolver, Terms};
    use common::clock::ManualClock;
    use futures_util::{FutureExt, StreamExt, future::join_all, stream::FuturesUnordered};
    use std::sync::{
        Condvar,
        atomic::{AtomicU32, Ordering},
    };
    use tokio::task::yield_now;

    const FOUND: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))];

    /// A server of names that answers for `slow` ones when it is let, and for all others at once.
    #[derive(Clone, Default)]
    struct Server(Arc<(Mutex<bool>, Condvar, AtomicU32)>);

    impl Server {
        fn names(&self, clock: &Arc<ManualClock>, wait: Duration) -> Names {
            let server = self.clone();
            let lookup = move |host: &str| {
                let (may_answer, changed, asked) = &*server.0;
                asked.fetch_add(1, Ordering::SeqCst);
                if host.starts_with("slow") {
                    let held = may_answer.lock().unwrap();
                    drop(changed.wait_while(held, |may_answer| !*may_answer).unwrap());
                }
                if host.starts_with("bad") { Err(io::ErrorKind::NotFound.into()) } else { Ok(FOUND.into()) }
            };
            Names { wait, ..Names::new(lookup, Arc::clone(clock) as Arc<dyn Clock>) }
        }

        fn asked(&self) -> u32 {
            self.0.2.load(Ordering::SeqCst)
        }

        async fn until_asked(&self, times: u32) {
            while self.asked() < times {
                yield_now().await;
            }
        }

        fn answer(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_all();
        }
    }

    fn setup(wait: Duration) -> (Server, Arc<ManualClock>, Names) {
        let (server, clock) = (Server::default(), Arc::new(ManualClock::default()));
        let names = server.names(&clock, wait);
        (server, clock, names)
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask_meanwhile() {
        let (server, _, names) = setup(WAIT_MAX);
        let asking = join_all((0..20).map(|_| names.find("slow.example")));
        let letting = async {
            server.until_asked(1).await;
            server.answer();
        };
        let (found, ()) = tokio::join!(asking, letting);
        assert!(found.iter().all(|found| found.as_ref().is_ok_and(|found| *found == FOUND)));
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn slow_names_of_one_account_leave_room_for_the_others() {
        let (server, clock, names) = setup(Duration::from_millis(20));
        let (greedy, other) = (AccountId::generate(&*clock), AccountId::generate(&*clock));
        let slow: Vec<String> = (0..100).map(|n| format!("slow{n}.example")).collect();
        let asking = slow.iter().map(|name| on_behalf_of(greedy, names.find(name)));
        let mut asking: FuturesUnordered<_> = asking.collect();
        for _ in LOOKUPS_PER_ACCOUNT..slow.len() {
            let outcome = asking.next().await.unwrap();
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::ResourceBusy, "its turn does not come");
        }
        assert_eq!(on_behalf_of(other, names.find("quick.example")).await.unwrap(), FOUND);
        assert_eq!(names.find("quick.example").await.unwrap(), FOUND);
        let all = u32::try_from(LOOKUPS_PER_ACCOUNT).unwrap() + 2;
        server.until_asked(all).await;
        assert_eq!(server.asked(), all);
        server.answer();
        assert_eq!(
            asking.filter(|found| std::future::ready(found.is_ok())).count().await,
            LOOKUPS_PER_ACCOUNT
        );
    }

    #[tokio::test]
    async fn what_was_slow_or_failed_is_not_asked_again_for_a_while() {
        let (server, clock, names) = setup(WAIT_MAX);
        for (name, kept, took) in
            [("bad.example", FAILURE_KEPT, Duration::ZERO), ("slow.example", SLOW_KEPT, SLOW * 2)]
        {
            let before = server.asked();
            let letting = async {
                server.until_asked(before + 1).await;
                if took > Duration::ZERO {
                    clock.advance(took);
                    server.answer();
                }
            };
            let (first, ()) = tokio::join!(names.find(name), letting);
            assert_eq!(names.find(name).await.is_ok(), first.is_ok());
            assert_eq!(server.asked(), before + 1, "{name}");
            clock.advance(kept + Duration::from_millis(1));
            assert_eq!(names.find(name).await.is_ok(), first.is_ok());
            assert_eq!(server.asked(), before + 2, "{name}");
        }
        for _ in 0..2 {
            names.find("quick.example").await.unwrap();
        }
        assert_eq!(server.asked(), 6, "what is answered at once is asked each time: it may have moved");
    }

    #[tokio::test]
    async fn who_gives_up_before_its_turn_leaves_the_name_to_the_next() {
        let (server, clock, names) = setup(WAIT_MAX);
        let account = AccountId::generate(&*clock);
        for n in 0..LOOKUPS_PER_ACCOUNT {
            let name = format!("slow{n}.example");
            assert!(on_behalf_of(account, names.find(&name)).now_or_never().is_none());
        }
        let in_vain = on_behalf_of(account, names.find("quick.example")).now_or_never();
        assert!(in_vain.is_none(), "the threads of its account's others are at work still");
        assert_eq!(names.find("quick.example").await.unwrap(), FOUND);
        server.answer();
    }

    /// Is busy, and notes for whom.
    struct Busy(watch::Sender<Option<AccountId>>);

    #[async_trait::async_trait]
    impl Resolver for Busy {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            self.0.send_replace(ACCOUNT.try_with(|account| *account).ok());
            Err(io::ErrorKind::ResourceBusy.into())
        }
    }

    #[tokio::test]
    async fn the_client_says_for_whom_it_looks_up_and_that_it_was_not_its_turn() {
        let account = AccountId::generate(&ManualClock::default());
        let (noted, whom) = watch::channel(None);
        let guard = Guard::with_resolver(Config::default(), Busy(noted));
        let client = HttpClient::new(&guard, Terms::within(WAIT_MAX)).unwrap();
        let request = client.post("http://hook.example/".parse().unwrap());
        let failure = request.send_for(account).await.map(|_| ()).unwrap_err();
        assert_eq!(*whom.borrow(), Some(account));
        assert!(failure.is_busy(), "{failure:?}");
        let refused = client.get("http://127.0.0.1/".parse().unwrap()).send().await.map(|_| ()).unwrap_err();
        assert!(!refused.is_busy());
    }

    #[tokio::test]
    async fn what_a_task_begins_is_on_behalf_of_the_same_account() {
        let account = AccountId::generate(&ManualClock::default());
        let begun = ACCOUNT.sync_scope(account, || inherited(async { ACCOUNT.try_with(|of| *of).ok() }));
        assert_eq!(begun.await, Some(account));
        assert_eq!(inherited(async { ACCOUNT.try_with(|of| *of).ok() }).await, None);
    }
}
