//! How often sessions over HTTP may begin.

use super::super::problem::Problem;
use axum::http::StatusCode;
use common::{
    address::ClientAddress,
    bucket::{Buckets, Rate},
    clock::Clock,
    error::ErrorCode,
    id::AccountId,
};
use std::{net::IpAddr, sync::Arc};

/// WHIP sessions that begin in one account.
///
/// Each opens a transport and is told to everybody in its room. More lets many cameras come back at once; fewer
/// leaves more of the media servers to other accounts.
pub(in super::super) const PUBLISHERS_PER_ACCOUNT: Rate = Rate::per_second(200, 10);

/// WHIP sessions that begin from one client network: a studio shares one.
pub(in super::super) const PUBLISHERS_PER_NETWORK: Rate = Rate::per_second(50, 2);

/// WHEP sessions that begin in one account.
///
/// Each opens a transport, and nobody is told of it. More lets larger audiences come at once; fewer leaves more of the
/// media servers to other accounts.
pub(in super::super) const PLAYERS_PER_ACCOUNT: Rate = Rate::per_second(1_000, 100);

/// WHEP sessions that begin from one client network: a school or an office shares one.
pub(in super::super) const PLAYERS_PER_NETWORK: Rate = Rate::per_second(300, 20);

/// How many buckets of each kind are kept.
const BUCKETS_MAX: usize = 50_000;

/// The buckets of this instance.
pub(in super::super) struct Rates {
    accounts: Buckets,
    networks: Buckets,
}

impl Rates {
    /// Of sessions that publish.
    pub(in super::super) fn of_publishers(clock: &Arc<dyn Clock>) -> Self {
        Self::new(PUBLISHERS_PER_ACCOUNT, PUBLISHERS_PER_NETWORK, clock)
    }

    /// Of sessions that play.
    pub(in super::super) fn of_players(clock: &Arc<dyn Clock>) -> Self {
        Self::new(PLAYERS_PER_ACCOUNT, PLAYERS_PER_NETWORK, clock)
    }

    fn new(per_account: Rate, per_network: Rate, clock: &Arc<dyn Clock>) -> Self {
        let buckets = |rate| Buckets::new(rate, BUCKETS_MAX, Arc::clone(clock));
        Self { accounts: buckets(per_account), networks: buckets(per_network) }
    }

    /// Counts a session that is to begin.
    ///
    /// # Errors
    /// 429 if there were too many lately, with the time to wait.
    pub(super) fn admit(&self, account: AccountId, address: Option<IpAddr>) -> Result<(), Problem> {
        let too_many = |wait| {
            let detail = "too many sessions begin";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, detail).retry_after(wait)
        };
        let network = address.map(|address| ClientAddress(address).network().key());
        if let Some(network) = &network {
            self.networks.take(network).map_err(too_many)?;
        }
        self.accounts.take(&account.to_string()).map_err(|wait| {
            if let Some(network) = &network {
                self.networks.give_back(network);
            }
            too_many(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;
    use std::time::Duration;

    #[test]
    fn a_network_that_begins_too_much_takes_nothing_from_others_of_its_account() {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        let (rates, account) = (Rates::of_publishers(&shared), AccountId::generate(&*clock));
        let from = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..50 {
            assert!(rates.admit(account, from(1)).is_ok());
        }
        assert!(rates.admit(account, from(1)).is_err());
        assert!(rates.admit(account, from(2)).is_ok());
        clock.advance(Duration::from_millis(500));
        assert!(rates.admit(account, from(1)).is_ok());
        assert!(rates.admit(account, from(1)).is_err());
    }

    #[test]
    fn an_account_begins_no_more_by_coming_from_everywhere_and_keeps_nobody_elses() {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        let (rates, account) = (Rates::of_publishers(&shared), AccountId::generate(&*clock));
        let begun = (0..=255).filter(|&last| rates.admit(account, Some([192, 0, 2, last].into())).is_ok());
        assert_eq!(begun.count(), 200);
        assert!(rates.admit(AccountId::generate(&*clock), Some([192, 0, 2, 255].into())).is_ok());
    }
}
