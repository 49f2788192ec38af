//! Which connections are open, and who has to go when there are too many.
//!
//! A connection that does nothing, or has not finished its first line, goes
//! before one that works: the longest idle one of the same network if that has
//! its share, else of all. A few slots are kept beside the others, for `/health`
//! and `/ready` alone, so that whoever watches gets an answer when everything is
//! taken.
//!
//! What a connection is sent is work too, until the client has taken it. A socket
//! of the hub's has its slot for life, but counts towards nobody's share here: the
//! hub counts a network's sockets by itself.

use common::address::ClientNetwork;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};
use tokio::sync::Notify;

/// Slots beside the others, for probes.
pub(super) const RESERVED: usize = 16;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// In all.
    pub(super) all: usize,
    /// From one client network.
    pub(super) network: usize,
}

/// All connections of one listener.
pub(super) struct Slots {
    limits: Limits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Counts up: names slots, and tells which became idle first.
    next: u64,
    taken: HashMap<u64, Entry>,
    regular: Area,
    reserved: Area,
    networks: HashMap<ClientNetwork, Area>,
}

/// A group of slots: how many are taken, and those that are idle, the longest first.
#[derive(Default)]
struct Area {
    taken: usize,
    idle: BTreeMap<u64, u64>,
}

struct Entry {
    network: Option<ClientNetwork>,
    is_reserved: bool,
    /// Its key in the areas' `idle`.
    idle: Option<u64>,
    state: Arc<State>,
}

/// The state of a slot's connection, which it reads without asking the table.
#[derive(Default)]
pub(super) struct State {
    /// Whether a request is being answered, or the connection is the hub's.
    is_answering: AtomicBool,
    /// Whether the client has yet to take some of what was sent.
    is_writing: AtomicBool,
    /// Counts up each time that it becomes idle.
    rounds: AtomicU32,
    /// Told when it has to go.
    pub(super) evicted: Notify,
}

/// A taken slot. Dropping it gives it back.
pub(super) struct Slot {
    slots: Arc<Slots>,
    id: u64,
    /// Whether it is for probes alone.
    pub(super) is_reserved: bool,
    /// Shared with its connection.
    pub(super) state: Arc<State>,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    /// A slot for a connection from `network`; without one it counts towards all only. It begins idle.
    ///
    /// `None` if every slot works, the reserved ones too.
    pub(super) fn take(self: &Arc<Self>, network: Option<ClientNetwork>) -> Option<Slot> {
        let mut table = self.table();
        // Its own network first: whoever opens too many connections ends one of their own, and only a listener that is
        // full as a whole ends somebody else's.
        let is_regular =
            table.has_room(network, self.limits.network) && table.make_room(None, self.limits.all);
        if !is_regular && !table.make_room_among_reserved() {
            return None;
        }
        table.next += 1;
        // One count for names and for the order of idling: neither is ever used twice, so a slot that was given back
        // cannot be taken for a later one.
        let id = table.next;
        let state = Arc::<State>::default();
        // A reserved slot is beside all shares: its network has used its own up.
        let network = network.filter(|_| is_regular);
        let entry = Entry { network, is_reserved: !is_regular, idle: None, state: Arc::clone(&state) };
        for area in table.areas(&entry) {
            area.taken += 1;
        }
        table.taken.insert(id, entry);
        table.note_idle(id);
        Some(Slot { slots: Arc::clone(self), id, is_reserved: !is_regular, state })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection that has been idle the longest, whose ever it is; false if all work.
    pub(super) fn evict_one(&self) -> bool {
        let mut table = self.table();
        let Some(oldest) = table.regular.idle.values().next().copied() else { return false };
        table.evict(oldest);
        true
    }

    /// How many slots are taken, without the reserved ones.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.table().regular.taken
    }
}

impl Table {
    /// The groups that a slot belongs to.
    fn areas(&mut self, entry: &Entry) -> impl Iterator<Item = &mut Area> {
        let whole = if entry.is_reserved { &mut self.reserved } else { &mut self.regular };
        let network = entry.network.map(|network| self.networks.entry(network).or_default());
        std::iter::once(whole).chain(network)
    }

    fn has_room(&mut self, network: Option<ClientNetwork>, most: usize) -> bool {
        network.is_none_or(|network| self.make_room(Some(network), most))
    }

