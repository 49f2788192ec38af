//! A Redis Cluster, whose servers die, hang and hand slots over.

use super::*;
use bus::{Acquired, BusError, HistoryLimits, LeaseGuard, Link, Spending, WAIT_MAX};
use common::{bucket::Rate, subject::History};
use local_services::{
    cluster::{Cluster, Node},
    scratch::Scratch,
};
use std::{
    collections::BTreeSet,
    process::Command,
    sync::{OnceLock, mpsc},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// The nodes of a cluster that all tests share which leave it as it is.
pub(crate) fn shared() -> &'static [String] {
    static NODES: OnceLock<Vec<String>> = OnceLock::new();
    NODES.get_or_init(|| {
        let (told, nodes) = mpsc::channel();
        // It ends with the thread that started it, which is to be the process.
        std::thread::spawn(move || {
            let directory = Scratch::new().expect("a directory");
            let cluster = Cluster::start_without_replicas(directory.path()).expect("the cluster starts");
            told.send(cluster.urls()).expect("it is waited for");
            loop {
                std::thread::park();
            }
        });
        nodes.recv().expect("the cluster starts")
    })
}

/// A cluster of our own, and two instances on it.
struct Stage {
    cluster: Cluster,
    pair: Pair,
    _directory: Scratch,
}

impl Stage {
    async fn prepare(start: impl FnOnce(&std::path::Path) -> std::io::Result<Cluster>) -> Self {
        let directory = Scratch::new().expect("a directory");
        let cluster = start(directory.path()).expect("the cluster starts");
        let pair = Pair::cluster(&cluster.urls()).await;
        Self { cluster, pair, _directory: directory }
    }

    /// Where a topic lies that somebody listens to: which primary has it, and in which slot.
    fn place(&self, topic: &str) -> (usize, u16) {
        let question = format!("PUBSUB SHARDCHANNELS *:t:{topic}");
        let found = self.cluster.primaries.iter().enumerate().find_map(|(place, primary)| {
            let answer = primary.process().map(|_| primary.order(&question).expect("it answers"))?;
            let channel = answer.lines().nth(2)?;
            let slot = primary.order(&format!("CLUSTER KEYSLOT {channel}")).expect("it answers");
            Some((place, slot.trim().trim_start_matches(':').parse().expect("a number")))
        });
        found.expect("somebody listens to it")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let nodes = self.cluster.primaries.iter_mut().chain(&mut self.cluster.replicas);
        nodes.for_each(|node| drop(node.kill()));
    }
}

fn signal(node: &Node, signal: &str) {
    let id = node.process().expect("it runs").to_string();
    assert!(Command::new("kill").args([signal, &id]).status().expect("there is a kill").success());
}

async fn is(bus: &Bus, wanted: impl Fn(&Link) -> bool) {
    soon(bus.link().wait_for(wanted)).await.expect("the bus lives");
}

/// Something of each kind, in so many partitions that each server has some of them.
const MANY: u64 = 24;

struct Named(u64);

impl LeaseName for Named {
    fn name(&self) -> String {
        format!("lease {}", self.0)
    }
}

impl PresenceSet for Named {
    type Entry = u64;
    fn name(&self) -> String {
        format!("set {}", self.0)
    }
}

impl Topic for Named {
    type Message = u32;
    fn name(&self) -> String {
        format!("topic-{}", self.0)
    }
}

struct Held {
    leases: Vec<LeaseGuard>,
    _entries: Vec<bus::Presence>,
    subscriptions: Vec<Subscription<u32>>,
}

/// `here` holds leases and is present, `there` listens.
async fn hold_many(pair: &Pair) -> Held {
    let (mut leases, mut entries, mut subscriptions) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..MANY {
        let Acquired::Held(lease) = pair.here.acquire(&Named(number)).await.unwrap() else {
            panic!("it is free")
        };
        leases.push(lease);
        entries.push(pair.here.present(&Named(number), "here", &number).await.unwrap());
        subscriptions.push(pair.there.subscribe(&Named(number)).await.unwrap());
    }
    Held { leases, _entries: entries, subscriptions }
}

