//! How often somebody may try to sign in: only what fails counts.
//!
//! A try needs a token of three buckets: of its network, of the pair of network
//! and e-mail address, and of the address from everywhere. So a stranger who
//! guesses uses up their own network's tokens, not its owner's. A browser that
//! has signed in before ([`super::device`]) has a bucket of its own and needs no
//! other, so the owner gets in even while half the world guesses.
//!
//! What was wrong on one instance counts on all: see [`shared`].

mod shared;

use super::{device::KnownDevice, problem::Problem};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bus::Bus;
use common::{
    address::ClientAddress,
    bucket::Rate,
    clock::Clock,
    error::ErrorCode,
    id::{AccountId, UserId},
    secret::Secret,
};
use shared::{Dues, SharedBuckets};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Wrong tries in a row from one network for one e-mail address, and how soon each comes back.
///
/// More forgives more typing mistakes; fewer slows down guessing.
pub(super) const PER_PAIR: Rate = Rate::every(10, Duration::from_secs(30));

/// Wrong tries from one network: an office shares one.
pub(super) const PER_NETWORK: Rate = Rate::every(100, Duration::from_secs(1));

/// Wrong tries for one e-mail address from everywhere.
///
/// Far above what its owner mistypes: it slows down who guesses from many networks. Fewer makes that slower
/// still, and makes it easier to keep the owner's new browsers out.
pub(super) const PER_EMAIL: Rate = Rate::every(100, Duration::from_secs(10));

/// Wrong tries by one known browser, and for one's own present password.
pub(super) const PER_DEVICE: Rate = Rate::every(10, Duration::from_secs(30));

/// New passwords in one account: each is hashed, which is slow on purpose.
///
/// More lets a program make users faster; fewer leaves more of the machine to who signs in.
pub(super) const NEW_PER_ACCOUNT: Rate = Rate::every(100, Duration::from_secs(1));

/// How many buckets of each kind are kept.
pub(super) const BUCKETS_MAX: usize = 50_000;

/// The buckets, as this instance knows them.
pub(super) struct Throttle {
    pairs: SharedBuckets,
    networks: SharedBuckets,
    emails: SharedBuckets,
    devices: SharedBuckets,
    people: SharedBuckets,
    accounts: SharedBuckets,
    /// `None` on an instance that is alone.
    dues: Option<Arc<Dues>>,
}

/// A try to sign in that may go on.
pub(super) struct Attempt<'a> {
    throttle: &'a Throttle,
    email: &'a str,
    network: Option<String>,
    /// Whether it has the tokens that everybody needs.
    is_open: bool,
    /// The known browsers that it has tokens of.
    devices: Vec<KnownDevice>,
}

impl Throttle {
    /// `sharing` is the installation's secret where other instances are told.
    pub(super) fn new(clock: &Arc<dyn Clock>, sharing: Option<&Secret>) -> Self {
        let dues = sharing.map(|secret| Arc::new(Dues::new(secret)));
        let buckets = |kind, rate| SharedBuckets::new(kind, rate, BUCKETS_MAX, clock, dues.as_ref());
        Self {
            pairs: buckets("pair", PER_PAIR),
            networks: buckets("network", PER_NETWORK),
            emails: buckets("email", PER_EMAIL),
            devices: buckets("device", PER_DEVICE),
            people: buckets("user", PER_DEVICE),
            accounts: buckets("account", NEW_PER_ACCOUNT),
            dues,
        }
    }

    /// Tells other instances what was used up, and hears from them, on and on; an instance that is alone has nobody
    /// to tell.
    pub(super) async fn share(&self, bus: &Bus) {
        if let Some(dues) = &self.dues {
            dues.tell(bus).await;
        }
    }

