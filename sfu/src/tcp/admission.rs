//! Which connections are kept: so many, so many of a client network, and so many that have not proved yet for which
//! transport they are.

use common::address::ClientNetwork;
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Connections whose first check has not been answered, at most. One more takes the place of another: of the client
/// network with the most of them, that which has waited for longest. Whoever means to check does so at once.
pub(crate) const UNPROVED_MAX: usize = 256;

/// Why a connection is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are as many as there may be.
    Full,
    /// Of its client network there are as many as there may be.
    NetworkFull,
    /// Too many have proved nothing, and it was one of them.
    Unproved,
    /// Its first check did not come in time.
    Late,
    /// What came first is no connectivity check.
    NoCheck,
    /// It ended, or could not be used.
    Ended,
    /// No transport goes by the name in its check, or the check is not authentic.
    Unknown,
    /// Its shard has no time for it.
    Busy,
}

impl Refused {
    /// Counts it.
    pub(crate) fn count(self) {
        metrics::counter!("sfu_tcp_refused_total", "reason" => self.reason()).increment(1);
    }

    /// Its name in metrics.
    const fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NetworkFull => "network_full",
            Self::Unproved => "unproved",
            Self::Late => "late",
            Self::NoCheck => "no_check",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
            Self::Busy => "busy",
        }
    }
}

/// Counts connections. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections_max: usize,
    network_max: usize,
    state: Mutex<State>,
}

/// Locked when a connection comes, proves itself or goes, and never for a packet.
#[derive(Debug, Default)]
struct State {
    proved: usize,
    networks: BTreeMap<ClientNetwork, usize>,
    unproved: BTreeMap<u64, (ClientNetwork, Arc<Notify>)>,
    next: u64,
}