/// Everything goes on: all is heard, nobody has lost what they hold, and everybody is seen.
async fn goes_on(pair: &Pair, held: &mut Held) {
    for (number, subscription) in (0..).zip(&mut held.subscriptions) {
        until(async || pair.here.publish(&Named(number), &7).await.is_ok()).await;
        while message(subscription).await != 7 {}
        let holder = async || pair.there.holder(&Named(number)).await;
        until(async || holder().await.is_ok_and(|holder| holder == Some(pair.here.node()))).await;
        let seen = async || pair.there.snapshot(&Named(number)).await.unwrap();
        until(async || seen().await.is_fresh && seen().await.entries.len() == 1).await;
    }
    for lease in &mut held.leases {
        assert!(timeout(Duration::ZERO, lease.lost()).await.is_err(), "it is held");
    }
}

#[tokio::test]
async fn when_a_primary_dies_its_replica_goes_on_with_all_that_it_had() {
    let mut stage = Stage::prepare(Cluster::start).await;
    let mut held = hold_many(&stage.pair).await;
    goes_on(&stage.pair, &mut held).await;
    stage.cluster.primaries[0].kill().expect("it ran");
    for bus in [&stage.pair.here, &stage.pair.there] {
        is(bus, |link| !matches!(link, Link::Up { .. })).await;
    }
    // Meanwhile nobody gets what somebody has, whichever server would give it.
    for number in 0..MANY {
        let taken = stage.pair.there.acquire(&Named(number)).await;
        assert!(matches!(taken, Ok(Acquired::Taken(_)) | Err(_)), "{taken:?}");
    }
    for bus in [&stage.pair.here, &stage.pair.there] {
        is(bus, |link| matches!(link, Link::Up { epoch } if *epoch > 1)).await;
    }
    goes_on(&stage.pair, &mut held).await;
    for number in 0..MANY {
        let taken = stage.pair.there.acquire(&Named(number)).await;
        assert!(matches!(taken, Ok(Acquired::Taken(_)) | Err(_)), "{taken:?}");
    }
    assert_eq!(stage.pair.here.health().away, []);
}

/// Without replicas: nobody takes its place.
#[expect(clippy::disallowed_methods, reason = "measures how long somebody waits")]
#[tokio::test]
async fn while_one_server_hangs_or_is_dead_nobody_waits_and_what_lies_on_others_goes_on() {
    let mut stage = Stage::prepare(Cluster::start_without_replicas).await;
    let mut held = hold_many(&stage.pair).await;
    let (here, there) = (stage.pair.here.clone(), stage.pair.there.clone());
    let places: Vec<usize> = (0..MANY).map(|number| stage.place(&Topic::name(&Named(number))).0).collect();
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 3, "each server has some");
    signal(&stage.cluster.primaries[0], "-STOP");
    let stopped = Instant::now();
    for is_noticed in [false, true] {
        for (number, place) in (0..).zip(&places) {
            let began = Instant::now();
            let told = here.publish(&Named(number), &1).await;
            assert_eq!(told.is_ok(), *place != 0, "{told:?}");
            let _of_another_server = there.holder(&Named(number)).await;
            there.snapshot(&Named(number)).await.expect("what was last seen, if nothing else");
            here.subscribe(&News(format!("late {number} {is_noticed}"))).await.expect("it is heard later");
            // Four questions, each of which may have been about the server that hangs.
            assert!(began.elapsed() < 4 * WAIT_MAX + Duration::from_millis(400), "{:?}", began.elapsed());
            if is_noticed {
                assert!(place != &0 || matches!(told, Err(BusError::Away)), "{told:?}");
            }
        }
        for bus in [&here, &there] {
            is(bus, |link| *link == Link::Partial).await;
        }
    }
    println!("a server that hangs was noticed and all was asked twice within {:?}", stopped.elapsed());
    let away = here.health().away;
    assert_eq!(away, [Some(stage.cluster.primaries[0].address().to_string())]);
    // Who starts now finds the rest.
    let late = Pair::cluster(&stage.cluster.urls()).await;
    assert_eq!(*late.here.link().borrow(), Link::Partial);
    signal(&stage.cluster.primaries[0], "-CONT");
    for bus in [&here, &there] {
        is(bus, |link| matches!(link, Link::Up { epoch: 2.. })).await;
    }
    goes_on(&stage.pair, &mut held).await;
    stage.cluster.primaries[1].kill().expect("it ran");
    is(&here, |link| *link == Link::Partial).await;
    for (number, place) in (0..).zip(&places) {
        let told = here.publish(&Named(number), &1).await;
        assert_eq!(told.is_ok(), *place != 1, "{told:?}");
    }
}

