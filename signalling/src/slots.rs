//! Who may have a socket yet: counted before the upgrade by network, after `connection.open` by account and user; and
//! what all of their connections have used of their rates.
//!
//! Every count is held by a guard that gives it back however the connection ends.

use crate::{
    accept::refused::Refused,
    config::{Config, Rates},
    dues::Dues,
};
use axum::http::StatusCode;
use common::{
    address::ClientNetwork,
    clock::Clock,
    error::{ErrorCode, Fault},
    id::{AccountId, UserId},
    protocol::Failure,
};
use signalling_core::{
    ledger::{Ledger, SharedMeter},
    limit::Meter,
    lobby::{Lobby, Ticket},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The slots of this instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    /// Of which rates other instances are to be told.
    dues: Dues,
    state: Mutex<State>,
}

struct State {
    open: usize,
    /// Each is cancelled when it has to give way.
    unauthenticated: Lobby<ClientNetwork, CancellationToken>,
    /// How many sockets each has.
    networks: BTreeMap<ClientNetwork, usize>,
    users: Ledger<(AccountId, UserId)>,
    accounts: Ledger<AccountId>,
    /// Of those who have said who they are.
    known_networks: Ledger<ClientNetwork>,
}

impl Slots {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            open: 0,
            unauthenticated: Lobby::default(),
            networks: BTreeMap::new(),
            users: Ledger::new(config.connections_per_user_max),
            accounts: Ledger::new(config.connections_per_account_max),
            known_networks: Ledger::new(usize::MAX),
        };
        let dues = Dues::default();
        Self(Arc::new(Inner { config: config.clone(), clock, dues, state: Mutex::new(state) }))
    }

    /// Of which rates other instances are to be told.
    pub(crate) fn dues(&self) -> &Dues {
        &self.0.dues
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot for a socket. Until it is [known](Self::know), it counts as unauthenticated too.
pub(crate) struct Slot {
    slots: Slots,
    network: ClientNetwork,
    ticket: Ticket,
    /// Cancelled when it has to give way, because too many have not said who they are.
    pub(crate) evicted: CancellationToken,
}

impl Slot {
    /// Takes one. Too many who have not said who they are make room by themselves: one of them ends.
    pub(crate) fn take(slots: &Slots, network: ClientNetwork) -> Result<Self, Refused> {
        let config = &slots.0.config;
        let mut state = slots.state();
        let of_network = state.networks.get(&network).copied().unwrap_or(0);
        let full = [
            (state.open >= config.connections_max, "connections", StatusCode::SERVICE_UNAVAILABLE),
            (
                of_network >= config.connections_per_network_max,
                "connections_per_network",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            (
                state.unauthenticated.len_of(network) >= config.unauthenticated_per_network_max,
                "unauthenticated_per_network",
                StatusCode::TOO_MANY_REQUESTS,
            ),
        ];
        if let Some((_, limit, status)) = full.into_iter().find(|(is_full, ..)| *is_full) {
            drop(state);
            return Err(refused(limit, status));
        }
        if state.unauthenticated.len() >= config.unauthenticated_max {
            let Some(evicted) = state.unauthenticated.evict() else {
                drop(state);
                return Err(refused("unauthenticated", StatusCode::SERVICE_UNAVAILABLE));
            };
            evicted.cancel();
            metrics::counter!("hub_refused_total", "limit" => "unauthenticated").increment(1);
        }
        state.open += 1;
        *state.networks.entry(network).or_default() += 1;
        let evicted = CancellationToken::new();
        let ticket = state.unauthenticated.enter(network, evicted.clone());
        drop(state);
        metrics::gauge!("hub_connections").increment(1.0);
        Ok(Self { slots: slots.clone(), network, ticket, evicted })
    }

    /// Where it comes from.
    pub(crate) const fn network(&self) -> ClientNetwork {
        self.network
    }

    /// It has said who it is.
    pub(crate) fn know(&self) {
        // Whoever was evicted meanwhile is counted no more.
        let _token = self.slots.state().unauthenticated.leave(self.network, self.ticket);
    }
}

fn refused(limit: &'static str, status: StatusCode) -> Refused {
    metrics::counter!("hub_refused_total", "limit" => limit).increment(1);
    Refused::new(status, ErrorCode::TOO_MANY, "there are too many sockets; try again later")
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.know();
        let mut state = self.slots.state();
        state.open = state.open.saturating_sub(1);
        if let Some(of) = state.networks.get_mut(&self.network) {
            *of = of.saturating_sub(1);
            if *of == 0 {
                state.networks.remove(&self.network);
            }
        }
        metrics::gauge!("hub_connections").decrement(1.0);
    }
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose {
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) is_guest: bool,
    pub(crate) network: ClientNetwork,
}

/// What all connections of each have used of their rates.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub(crate) user: SharedMeter,
    pub(crate) account: SharedMeter,
    pub(crate) network: SharedMeter,
}

/// A connection of a user, counted for them, for their account and for where it comes from.
pub(crate) struct UserSlot {
    slots: Slots,
    whose: Whose,
    pub(crate) meters: Meters,
}

impl UserSlot {
    /// Takes one.
    ///
    /// # Errors
    /// [`ErrorCode::TOO_MANY`].
    pub(crate) fn take(slots: &Slots, whose: Whose) -> Result<Self, Failure> {
        let Whose { account, user, is_guest, network } = whose;
        let (config, now) = (&slots.0.config, slots.0.clock.now());
        let user_rates = if is_guest { config.guest() } else { config.person().times(config.user_factor) };
        let meter = |rates: Rates, name: String| Meter::new(rates.requests, rates.bytes, now).shared_as(name);
        let mut state = slots.state();
        let account_rates = config.person().times(config.account_factor);
        let of_account =
            state.accounts.take(account, now, || meter(account_rates, format!("account.{account}")));
        let Some(account_meter) = of_account else {
            return Err(full("connections_per_account", "the account has too many connections"));
        };
        let of_user =
            state.users.take((account, user), now, || meter(user_rates, format!("user.{account}.{user}")));
        let Some(user_meter) = of_user else {
            state.accounts.give_back(account, now);
            return Err(full("connections_per_user", "the user has too many connections"));
        };
        let network_rates = config.person().times(config.network_factor);
        let name = || format!("network.{}", network.key());
        let of_network = state.known_networks.take(network, now, || meter(network_rates, name()));
        drop(state);
        let network_meter = of_network.unwrap_or_else(|| Arc::new(Mutex::new(meter(network_rates, name()))));
        let meters = Meters { user: user_meter, account: account_meter, network: network_meter };
        Ok(Self { slots: slots.clone(), whose, meters })
    }
}

fn full(limit: &'static str, why: &'static str) -> Failure {
    metrics::counter!("hub_refused_total", "limit" => limit).increment(1);
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, why)
}

impl Drop for UserSlot {
    fn drop(&mut self) {
        let now = self.slots.0.clock.now();
        let mut state = self.slots.state();
        let Whose { account, user, network, .. } = self.whose;
        state.users.give_back((account, user), now);
        state.accounts.give_back(account, now);
        state.known_networks.give_back(network, now);
    }
}
