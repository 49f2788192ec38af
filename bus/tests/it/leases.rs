//! At most one node holds a lease.

use super::*;
use bus::{Acquired, BusError, LEASE_TIME};
use outage::{observer, order};
use process::{Dice, Process, cancelled_after, jump_clock};
use std::{cell::RefCell, collections::BTreeSet};
use tokio::time::timeout;

struct Named(u64);

impl LeaseName for Named {
    fn name(&self) -> String {
        format!("lease {}", self.0)
    }
}

contract! {
    a_lease_never_has_two_holders_however_they_contend
    an_acquisition_that_is_cancelled_leaves_nothing_held
    a_lease_that_is_given_back_can_be_had_again_at_once_by_the_same_node
    leases_do_not_know_each_other
}

async fn pause(dice: &mut Dice) {
    for _ in 0..dice.roll(6) {
        tokio::task::yield_now().await;
    }
}

/// Takes and drops leases at random. `held` is what anybody holds by what they were told.
async fn contend(bus: &Bus, mut dice: Dice, held: &RefCell<BTreeSet<u64>>) -> u32 {
    let mut taken = 0;
    for _ in 0..150 {
        let name = dice.roll(2);
        if let Acquired::Held(lease) = bus.acquire(&Named(name)).await.unwrap() {
            assert!(held.borrow_mut().insert(name), "lease {name} has two holders");
            taken += 1;
            pause(&mut dice).await;
            // Asking for what one holds must not loosen it.
            if dice.roll(4) == 0 {
                assert!(matches!(bus.acquire(&Named(name)).await.unwrap(), Acquired::Taken(_)));
            }
            held.borrow_mut().remove(&name);
            drop(lease);
        }
        pause(&mut dice).await;
    }
    taken
}

/// Two at each node, so that a node takes again what it gives back in the same moment.
async fn a_lease_never_has_two_holders_however_they_contend(pair: Pair) {
    for seed in 1..=4 {
        let held = RefCell::default();
        let one = |bus, salt: u64| contend(bus, Dice((seed << 32) + salt), &held);
        let taken =
            tokio::join!(one(&pair.here, 1), one(&pair.here, 2), one(&pair.there, 3), one(&pair.there, 4));
        let all = taken.0 + taken.1 + taken.2 + taken.3;
        assert!(all > 20, "it is about something: {taken:?} with seed {seed}");
    }
}

async fn an_acquisition_that_is_cancelled_leaves_nothing_held(pair: Pair) {
    for polls in 0..12 {
        cancelled_after(polls, pair.here.acquire(&Crown)).await;
        let again = timeout(LEASE_TIME / 2, async {
            until(async || matches!(pair.there.acquire(&Crown).await.unwrap(), Acquired::Held(_))).await;
        });
        again.await.expect("sooner than it would expire");
    }
    until(async || matches!(pair.here.acquire(&Crown).await.unwrap(), Acquired::Held(_))).await;
}