/// Without replicas: nobody takes its place.
#[tokio::test]
async fn rates_that_lie_on_others_are_shared_while_one_server_is_dead() {
    let mut stage = Stage::prepare(Cluster::start_without_replicas).await;
    stage.cluster.primaries[1].kill().expect("it ran");
    for bus in [&stage.pair.here, &stage.pair.there] {
        is(bus, |link| *link == Link::Partial).await;
    }
    let spend = async |bus: &Bus, spent| {
        // Hardly anything comes back while the test runs.
        let rate = Rate::every(100, Duration::from_secs(600));
        let of = |number| Spending { name: format!("rate {number}"), rate, spent };
        bus.spend((0..MANY).map(of).collect()).await
    };
    let (here, there) = (spend(&stage.pair.here, 30).await, spend(&stage.pair.there, 0).await);
    let (mut known, mut unknown) = (0, 0);
    for (here, there) in here.iter().zip(&there) {
        match (here, there) {
            (Ok(here), Ok(there)) => {
                assert_eq!((here.round(), there.round()), (70.0, 70.0));
                known += 1;
            }
            (Err(_), Err(_)) => unknown += 1,
            (here, there) => panic!("{here:?} and {there:?} of one server"),
        }
    }
    assert!(known > 0 && unknown > 0, "{known} are known and {unknown} are not");
}

/// Of each kind something that lies where the topic "news" does: what lies where goes by the name.
struct InSlot;

impl LeaseName for InSlot {
    fn name(&self) -> String {
        Topic::name(&news())
    }
}

impl PresenceSet for InSlot {
    type Entry = u32;
    fn name(&self) -> String {
        Topic::name(&news())
    }
}

impl History for InSlot {
    type Entry = u32;
    fn name(&self) -> String {
        Topic::name(&news())
    }
}

/// What `use_slot` was told.
#[derive(Default)]
struct Used {
    said: u32,
    /// Of what was said, what others were not told.
    untold: BTreeSet<u32>,
    places: BTreeSet<(String, u64)>,
}

