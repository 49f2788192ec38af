//! Buckets that all instances share.
//!
//! Each instance decides by its own buckets, at once: nobody who signs in waits for Redis. What was used up is told in
//! the background, try by try: each has cost the hashing of a password, beside which that is nothing. Then no more is
//! left in the own bucket than in all together. So whoever goes from instance to instance has the rate once, and one
//! try more on each. While Redis is away each instance's own buckets hold alone.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bus::{Bus, Spending};
use common::{
    bucket::{Buckets, Rate},
    clock::Clock,
    error::Chain,
    secret::Secret,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tracing::debug;

/// Buckets that are told of at once, each by a command.
const AT_ONCE: usize = 64;

/// The most buckets that wait to be told of. What was used of more stays known to this instance alone.
const WAITING_MAX: usize = 10_000;

/// Buckets of one kind, one for each name.
pub(super) struct SharedBuckets {
    kind: &'static str,
    rate: Rate,
    own: Arc<Buckets>,
    /// `None` on an instance that is alone.
    dues: Option<Arc<Dues>>,
}

impl SharedBuckets {
    /// Full buckets of which `most` at most are remembered here.
    pub(super) fn new(
        kind: &'static str,
        rate: Rate,
        most: usize,
        clock: &Arc<dyn Clock>,
        dues: Option<&Arc<Dues>>,
    ) -> Self {
        let own = Arc::new(Buckets::new(rate, most, Arc::clone(clock)));
        Self { kind, rate, own, dues: dues.cloned() }
    }

    /// Takes a token, of which others hear only once it [counts](Self::count).
    ///
    /// # Errors
    /// If there is none, with the time until there is.
    pub(super) fn take(&self, name: &str) -> Result<(), Duration> {
        self.own.take(&name)
    }

    /// Puts a token back that was taken for nothing, and has not counted.
    pub(super) fn give_back(&self, name: &str) {
        self.own.give_back(&name);
    }

    /// A token that was taken stays gone, on all instances.
    pub(super) fn count(&self, name: &str) {
        self.owe(name, |spent| spent.saturating_add(1));
    }

    /// Fills a bucket, for all. What other instances know of it by themselves comes back there with time.
    pub(super) fn forget(&self, name: &str) {
        self.own.forget(&name);
        // Twice as much as fits: one may be in debt by as much as that.
        let all = -2 * i64::from(self.rate.burst);
        self.owe(name, |_| all);
    }

    /// Has others told of what was `spent` since they were told last.
    fn owe(&self, name: &str, change: impl FnOnce(i64) -> i64) {
        let Some(dues) = &self.dues else { return };
        let mut waiting = dues.waiting();
        let shared = dues.shared_name(self.kind, name);
        if waiting.len() >= WAITING_MAX && !waiting.contains_key(&shared) {
            metrics::counter!("password_rates_untold_total").increment(1);
            return;
        }
        let due = waiting.entry(shared).or_insert_with(|| Due {
            own: Arc::clone(&self.own),
            name: name.to_owned(),
            rate: self.rate,
            spent: 0,
        });
        due.spent = change(due.spent);
        drop(waiting);
        dues.work.notify_one();
    }
}

/// What others are to be told, by the names that all instances have for buckets.
pub(super) struct Dues {
    key: hmac::Key,
    waiting: Mutex<BTreeMap<String, Due>>,
    work: Notify,
}

/// What was used of one bucket and not told yet.
struct Due {
    own: Arc<Buckets>,
    name: String,
    rate: Rate,
    spent: i64,
}

impl Dues {
    /// `secret` is the installation's; a key of its own is derived from it.
    pub(super) fn new(secret: &Secret) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let key = hmac::sign(&secret, b"switchboard shared rates, version 1");
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        Self { key, waiting: Mutex::default(), work: Notify::new() }
    }

    /// A bucket's name among those of all instances, from which nobody learns whose it is.
    fn shared_name(&self, kind: &str, name: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{kind} {name}").as_bytes());
        format!("api.{kind}.{}", BASE64.encode(tag))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Due>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells others, and hears from them, on and on.
    pub(super) async fn tell(&self, bus: &Bus) {
        loop {
            self.work.notified().await;
            loop {
                let some = self.some();
                if some.is_empty() {
                    break;
                }
                tell(bus, some).await;
            }
        }
    }

    fn some(&self) -> Vec<(String, Due)> {
        let mut waiting = self.waiting();
        (0..AT_ONCE).map_while(|_| waiting.pop_first()).collect()
    }
}

async fn tell(bus: &Bus, some: Vec<(String, Due)>) {
    let (names, some): (Vec<_>, Vec<_>) = some.into_iter().unzip();
    let spending = |(name, due): (String, &Due)| Spending { name, rate: due.rate, spent: due.spent };
    let left = bus.spend(names.into_iter().zip(&some).map(spending).collect()).await;
    for (due, left) in some.iter().zip(left) {
        match left {
            Ok(left) => due.own.leave_at_most(&due.name, left),
            Err(error) => {
                metrics::counter!("password_rates_untold_total").increment(1);
                debug!(error = %Chain(&error), "A wrong password counts on this instance alone for now");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{clock::ManualClock, id::NodeId};

    const RATE: Rate = Rate::every(3, Duration::from_secs(10));

    fn dues() -> Arc<Dues> {
        Arc::new(Dues::new(&Secret::new("a secret for tests, long enough to sign with".to_owned())))
    }

    fn buckets(dues: Option<&Arc<Dues>>) -> SharedBuckets {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        SharedBuckets::new("email", RATE, 100, &clock, dues)
    }

    fn told(dues: &Dues) -> Vec<i64> {
        dues.some().into_iter().map(|(_, due)| due.spent).collect()
    }

    #[test]
    fn others_are_told_of_what_counts_and_of_nothing_else() {
        let dues = dues();
        let buckets = buckets(Some(&dues));
        for _ in 0..3 {
            buckets.take("ada@example.com").unwrap();
        }
        buckets.give_back("ada@example.com");
        assert_eq!(told(&dues), [0; 0]);
        buckets.count("ada@example.com");
        buckets.count("ada@example.com");
        assert_eq!(told(&dues), [2]);
        assert_eq!(told(&dues), [0; 0], "once");
        // What came before it is forgotten, what comes after it is not.
        buckets.count("ada@example.com");
        buckets.forget("ada@example.com");
        buckets.count("ada@example.com");
        assert_eq!(told(&dues), [1 - 6]);
    }

    #[test]
    fn instances_have_one_name_for_a_bucket_which_tells_nobody_whose_it_is() {
        let name = |kind| dues().shared_name(kind, "ada@example.com");
        assert_eq!(name("email"), name("email"));
        assert_ne!(name("email"), name("pair"));
        assert!(!name("email").contains("ada"));
        let other = Dues::new(&Secret::new("the secret of another installation".to_owned()));
        assert_ne!(name("email"), other.shared_name("email", "ada@example.com"));
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_in_it_is_told_all_the_same() {
        let dues = dues();
        let buckets = buckets(Some(&dues));
        for number in 0..2 * WAITING_MAX {
            buckets.count(&number.to_string());
        }
        buckets.count("0");
        assert_eq!(dues.waiting().len(), WAITING_MAX);
        assert!(dues.waiting().values().any(|due| due.name == "0" && due.spent == 2));
        assert_eq!(told(&dues).len(), AT_ONCE);
    }

    #[tokio::test]
    async fn an_instance_that_is_alone_has_nobody_to_tell_and_forgets_what_it_was_to_tell() {
        let alone = buckets(None);
        alone.take("a").unwrap();
        alone.count("a");
        let (dues, clock) = (dues(), ManualClock::default());
        let shared = buckets(Some(&dues));
        shared.count("a");
        let bus = Bus::local(NodeId::generate(&clock));
        tell(&bus, dues.some()).await;
        assert!(dues.waiting().is_empty());
        assert_eq!((0..10).take_while(|_| shared.take("a").is_ok()).count(), 3, "nothing was learnt");
    }
}