    /// Admits a try to sign in as `email`. `devices` are what its browser is known as.
    ///
    /// # Errors
    /// If there were too many wrong ones lately, with the time to wait.
    pub(super) fn admit<'a>(
        &'a self,
        email: &'a str,
        address: Option<IpAddr>,
        devices: Vec<KnownDevice>,
    ) -> Result<Attempt<'a>, Problem> {
        let network = address.map(|address| ClientAddress(address).network().key());
        let open = self.take_open(network.as_deref(), email);
        let is_left = |device: &KnownDevice| self.devices.take(&name_of(device)).is_ok();
        let known: Vec<_> = devices.into_iter().filter(is_left).collect();
        match open {
            Err(wait) if known.is_empty() => Err(too_many(wait)),
            Ok(()) | Err(_) => {
                Ok(Attempt { throttle: self, email, network, is_open: open.is_ok(), devices: known })
            }
        }
    }

    /// Takes a token of each of the three buckets, or of none.
    fn take_open(&self, network: Option<&str>, email: &str) -> Result<(), Duration> {
        let pair = pair(network, email);
        if let Some(network) = network {
            self.networks.take(network)?;
        }
        let back = |wait| {
            if let Some(network) = network {
                self.networks.give_back(network);
            }
            wait
        };
        self.pairs.take(&pair).map_err(back)?;
        self.emails.take(email).map_err(|wait| {
            self.pairs.give_back(&pair);
            back(wait)
        })
    }

    /// Admits a try of somebody who is signed in to name their present password. It is used up unless it turns out to
    /// be right, and [counts](Self::count_own) if it is wrong.
    ///
    /// # Errors
    /// If there were too many wrong ones lately, with the time to wait.
    pub(super) fn admit_own(&self, user: UserId) -> Result<(), Problem> {
        self.people.take(&user.to_string()).map_err(too_many)
    }

    /// Counts a password that is made in an account.
    ///
    /// # Errors
    /// If there were too many lately, with the time to wait.
    pub(super) fn admit_new(&self, account: AccountId) -> Result<(), Problem> {
        let account = account.to_string();
        self.accounts.take(&account).map_err(|wait| {
            let detail = "too many new passwords in this account";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, detail).retry_after(wait)
        })?;
        self.accounts.count(&account);
        Ok(())
    }

    /// The present password was wrong, which counts on all instances.
    pub(super) fn count_own(&self, user: UserId) {
        self.people.count(&user.to_string());
    }

    /// The attempt failed through no fault of the person who tried.
    pub(super) fn take_back_own(&self, user: UserId) {
        self.people.give_back(&user.to_string());
    }

    /// The password was right.
    pub(super) fn forgive_own(&self, user: UserId) {
        self.people.forget(&user.to_string());
    }
}

/// The name of a pair's bucket.
fn pair(network: Option<&str>, email: &str) -> String {
    format!("{} {email}", network.unwrap_or_default())
}

/// The name of a known browser's bucket.
fn name_of(device: &KnownDevice) -> String {
    BASE64.encode(device.nonce)
}

impl Attempt<'_> {
    /// Whether it may be about a user: anybody with the tokens that everybody needs, unless they are locked;
    /// who `is_known` in this browser in any case.
    pub(super) const fn may_be(&self, is_known: bool, is_locked: bool) -> bool {
        (self.is_open && !is_locked) || is_known
    }

    /// The known browsers that it has tokens of.
    pub(super) fn devices(&self) -> &[KnownDevice] {
        &self.devices
    }

    fn pair(&self) -> String {
        pair(self.network.as_deref(), self.email)
    }

    /// The password was wrong: what it took stays gone, on all instances.
    pub(super) fn count(self) {
        let throttle = self.throttle;
        self.devices.iter().for_each(|device| throttle.devices.count(&name_of(device)));
        if self.is_open {
            throttle.pairs.count(&self.pair());
            throttle.emails.count(self.email);
            self.network.iter().for_each(|network| throttle.networks.count(network));
        }
    }

    /// The password was right: nothing was used up, and earlier mistakes of the same person are forgotten.
    pub(super) fn forgive(self) {
        self.throttle.pairs.forget(&self.pair());
        for device in &self.devices {
            self.throttle.devices.forget(&name_of(device));
        }
        self.give_back_shared();
    }

    /// The attempt failed through no fault of the person who tried.
    pub(super) fn take_back(self) {
        if self.is_open {
            self.throttle.pairs.give_back(&self.pair());
        }
        for device in &self.devices {
            self.throttle.devices.give_back(&name_of(device));
        }
        self.give_back_shared();
    }

    /// The buckets that others have a part in: their mistakes stay.
    fn give_back_shared(&self) {
        if self.is_open {
            self.throttle.emails.give_back(self.email);
            if let Some(network) = &self.network {
                self.throttle.networks.give_back(network);
            }
        }
    }
}