/// Uses everything in the slot until it is told to end. Nobody is given what `here` holds.
async fn use_slot(here: Bus, there: Bus, ends: watch::Receiver<bool>) -> Used {
    let limits = HistoryLimits { entries: 1_000, bytes: 100_000, age: Duration::from_secs(60) };
    let mut used = Used::default();
    while !*ends.borrow() {
        used.said += 1;
        if here.publish(&news(), &used.said).await.is_err() {
            used.untold.insert(used.said);
        }
        if let Ok(place) = here.append(&InSlot, &used.said, limits).await {
            assert!(used.places.insert((place.epoch, place.seq)), "no number is given twice");
        }
        let other = there.acquire(&InSlot).await;
        assert!(!matches!(other, Ok(Acquired::Held(_))), "it is held: {other:?}");
        let seen = there.snapshot(&InSlot).await.unwrap();
        assert!(!seen.is_fresh || seen.entries.len() == 20, "{} of 20 are seen", seen.entries.len());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    used
}

/// A subscriber hears everything once and in order, or is told that it may have missed something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_while_it_is_used_loses_nothing_untold_and_gives_no_lease_twice() {
    let stage = Stage::prepare(Cluster::start_without_replicas).await;
    let (here, there) = (stage.pair.here.clone(), stage.pair.there.clone());
    let mut heard = there.subscribe(&news()).await.unwrap();
    let Acquired::Held(mut lease) = here.acquire(&InSlot).await.unwrap() else { panic!("it is free") };
    let mut entries = Vec::new();
    for number in 0..20 {
        entries.push(here.present(&InSlot, &number.to_string(), &number).await.unwrap());
    }
    let (end, ends) = watch::channel(false);
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    let using = tokio::spawn(use_slot(here.clone(), there.clone(), ends));
    let (first, slot) = stage.place("news");
    let other = (first + 1) % 3;
    for (from, to) in [(first, other), (other, first)] {
        tokio::task::block_in_place(|| {
            stage.cluster.begin_move(slot, from, to).expect("it begins");
            stage.cluster.move_keys(slot, from, to, Duration::from_millis(200)).expect("keys move");
            stage.cluster.end_move(slot, from, to).expect("it ends");
        });
        until(async || {
            let question = "PUBSUB SHARDCHANNELS *:t:news";
            stage.cluster.primaries[to].order(question).expect("it answers").contains("news")
        })
        .await;
        for bus in [&here, &there] {
            is(bus, |link| matches!(link, Link::Up { .. })).await;
        }
    }
    end.send_replace(true);
    let used = soon(using).await.expect("it ran");
    assert!(used.said > 50 && used.places.len() > 10, "it was used: {} times", used.said);
    until(async || here.publish(&news(), &u32::MAX).await.is_ok()).await;
    let (mut last, mut is_told) = (0, false);
    while last != u32::MAX {
        match soon(heard.next()).await.expect("the bus lives") {
            Delivery::Lost => is_told = true,
            Delivery::Message(number) => {
                let between = last + 1..number.min(used.said + 1);
                let missed: Vec<u32> = between.filter(|number| !used.untold.contains(number)).collect();
                assert!(missed.is_empty() || is_told, "{missed:?} of {} were missed untold", used.said);
                assert!(number > last, "{number} after {last}");
                (last, is_told) = (number, false);
            }
        }
    }
    assert!(timeout(Duration::ZERO, lease.lost()).await.is_err(), "it is held");
    until(async || there.snapshot(&InSlot).await.is_ok_and(|seen| seen.is_fresh && seen.entries.len() == 20))
        .await;
    drop((entries, lease));
    until(async || there.snapshot(&InSlot).await.is_ok_and(|seen| seen.entries.is_empty())).await;
}

#[tokio::test]
async fn a_cluster_that_wants_a_password_is_given_it_at_each_of_its_servers() {
    let directory = Scratch::new().expect("a directory");
    let cluster = Cluster::start_without_replicas(directory.path()).expect("the cluster starts");
    for primary in &cluster.primaries {
        primary.order("CONFIG SET requirepass secret").expect("it does so");
    }
    let connect = async |nodes: &[String]| {
        let nodes = nodes.iter().map(String::as_str);
        soon(Bus::redis_cluster(node(), nodes, "p", &Shutdown::default())).await
    };
    let refused = connect(&cluster.urls()).await;
    assert!(matches!(refused, Err(BusError::Redis(_))), "who starts without it is told");
    // One node is enough to find all, and one that is not there does no harm.
    let first = cluster.primaries[0].address();
    let nodes = [format!("redis://:secret@{first}"), "redis://:secret@127.0.0.1:1".to_owned()];
    let bus = connect(&nodes).await.expect("it is let in");
    assert!(matches!(*bus.link().borrow(), Link::Up { .. }));
    let nowhere = connect(&["redis://127.0.0.1:1".to_owned()]).await;
    assert!(matches!(nowhere, Err(BusError::Redis(_))), "nobody is there");
    assert!(matches!(connect(&[]).await, Err(BusError::Redis(_))), "nobody was named");
}

#[tokio::test]
async fn what_is_no_cluster_is_not_taken_for_one() {
    let refused = Bus::redis_cluster(node(), [redis_url().as_str()], "p", &Shutdown::default()).await;
    assert!(matches!(refused, Err(BusError::Redis(_))));
}