impl Admission {
    /// So many that have proved themselves in all, and of one client network.
    pub(crate) fn new(connections_max: usize, network_max: usize) -> Self {
        Self(Arc::new(Inner { connections_max, network_max, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more of this client network may be there.
    fn check(&self, state: &State, network: ClientNetwork) -> Result<(), Refused> {
        if state.proved >= self.0.connections_max {
            return Err(Refused::Full);
        }
        let of_network = state.networks.get(&network).copied().unwrap_or(0);
        if of_network >= self.0.network_max { Err(Refused::NetworkFull) } else { Ok(()) }
    }

    /// A place for a connection that has proved nothing yet.
    pub(super) fn take(&self, network: ClientNetwork) -> Result<Place, Refused> {
        let mut state = self.state();
        self.check(&state, network)?;
        if state.unproved.len() >= UNPROVED_MAX {
            state.evict();
        }
        let (ticket, evicted) = (state.next, Arc::new(Notify::new()));
        state.next = state.next.wrapping_add(1);
        state.unproved.insert(ticket, (network, Arc::clone(&evicted)));
        drop(state);
        Ok(Place { admission: self.clone(), network, ticket, is_proved: false, evicted })
    }

    /// Has one that has proved nothing give way.
    pub(super) fn evict(&self) {
        self.state().evict();
    }

    /// How many there are that have proved themselves, and that have not.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.proved, state.unproved.len())
    }
}

impl State {
    fn evict(&mut self) {
        // How many there are of each network, and which of them came first: tickets go up.
        let mut networks: BTreeMap<ClientNetwork, (usize, u64)> = BTreeMap::new();
        for (ticket, (network, _)) in &self.unproved {
            networks.entry(*network).or_insert((0, *ticket)).0 += 1;
        }
        let longest = networks.into_values().max_by_key(|(count, ticket)| (*count, Reverse(*ticket)));
        if let Some((_, evicted)) = longest.and_then(|(_, ticket)| self.unproved.remove(&ticket)) {
            evicted.notify_one();
        }
    }
}

/// A connection's place, for as long as it is there.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    network: ClientNetwork,
    ticket: u64,
    is_proved: bool,
    /// Told when it has to give way.
    pub(super) evicted: Arc<Notify>,
}

impl Place {
    /// Its peer has proved for which transport it is.
    ///
    /// # Errors
    /// If so many others have meanwhile that there is no place left.
    pub(super) fn prove(&mut self) -> Result<(), Refused> {
        let mut state = self.admission.state();
        state.unproved.remove(&self.ticket);
        self.admission.check(&state, self.network)?;
        state.proved += 1;
        *state.networks.entry(self.network).or_default() += 1;
        drop(state);
        self.is_proved = true;
        metrics::gauge!("sfu_tcp_connections").increment(1.0);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.unproved.remove(&self.ticket);
        if !self.is_proved {
            return;
        }
        state.proved = state.proved.saturating_sub(1);
        if let Some(of) = state.networks.get_mut(&self.network) {
            *of = of.saturating_sub(1);
            if *of == 0 {
                state.networks.remove(&self.network);
            }
        }
        drop(state);
        metrics::gauge!("sfu_tcp_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::address::ClientAddress;
    use std::net::IpAddr;

    fn network(number: u8) -> ClientNetwork {
        ClientAddress([10, 0, 0, number].into()).network()
    }

    fn proved(admission: &Admission, number: u8) -> Result<Place, Refused> {
        let mut place = admission.take(network(number))?;
        place.prove().map(|()| place)
    }

    #[test]
    fn there_are_so_many_and_so_many_of_a_network_and_places_come_back() {
        let admission = Admission::new(3, 2);
        let mut places = vec![proved(&admission, 1).unwrap(), proved(&admission, 1).unwrap()];
        assert_eq!(proved(&admission, 1).unwrap_err(), Refused::NetworkFull);
        let mut waiting = admission.take(network(2)).unwrap();
        places.push(proved(&admission, 2).unwrap());
        assert_eq!(proved(&admission, 3).unwrap_err(), Refused::Full);
        assert_eq!(waiting.prove(), Err(Refused::Full), "others were faster");
        drop(places.remove(0));
        drop(waiting);
        assert_eq!(admission.counts(), (2, 0));
        places.push(proved(&admission, 1).unwrap());
        drop(places);
        assert_eq!(admission.counts(), (0, 0));
        assert!(admission.state().networks.is_empty());
    }

    /// Passes for the wrong reason if nobody had to give way: so many wait that the first flooder must.
    #[tokio::test]
    async fn a_flood_of_those_who_prove_nothing_turns_itself_out() {
        let admission = Admission::new(10, 10);
        let mut honest = admission.take(network(1)).unwrap();
        let flood: Vec<_> = (0..UNPROVED_MAX + 50).map(|_| admission.take(network(2)).unwrap()).collect();
        assert_eq!(admission.counts(), (0, UNPROVED_MAX));
        flood[0].evicted.notified().await;
        flood[50].evicted.notified().await;
        assert_eq!(honest.prove(), Ok(()));
        drop(flood);
        assert_eq!(admission.counts(), (1, 0));
        admission.evict();
    }

    /// Passes for the wrong reason if addresses decided: whoever has just come has the highest, and then the lowest.
    #[tokio::test]
    async fn of_a_flood_from_everywhere_whoever_has_waited_for_longest_gives_way() {
        for honest in [[10, 0, 0, 1], [10, 2, 0, 1]] {
            let admission = Admission::new(10, 10);
            let take = |address: IpAddr| admission.take(ClientAddress(address).network()).unwrap();
            let flooder = |n: usize| {
                let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
                take([10, 1, high, low].into())
            };
            let flood: Vec<_> = (0..UNPROVED_MAX).map(flooder).collect();
            let mut honest = take(honest.into());
            flood[0].evicted.notified().await;
            let _next = flooder(UNPROVED_MAX);
            flood[1].evicted.notified().await;
            assert_eq!(honest.prove(), Ok(()));
        }
    }
}