fn too_many(wait: Duration) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, "too many tries to sign in")
        .retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    const ADA: &str = "ada@example.com";

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        (Throttle::new(&shared, None), clock)
    }

    fn from(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn fails(throttle: &Throttle, email: &str, address: Option<IpAddr>) -> bool {
        throttle.admit(email, address, Vec::new()).is_err()
    }

    #[test]
    fn ten_wrong_tries_then_one_every_thirty_seconds_and_other_networks_are_not_bothered() {
        let (throttle, clock) = throttle();
        for _ in 0..10 {
            assert!(!fails(&throttle, ADA, from(1)));
        }
        assert!(fails(&throttle, ADA, from(1)));
        assert!(!fails(&throttle, "grace@example.com", from(1)));
        // The owner, at home.
        assert!(!fails(&throttle, ADA, from(2)));
        clock.advance(Duration::from_secs(30));
        assert!(!fails(&throttle, ADA, from(1)));
        assert!(fails(&throttle, ADA, from(1)));
    }

    #[test]
    fn what_is_right_uses_nothing_up() {
        let (throttle, _) = throttle();
        for _ in 0..1000 {
            throttle.admit(ADA, from(1), Vec::new()).ok().unwrap().forgive();
        }
        for _ in 0..9 {
            assert!(!fails(&throttle, ADA, from(1)));
        }
        throttle.admit(ADA, from(1), Vec::new()).ok().unwrap().take_back();
        throttle.admit(ADA, from(1), Vec::new()).ok().unwrap().forgive();
        // Their mistakes before are forgotten too.
        for _ in 0..10 {
            assert!(!fails(&throttle, ADA, from(1)));
        }
        assert!(fails(&throttle, ADA, from(1)));
    }

    #[test]
    fn a_network_that_tries_many_people_is_slowed_all_of_its_addresses_together() {
        let (throttle, _) = throttle();
        let address = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]));
        for number in 0..100 {
            assert!(!fails(&throttle, &format!("{number}@example.com"), address(number)));
        }
        assert!(fails(&throttle, "last@example.com", address(200)));
        assert!(!fails(&throttle, "last@example.com", from(2)));
    }

    #[test]
    fn guessing_from_everywhere_is_slowed_and_a_known_browser_gets_in() {
        let (throttle, clock) = throttle();
        for number in 0..100 {
            assert!(!fails(&throttle, ADA, from(number)));
        }
        assert!(fails(&throttle, ADA, from(200)));
        let device = KnownDevice { user: UserId::generate(&*clock), nonce: [1; 16], epoch: [1; 16] };
        let attempt = throttle.admit(ADA, from(200), vec![device]).ok().unwrap();
        assert!(attempt.may_be(true, true), "its own user, locked or not");
        assert!(!attempt.may_be(false, false), "nobody else");
        // A stolen one is good for ten tries.
        for _ in 0..9 {
            assert!(throttle.admit(ADA, from(200), vec![device]).is_ok());
        }
        assert!(throttle.admit(ADA, from(200), vec![device]).is_err());
    }

    #[test]
    fn an_account_that_makes_passwords_without_end_is_slowed_and_others_are_not() {
        let (throttle, clock) = throttle();
        let (one, other) = (AccountId::generate(&*clock), AccountId::generate(&*clock));
        let made = (0..1000).take_while(|_| throttle.admit_new(one).is_ok()).count();
        assert_eq!(made, 100);
        assert!(throttle.admit_new(other).is_ok());
    }

    #[test]
    fn a_locked_user_is_not_tried_by_strangers() {
        let (throttle, _) = throttle();
        let attempt = throttle.admit(ADA, from(1), Vec::new()).ok().unwrap();
        assert!(attempt.may_be(false, false) && !attempt.may_be(false, true));
    }

    fn device(clock: &ManualClock, mark: u8) -> KnownDevice {
        KnownDevice { user: UserId::generate(clock), nonce: [mark; 16], epoch: [mark; 16] }
    }

    /// A try that is refused takes nothing: else who is refused all the time would never get in again.
    #[test]
    fn a_try_that_is_refused_uses_up_nothing_of_anybody() {
        let (throttle, _) = throttle();
        for _ in 0..10 {
            assert!(!fails(&throttle, ADA, from(1)));
        }
        for _ in 0..1000 {
            assert!(fails(&throttle, ADA, from(1)));
        }
        // Of the network's hundred, ten are gone; of the address's hundred as well.
        for number in 0..90 {
            assert!(!fails(&throttle, &format!("{number}@example.com"), from(1)), "{number}");
        }
        assert!(fails(&throttle, "next@example.com", from(1)));
        for number in 2..92 {
            assert!(!fails(&throttle, ADA, from(number)), "{number}");
        }
        assert!(fails(&throttle, ADA, from(200)));
    }

    #[test]
    fn without_an_address_the_pair_and_the_person_count_all_the_same() {
        let (throttle, _) = throttle();
        let tries = (0..1000).take_while(|_| !fails(&throttle, ADA, None)).count();
        assert_eq!(tries, 10);
        assert!(!fails(&throttle, "grace@example.com", None));
    }

    #[test]
    fn a_right_password_forgives_its_own_browser_and_network_and_no_other() {
        let (throttle, clock) = throttle();
        let (mine, stolen) = (device(&clock, 1), device(&clock, 2));
        for _ in 0..9 {
            throttle.admit(ADA, from(1), vec![mine]).ok().unwrap();
            throttle.admit(ADA, from(2), vec![stolen]).ok().unwrap();
        }
        throttle.admit(ADA, from(1), vec![mine]).ok().unwrap().forgive();
        // Ten again here, and one there.
        let left =
            |from, device| (0..100).take_while(|_| throttle.admit(ADA, from, vec![device]).is_ok()).count();
        assert_eq!(left(from(1), mine), 10);
        assert_eq!(left(from(2), stolen), 1);
    }

    /// Of a browser that is known, its own tries are what counts, even where the network has none left.
    #[test]
    fn a_try_that_came_to_nothing_is_taken_back_with_what_it_had() {
        let (throttle, clock) = throttle();
        let mine = device(&clock, 1);
        for _ in 0..10 {
            assert!(!fails(&throttle, ADA, from(1)));
        }
        for _ in 0..100 {
            let attempt = throttle.admit(ADA, from(1), vec![mine]).ok().unwrap();
            assert!(!attempt.may_be(false, false), "the network has no more tries for strangers");
            assert_eq!(attempt.devices(), [mine]);
            attempt.take_back();
        }
        assert!(fails(&throttle, ADA, from(1)), "what it had not was not given back");
    }

    #[test]
    fn ones_own_password_is_asked_for_ten_times_and_each_person_for_themselves() {
        let (throttle, clock) = throttle();
        let (ada, ben) = (UserId::generate(&*clock), UserId::generate(&*clock));
        let tries = |user| (0..100).take_while(|_| throttle.admit_own(user).is_ok()).count();
        assert_eq!((tries(ada), tries(ada), tries(ben)), (10, 0, 10));
        throttle.take_back_own(ada);
        assert_eq!(tries(ada), 1);
        throttle.forgive_own(ada);
        assert_eq!((tries(ada), tries(ben)), (10, 0));
        clock.advance(Duration::from_secs(60));
        assert_eq!(tries(ben), 2);
    }

    #[test]
    fn who_is_refused_is_told_when_to_come_again() {
        use axum::response::IntoResponse;
        let (throttle, _) = throttle();
        while throttle.admit(ADA, from(1), Vec::new()).is_ok() {}
        let refused = throttle.admit(ADA, from(1), Vec::new()).err().unwrap().into_response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["retry-after"], "30");
    }
}
