//! A Redis that is there and does not do what it is asked.

use super::*;
use bus::{BusError, Link};
use local_services::redis::Redis;
use outage::{Outage, order};
use proxy::{Mode, Proxy};
use std::process::Command;

/// Halts Redis: whoever is connected stays so, and gets no answer.
pub(crate) fn stop(redis: &Redis) {
    signal(redis, "-STOP");
}

/// Lets a halted Redis go on.
fn resume(redis: &Redis) {
    signal(redis, "-CONT");
}

fn signal(redis: &Redis, signal: &str) {
    let id = redis.id().expect("it runs").to_string();
    let status = Command::new("kill").args([signal, &id]).status().expect("there is a kill");
    assert!(status.success(), "{status}");
}

/// Both hear each other and see each other's entries.
async fn all_is_well(pair: &Pair) {
    for (one, other) in [(&pair.here, &pair.there), (&pair.there, &pair.here)] {
        let mut subscription = one.subscribe(&news()).await.unwrap();
        other.publish(&news(), &1).await.unwrap();
        assert_eq!(message(&mut subscription).await, 1);
        let _ada = one.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
        until(async || other.entries(&Guests).await.unwrap().len() == 1).await;
        drop(_ada);
        until(async || other.entries(&Guests).await.unwrap().is_empty()).await;
    }
}

async fn is_down(bus: &Bus) {
    soon(bus.link().wait_for(|link| *link == Link::Down)).await.expect("the bus lives");
}

async fn is_up(bus: &Bus) {
    soon(bus.link().wait_for(|link| matches!(link, Link::Up { .. }))).await.expect("the bus lives");
}

#[tokio::test]
async fn a_redis_that_hangs_is_away_and_what_was_missed_is_told_when_it_goes_on() {
    let outage = Outage::prepare().await;
    let pair = &outage.pair;
    let mut subscription = pair.there.subscribe(&news()).await.unwrap();
    stop(&outage.redis);
    let told = async { pair.here.publish(&news(), &1).await };
    let (told, ()) = tokio::join!(told, async {
        let noticed = tokio::time::timeout(Duration::from_secs(6), outage.down());
        noticed.await.expect("a hang is noticed within a few seconds");
    });
    assert!(told.is_err(), "the others cannot have heard it");
    let mut late = soon(pair.there.subscribe(&News("late".to_owned()))).await.unwrap();
    pair.there.publish(&News("late".to_owned()), &5).await.expect_err("only this process is told");
    assert_eq!(message(&mut late).await, 5);
    resume(&outage.redis);
    outage.up().await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Lost));
    until(async || pair.here.publish(&News("late".to_owned()), &6).await.is_ok()).await;
    assert_eq!(message(&mut late).await, 6);
}

#[tokio::test]
async fn a_redis_that_wants_a_password_is_away_until_it_is_given_one_or_wants_none() {
    let outage = Outage::prepare().await;
    let mut observer = outage.observer().await;
    let _: String = order(&mut observer, &["CONFIG", "SET", "requirepass", "secret"]).await;
    for kind in ["normal", "pubsub"] {
        let _: u64 = order(&mut observer, &["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]).await;
    }
    outage.down().await;
    let refused = soon(Bus::redis(node(), &outage.redis.url(), "p", &Shutdown::default())).await;
    assert!(matches!(refused, Err(BusError::Redis(_))), "who starts now is told");
    let with_password = format!("{}?pass=secret", outage.redis.url());
    soon(Bus::redis(node(), &with_password, "p", &Shutdown::default())).await.expect("it is let in");
    let _: String = order(&mut observer, &["CONFIG", "SET", "requirepass", ""]).await;
    outage.up().await;
    all_is_well(&outage.pair).await;
}

#[tokio::test]
async fn who_starts_with_a_wrong_address_is_told_at_once() {
    let outage = Outage::prepare().await;
    let (url, shutdown) = (outage.redis.url(), Shutdown::default());
    for wrong in ["", "http://localhost", "redis+unix:///nowhere/redis.sock", &format!("{url}?db=99")] {
        let outcome = soon(Bus::redis(node(), wrong, "p", &shutdown)).await;
        assert!(matches!(outcome, Err(BusError::Redis(_))), "{wrong:?}");
    }
}

/// As one that a failover has made a replica of another.
#[tokio::test]
async fn a_redis_that_became_a_replica_is_away_until_it_is_none() {
    let outage = Outage::prepare().await;
    let mut observer = outage.observer().await;
    let _: String = order(&mut observer, &["REPLICAOF", "127.0.0.1", "1"]).await;
    outage.down().await;
    let (url, prefix, shutdown) = (outage.redis.url(), &outage.pair.prefix, &outage.pair.shutdown);
    let starting = Bus::redis(node(), &url, prefix, shutdown);
    let (started, ()) = tokio::join!(soon(starting), async {
        let _: String = order(&mut observer, &["REPLICAOF", "NO", "ONE"]).await;
    });
    started.expect("who starts meanwhile waits for it");
    outage.up().await;
    all_is_well(&outage.pair).await;
}

#[tokio::test]
async fn a_redis_that_still_reads_its_data_is_away_until_it_has() {
    let outage = Outage::prepare().await;
    let proxy = Proxy::start(&outage.redis.url());
    let bus = Bus::redis(node(), &proxy.url(), &outage.pair.prefix, &outage.pair.shutdown).await.unwrap();
    let mut subscription = bus.subscribe(&news()).await.unwrap();
    proxy.set(Mode::Answer("-LOADING Redis is loading the dataset in memory\r\n"));
    is_down(&bus).await;
    assert!(matches!(bus.publish(&news(), &0).await, Err(BusError::Away)));
    assert_eq!(message(&mut subscription).await, 0);
    proxy.set(Mode::Pass);
    is_up(&bus).await;
    until(async || outage.pair.here.publish(&news(), &1).await.is_ok()).await;
    assert_eq!(message(&mut subscription).await, 1);
}

/// Passes for the wrong reason if everything went through before the cut: the entries are far more bytes.
#[tokio::test]
async fn a_link_that_breaks_while_it_writes_everything_anew_writes_it_in_the_end() {
    let mut outage = Outage::prepare().await;
    let proxy = Proxy::start(&outage.redis.url());
    let bus = Bus::redis(node(), &proxy.url(), &outage.pair.prefix, &outage.pair.shutdown).await.unwrap();
    let mut guards = Vec::new();
    for number in 0..2_000 {
        guards.push(bus.present(&Guests, &number.to_string(), &"x".repeat(100)).await.unwrap());
    }
    outage.begin().await;
    is_down(&bus).await;
    proxy.set(Mode::CutAfter(50_000));
    outage.end().await;
    until(async || proxy.cuts() >= 2).await;
    assert_eq!(*bus.link().borrow(), Link::Down);
    proxy.set(Mode::Pass);
    is_up(&bus).await;
    assert_eq!(outage.pair.here.entries(&Guests).await.unwrap().len(), 2_000);
    drop(guards);
    until(async || outage.pair.here.entries(&Guests).await.unwrap().is_empty()).await;
}