    /// Makes room for one more, if need be at the cost of who is idle.
    fn make_room(&mut self, network: Option<ClientNetwork>, most: usize) -> bool {
        let area = match network {
            Some(network) => match self.networks.get(&network) {
                Some(area) => area,
                None => return most > 0,
            },
            None => &self.regular,
        };
        let (is_full, oldest) = (area.taken >= most, area.idle.values().next().copied());
        match oldest {
            _ if !is_full => true,
            Some(oldest) => {
                self.evict(oldest);
                true
            }
            None => false,
        }
    }

    fn make_room_among_reserved(&mut self) -> bool {
        let (is_full, oldest) =
            (self.reserved.taken >= RESERVED, self.reserved.idle.values().next().copied());
        match oldest {
            _ if !is_full => true,
            Some(oldest) => {
                self.evict(oldest);
                true
            }
            None => false,
        }
    }

    fn evict(&mut self, id: u64) {
        if let Some(entry) = self.remove(id) {
            entry.state.evicted.notify_one();
            metrics::counter!("http_connections_evicted_total").increment(1);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.taken.remove(&id)?;
        for area in self.areas(&entry) {
            area.taken -= 1;
            if let Some(order) = entry.idle {
                area.idle.remove(&order);
            }
        }
        if let Some(network) = entry.network
            && self.networks.get(&network).is_some_and(|area| area.taken == 0)
        {
            self.networks.remove(&network);
        }
        Some(entry)
    }

    fn note_idle(&mut self, id: u64) {
        let Some(mut entry) = self.taken.remove(&id) else { return };
        if entry.idle.is_none() {
            self.next += 1;
            let order = self.next;
            entry.idle = Some(order);
            for area in self.areas(&entry) {
                area.idle.insert(order, id);
            }
        }
        self.taken.insert(id, entry);
    }

    /// Takes it out of its network's share: it counts towards all alone from now on.
    fn leave_network(&mut self, id: u64) {
        let Some(entry) = self.remove(id) else { return };
        let entry = Entry { network: None, idle: None, ..entry };
        for area in self.areas(&entry) {
            area.taken += 1;
        }
        self.taken.insert(id, entry);
    }

    fn note_busy(&mut self, id: u64) {
        let Some(mut entry) = self.taken.remove(&id) else { return };
        if let Some(order) = entry.idle.take() {
            for area in self.areas(&entry) {
                area.idle.remove(&order);
            }
        }
        self.taken.insert(id, entry);
    }
}

impl State {
    /// Whether a request is being answered, to the last byte, or the connection is a socket of the hub's.
    pub(super) fn is_busy(&self) -> bool {
        self.is_answering.load(Ordering::Relaxed) || self.is_writing.load(Ordering::Relaxed)
    }

    /// How often it has become idle: another number is another wait for a request.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds.load(Ordering::Relaxed)
    }
}

impl Slot {
    /// Counts it towards `network` from now on; false if that has its share already, all of it at work.
    pub(super) fn count_towards(&self, network: ClientNetwork) -> bool {
        let mut table = self.slots.table();
        // Out of the areas first, so that it is not itself who goes.
        let Some(mut entry) = table.remove(self.id) else { return false };
        let fits = entry.is_reserved || table.make_room(Some(network), self.slots.limits.network);
        if !fits {
            return false;
        }
        entry.network = (!entry.is_reserved).then_some(network);
        entry.idle = None;
        for area in table.areas(&entry) {
            area.taken += 1;
        }
        table.taken.insert(self.id, entry);
        table.note_idle(self.id);
        true
    }

    /// Whether the client has yet to take some of what was sent; true if that has changed.
    pub(super) fn note_writing(&self, is_writing: bool) -> bool {
        let has_changed = self.state.is_writing.swap(is_writing, Ordering::Relaxed) != is_writing;
        if has_changed && !self.state.is_answering.load(Ordering::Relaxed) {
            let mut table = self.slots.table();
            if is_writing { table.note_busy(self.id) } else { table.note_idle(self.id) }
        }
        has_changed
    }

