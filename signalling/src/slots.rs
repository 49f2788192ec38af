//! Who may have a socket yet: counted before the upgrade by network, after `connection.open` by account and user.
//!
//! Every count is held by a guard that gives it back however the connection ends.

use crate::{accept::refused::Refused, config::Config};
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
}

impl Slots {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            open: 0,
            unauthenticated: Lobby::default(),
            networks: BTreeMap::new(),
            users: Ledger::new(config.connections_per_user_max),
            accounts: Ledger::new(config.connections_per_account_max),
        };
        Self(Arc::new(Inner { config: config.clone(), clock, state: Mutex::new(state) }))
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

/// A connection of a user, counted for them and for their account.
pub(crate) struct UserSlot {
    slots: Slots,
    account: AccountId,
    user: UserId,
    /// What all connections of the user, and of the account, have used of their rates.
    pub(crate) user_meter: SharedMeter,
    pub(crate) account_meter: SharedMeter,
}

impl UserSlot {
    /// Takes one.
    ///
    /// # Errors
    /// [`ErrorCode::TOO_MANY`].
    pub(crate) fn take(
        slots: &Slots,
        account: AccountId,
        user: UserId,
        is_guest: bool,
    ) -> Result<Self, Failure> {
        let (config, now) = (&slots.0.config, slots.0.clock.now());
        let user_rates = if is_guest { config.guest() } else { config.person().times(config.user_factor) };
        let account_rates = config.person().times(config.account_factor);
        let mut state = slots.state();
        let of_account = state
            .accounts
            .take(account, now, || Meter::new(account_rates.requests, account_rates.bytes, now));
        let Some(account_meter) = of_account else {
            return Err(full("connections_per_account", "the account has too many connections"));
        };
        let of_user =
            state.users.take((account, user), now, || Meter::new(user_rates.requests, user_rates.bytes, now));
        let Some(user_meter) = of_user else {
            state.accounts.give_back(account, now);
            return Err(full("connections_per_user", "the user has too many connections"));
        };
        drop(state);
        Ok(Self { slots: slots.clone(), account, user, user_meter, account_meter })
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
        state.users.give_back((self.account, self.user), now);
        state.accounts.give_back(self.account, now);
    }
}