async fn a_lease_that_is_given_back_can_be_had_again_at_once_by_the_same_node(pair: Pair) {
    for _ in 0..100 {
        let Acquired::Held(lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
        drop(lease);
    }
    let Acquired::Held(_lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    // Whatever was to be given back has been by the time that a later one is.
    let Acquired::Held(mark) = pair.here.acquire(&Named(1)).await.unwrap() else { panic!("it is free") };
    drop(mark);
    until(async || pair.there.holder(&Named(1)).await.unwrap().is_none()).await;
    assert_eq!(pair.there.holder(&Crown).await.unwrap(), Some(pair.here.node()));
    assert!(matches!(pair.there.acquire(&Crown).await.unwrap(), Acquired::Taken(_)));
}

async fn leases_do_not_know_each_other(pair: Pair) {
    let mut held = Vec::new();
    for number in 0..50 {
        let bus = if number % 2 == 0 { &pair.here } else { &pair.there };
        let Acquired::Held(lease) = bus.acquire(&Named(number)).await.unwrap() else { panic!("it is free") };
        held.push(lease);
    }
    drop(held.split_off(25));
    until(async || pair.here.holder(&Named(49)).await.unwrap().is_none()).await;
    for number in 0..25 {
        let holder = if number % 2 == 0 { pair.here.node() } else { pair.there.node() };
        assert_eq!(pair.there.holder(&Named(number)).await.unwrap(), Some(holder), "{number}");
    }
}

#[tokio::test]
async fn who_lost_a_lease_is_told_and_giving_the_lost_one_back_takes_nothing_from_its_successor() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let Acquired::Held(mut lost) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    let other = until_taken_by_jump(&pair, &mut observer).await;
    soon(lost.lost()).await;
    assert_eq!(pair.here.holder(&Crown).await.unwrap(), Some(pair.there.node()));
    drop(other);
    until(async || pair.there.holder(&Crown).await.unwrap().is_none()).await;
    let Acquired::Held(mut successor) = pair.here.acquire(&Crown).await.unwrap() else {
        panic!("it is free")
    };
    drop(lost);
    let Acquired::Held(mark) = pair.here.acquire(&Named(1)).await.unwrap() else { panic!("it is free") };
    drop(mark);
    until(async || pair.there.holder(&Named(1)).await.unwrap().is_none()).await;
    assert!(matches!(pair.there.acquire(&Crown).await.unwrap(), Acquired::Taken(_)));
    assert!(timeout(Duration::ZERO, successor.lost()).await.is_err(), "it is held");
}

/// `there` takes the crown in the moment in which Redis' clock jumps past it.
async fn until_taken_by_jump(pair: &Pair, at: &mut ::redis::aio::MultiplexedConnection) -> bus::LeaseGuard {
    soon(async {
        loop {
            jump_clock(at, &pair.prefix).await;
            if let Acquired::Held(lease) = pair.there.acquire(&Crown).await.unwrap() {
                return lease;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_holder_that_redis_forgot_holds_again_before_anybody_noticed() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let Acquired::Held(mut lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    jump_clock(&mut observer, &pair.prefix).await;
    assert_eq!(pair.there.holder(&Crown).await.unwrap(), None, "the clock has jumped");
    until(async || pair.there.holder(&Crown).await.unwrap() == Some(pair.here.node())).await;
    assert!(timeout(Duration::ZERO, lease.lost()).await.is_err(), "it is held");
}

/// As it may be after a newer version wrote it: whoever it is, it is not free.
#[tokio::test]
async fn a_lease_whose_holder_cannot_be_read_is_not_taken() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let key = format!("{}:{{41}}:l:crown", pair.prefix);
    let _: String = order(&mut observer, &["SET", &key, "somebody"]).await;
    assert!(matches!(pair.here.acquire(&Crown).await, Err(BusError::Redis(_))));
    assert!(matches!(pair.here.holder(&Crown).await, Err(BusError::Redis(_))));
    let _: u64 = order(&mut observer, &["DEL", &key]).await;
    assert!(matches!(pair.here.acquire(&Crown).await.unwrap(), Acquired::Held(_)));
}

/// Its time would be ten seconds: nobody keeps it up, and nobody listens.
#[tokio::test]
async fn a_lease_of_a_process_that_was_killed_is_free_before_its_time() {
    let pair = Pair::redis(&redis_url()).await;
    let mut victim = Process::start(&redis_url(), &pair.prefix).await;
    let Acquired::Held(_lease) = victim.bus.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    victim.kill();
    let taken = timeout(LEASE_TIME / 2, async {
        until(async || matches!(pair.here.acquire(&Crown).await.unwrap(), Acquired::Held(_))).await;
    });
    taken.await.expect("sooner than it would expire");
}

#[tokio::test]
async fn a_lease_that_is_handed_over_is_taken_by_nobody_else_and_lost_by_nobody() {
    let pair = Pair::redis(&redis_url()).await;
    let third = Bus::redis(node(), &redis_url(), &pair.prefix, &pair.shutdown).await.unwrap();
    let Acquired::Held(mut lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    assert!(lease.hand_over(pair.there.node()).await.unwrap());
    assert!(!lease.hand_over(third.node()).await.unwrap(), "it is this guard's no more");
    assert_eq!(third.holder(&Crown).await.unwrap(), Some(pair.there.node()));
    for other in [&pair.here, &third] {
        let taken = other.acquire(&Crown).await.unwrap();
        assert!(matches!(taken, Acquired::Taken(holder) if holder == pair.there.node()), "{taken:?}");
    }
    let Acquired::Held(_now_there) = pair.there.acquire(&Crown).await.unwrap() else {
        panic!("it was given")
    };
    assert!(timeout(Duration::ZERO, lease.lost()).await.is_err(), "nobody took it");
    // What was given is not given back.
    drop(lease);
    let Acquired::Held(mark) = pair.here.acquire(&Named(1)).await.unwrap() else { panic!("it is free") };
    drop(mark);
    until(async || pair.there.holder(&Named(1)).await.unwrap().is_none()).await;
    assert_eq!(third.holder(&Crown).await.unwrap(), Some(pair.there.node()));
}

#[tokio::test]
async fn a_lease_outlives_a_holder_that_was_killed_by_no_more_than_its_time() {
    let pair = Pair::redis(&redis_url()).await;
    let mut victim = Process::start(&redis_url(), &pair.prefix).await;
    let Acquired::Held(_lease) = victim.bus.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    victim.kill();
    let taken = pair.here.acquire(&Crown).await.unwrap();
    assert!(matches!(taken, Acquired::Taken(holder) if holder == victim.bus.node()), "{taken:?}");
    let mut observer = observer(&redis_url()).await;
    let left: u64 = order(&mut observer, &["PTTL", &format!("{}:{{41}}:l:crown", pair.prefix)]).await;
    assert!(Duration::from_millis(left) <= LEASE_TIME, "{left}");
    // Nobody keeps it up: when its time is over it is free.
    jump_clock(&mut observer, &pair.prefix).await;
    assert!(matches!(pair.here.acquire(&Crown).await.unwrap(), Acquired::Held(_)));
}