    /// A handle that tells the table when a request begins and ends.
    pub(super) fn turns(&self) -> Turns {
        Turns { slots: Arc::clone(&self.slots), id: self.id, state: Arc::clone(&self.state) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.table().remove(self.id);
    }
}

/// A connection's requests, one after the other.
#[derive(Clone)]
pub(super) struct Turns {
    slots: Arc<Slots>,
    id: u64,
    state: Arc<State>,
}

impl Turns {
    /// Whether a request is being answered, to the last byte.
    pub(super) fn is_busy(&self) -> bool {
        self.state.is_busy()
    }

    /// A request has arrived.
    pub(super) fn begin(&self) -> Turn {
        self.state.is_answering.store(true, Ordering::Relaxed);
        self.slots.table().note_busy(self.id);
        Turn(Some(self.clone()))
    }
}

/// A request that is being answered. Dropping it makes the connection idle.
pub(super) struct Turn(Option<Turns>);

impl Turn {
    /// The connection is the hub's from now on and is never idle again.
    pub(super) fn upgraded(mut self) {
        if let Some(turns) = self.0.take() {
            turns.slots.table().leave_network(turns.id);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.state.rounds.fetch_add(1, Ordering::Relaxed);
            turns.state.is_answering.store(false, Ordering::Relaxed);
            if !turns.state.is_busy() {
                turns.slots.table().note_idle(turns.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::address::ClientAddress;
    use std::net::IpAddr;

    fn network(last: u8) -> Option<ClientNetwork> {
        Some(ClientAddress(IpAddr::from([192, 0, 2, last])).network())
    }

    /// Whether the connection was told to go.
    async fn is_gone(slot: &Slot) -> bool {
        tokio::select! {
            biased;
            () = slot.state.evicted.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_longest_idle_goes_when_all_is_taken_and_whoever_works_stays() {
        let slots = Slots::new(Limits { all: 3, network: 3 });
        let (first, second, third) = (
            slots.take(network(1)).unwrap(),
            slots.take(network(2)).unwrap(),
            slots.take(network(3)).unwrap(),
        );
        let turn = first.turns().begin();
        let fourth = slots.take(network(4)).unwrap();
        assert!(!fourth.is_reserved);
        assert!(is_gone(&second).await && !is_gone(&first).await && !is_gone(&third).await);
        drop(turn);
        // The third has been idle for longer than the first now.
        let _fifth = slots.take(network(5)).unwrap();
        assert!(is_gone(&third).await && !is_gone(&first).await);
        assert_eq!(slots.taken(), 3);
        drop((first, second, third, fourth));
        assert_eq!(slots.taken(), 1);
    }

    #[tokio::test]
    async fn a_network_with_its_share_costs_others_nothing() {
        let slots = Slots::new(Limits { all: 10, network: 2 });
        let other = slots.take(network(9)).unwrap();
        let mut greedy: Vec<_> = (0..5).map(|_| slots.take(network(1)).unwrap()).collect();
        assert_eq!(slots.taken(), 3);
        assert!(!is_gone(&other).await);
        // Both of its slots work: what more comes is for probes.
        let turns: Vec<_> = greedy.iter().skip(3).map(|slot| slot.turns().begin()).collect();
        greedy.push(slots.take(network(1)).unwrap());
        assert!(greedy.last().unwrap().is_reserved);
        assert!(!slots.take(network(2)).unwrap().is_reserved);
        drop(turns);
    }

    #[tokio::test]
    async fn who_has_yet_to_take_an_answer_is_not_idle() {
        let slots = Slots::new(Limits { all: 1, network: 1 });
        let slow = slots.take(network(1)).unwrap();
        let turn = slow.turns().begin();
        assert!(slow.note_writing(true));
        drop(turn);
        assert!(slow.turns().is_busy());
        assert!(slots.take(network(2)).unwrap().is_reserved, "it does not give way");
        assert!(!is_gone(&slow).await);
        assert!(slow.note_writing(false));
        assert!(!slots.take(network(2)).unwrap().is_reserved);
        assert!(is_gone(&slow).await);
    }

    #[test]
    fn sockets_of_the_hub_leave_their_networks_share_to_requests() {
        let slots = Slots::new(Limits { all: 10, network: 2 });
        let sockets: Vec<_> = (0..8)
            .map(|_| {
                let slot = slots.take(network(1)).unwrap();
                slot.turns().begin().upgraded();
                slot
            })
            .collect();
        let busy: Vec<_> = (0..2).map(|_| slots.take(network(1)).unwrap()).collect();
        assert!(busy.iter().all(|slot| !slot.is_reserved), "its requests find their slots");
        assert_eq!(slots.taken(), 10);
        drop((sockets, busy));
        assert_eq!((slots.taken(), slots.table().networks.len()), (0, 0));
    }

    #[test]
    fn probes_get_in_when_all_slots_work_and_do_not_block_each_other() {
        let slots = Slots::new(Limits { all: 1, network: 1 });
        let socket = slots.take(network(1)).unwrap();
        socket.turns().begin().upgraded();
        let probes: Vec<_> = (0..100).map(|number| slots.take(network(number)).unwrap()).collect();
        assert!(probes.iter().all(|slot| slot.is_reserved));
        let turns: Vec<_> = probes.iter().map(|slot| slot.turns().begin()).collect();
        assert!(slots.take(network(200)).is_none(), "every slot works");
        drop(turns);
    }

    #[tokio::test]
    async fn a_connection_through_a_balancer_counts_for_its_client_once_that_is_known() {
        let slots = Slots::new(Limits { all: 10, network: 1 });
        let (first, second) = (slots.take(None).unwrap(), slots.take(None).unwrap());
        assert!(first.count_towards(network(1).unwrap()));
        assert!(second.count_towards(network(1).unwrap()), "the first one was idle");
        assert!(is_gone(&first).await && !is_gone(&second).await);
        let turn = second.turns().begin();
        assert!(!slots.take(None).unwrap().count_towards(network(1).unwrap()));
        drop(turn);
    }

    /// Takes, works, rests and leaves at random: the counts are those of the slots that are held.
    #[test]
    fn whatever_connections_do_no_slot_is_lost_or_counted_twice() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let limits = Limits { all: 12, network: 4 };
            let slots = Slots::new(limits);
            let mut held: Vec<(Slot, Option<Turn>)> = Vec::new();
            for step in 0..600 {
                match random.random_range(0..6) {
                    0 | 1 => {
                        let from = random.random_range(0..5_u8);
                        let whose = (from > 0).then(|| network(from).unwrap());
                        // Through a balancer, it is known a little later whose it is.
                        let is_through_balancer = random.random_bool(0.5);
                        let slot = slots.take(whose.filter(|_| !is_through_balancer));
                        let fits = |slot: &Slot| {
                            !is_through_balancer || whose.is_none_or(|network| slot.count_towards(network))
                        };
                        held.extend(slot.filter(fits).map(|slot| (slot, None)));
                    }
                    2 if !held.is_empty() => {
                        let at = random.random_range(0..held.len());
                        drop(held.swap_remove(at));
                    }
                    3 if !held.is_empty() => {
                        let at = random.random_range(0..held.len());
                        // One request after the other.
                        held[at].1 = None;
                        held[at].1 = Some(held[at].0.turns().begin());
                    }
                    4 if !held.is_empty() => {
                        let at = random.random_range(0..held.len());
                        held[at].1 = None;
                    }
                    _ if !held.is_empty() => {
                        let at = random.random_range(0..held.len());
                        held[at].0.note_writing(random.random_bool(0.5));
                    }
                    _ => {}
                }
                let table = slots.table();
                let of = |area: &Area| (area.taken, area.idle.len() <= area.taken);
                // In the order of their numbers.
                let entries = (1..=table.next).filter_map(|id| table.taken.get(&id));
                let regular = entries.clone().filter(|entry| !entry.is_reserved).count();
                let what = format!("seed {seed}, step {step}");
                assert_eq!(of(&table.regular), (regular, true), "{what}");
                assert_eq!(of(&table.reserved), (entries.clone().count() - regular, true), "{what}");
                assert!(regular <= limits.all && table.reserved.taken <= RESERVED, "{what}");
                for last in 1..5 {
                    let network = network(last).unwrap();
                    let Some(area) = table.networks.get(&network) else { continue };
                    let theirs = entries.clone().filter(|entry| entry.network == Some(network)).count();
                    assert_eq!(of(area), (theirs, true), "{what}");
                    assert!((1..=limits.network).contains(&theirs), "{what}");
                }
            }
            held.clear();
            let table = slots.table();
            assert_eq!((table.taken.len(), table.networks.len()), (0, 0), "seed {seed}");
            assert!(table.regular.idle.is_empty() && table.reserved.idle.is_empty(), "seed {seed}");
        }
    }
}
