//! Who is there, and who is seen to be there.

use super::*;
use ::redis::aio::MultiplexedConnection;
use outage::{Outage, observer, order};
use process::{Process, cancelled_after, jump_clock};

contract! {
    an_entry_outlives_the_guard_of_what_it_replaced
    an_entry_that_is_given_up_and_put_there_again_is_there
    an_entry_whose_maker_was_cancelled_is_not_kept_up
    a_key_and_an_entry_may_be_any_text
    sets_do_not_know_each_other
}

struct Club(&'static str);

impl PresenceSet for Club {
    type Entry = String;
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

async fn present(bus: &Bus, key: &str) -> bus::Presence {
    bus.present(&Guests, key, &key.to_uppercase()).await.unwrap()
}

async fn keys(bus: &Bus) -> Vec<String> {
    let mut keys: Vec<String> = bus.entries(&Guests).await.unwrap().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys
}

/// Lies where [`Guests`] do, so that what is given up of both is given up in order.
const MARK: Club = Club("mark 87");

/// Waits until everything that `by` has given up is gone: what is given up later goes later.
async fn settled(by: &Bus, at: &Bus) {
    let mark = by.present(&MARK, "mark", &String::new()).await.unwrap();
    assert_eq!(at.entries(&MARK).await.unwrap().len(), 1);
    drop(mark);
    until(async || at.entries(&MARK).await.unwrap().is_empty()).await;
}

async fn an_entry_outlives_the_guard_of_what_it_replaced(pair: Pair) {
    let mut guard = pair.here.present(&Guests, "ada", &"0".to_owned()).await.unwrap();
    for number in 1..20 {
        let next = pair.here.present(&Guests, "ada", &number.to_string()).await.unwrap();
        drop(std::mem::replace(&mut guard, next));
        settled(&pair.here, &pair.there).await;
        let expected = [("ada".to_owned(), number.to_string())];
        assert_eq!(pair.there.entries(&Guests).await.unwrap(), expected);
    }
    drop(guard);
    until(async || pair.there.entries(&Guests).await.unwrap().is_empty()).await;
}

/// As a media node does whose load changes.
async fn an_entry_that_is_given_up_and_put_there_again_is_there(pair: Pair) {
    for number in 0..100 {
        // Something else to take out first, so that there is time between deciding on it and doing it.
        let others: Vec<_> = [present(&pair.here, "x").await, present(&pair.here, "y").await].into();
        let first = present(&pair.here, "ada").await;
        drop((others, first));
        for _ in 0..number % 7 {
            tokio::task::yield_now().await;
        }
        let _again = present(&pair.here, "ada").await;
        settled(&pair.here, &pair.there).await;
        assert_eq!(keys(&pair.there).await, ["ada"], "round {number}");
    }
}

async fn an_entry_whose_maker_was_cancelled_is_not_kept_up(pair: Pair) {
    for polls in 0..10 {
        cancelled_after(polls, pair.here.present(&Guests, "ada", &String::new())).await;
        until(async || keys(&pair.there).await.is_empty()).await;
        assert!(keys(&pair.here).await.is_empty());
    }
}

async fn a_key_and_an_entry_may_be_any_text(pair: Pair) {
    let long = "k".repeat(10_000);
    let texts = ["", ":", "a:b", "räume 🦀", "a\r\nb", "\0", "\"}", &long];
    let mut guards = Vec::new();
    for text in texts {
        guards.push(pair.here.present(&Guests, text, &text.to_owned()).await.unwrap());
    }
    let entries = pair.there.entries(&Guests).await.unwrap();
    assert_eq!(entries.len(), texts.len());
    assert!(entries.iter().all(|(key, entry)| key == entry && texts.contains(&key.as_str())), "{entries:?}");
    drop(guards);
    until(async || keys(&pair.there).await.is_empty()).await;
}

async fn sets_do_not_know_each_other(pair: Pair) {
    let _ada = pair.here.present(&Club("a"), "ada", &"in a".to_owned()).await.unwrap();
    let in_b = pair.there.present(&Club("b"), "ada", &"in b".to_owned()).await.unwrap();
    let entry = |text: &str| [("ada".to_owned(), text.to_owned())];
    assert_eq!(pair.there.entries(&Club("a")).await.unwrap(), entry("in a"));
    assert_eq!(pair.here.entries(&Club("b")).await.unwrap(), entry("in b"));
    drop(in_b);
    until(async || pair.here.entries(&Club("b")).await.unwrap().is_empty()).await;
    assert_eq!(pair.there.entries(&Club("a")).await.unwrap(), entry("in a"));
}

#[tokio::test]
async fn who_gives_up_a_key_does_not_take_another_nodes_entry_with_it() {
    let pair = Pair::redis(&redis_url()).await;
    let early = present(&pair.here, "ada").await;
    let _late = present(&pair.there, "ada").await;
    drop(early);
    settled(&pair.here, &pair.there).await;
    assert_eq!(keys(&pair.here).await, ["ada"]);
}

#[tokio::test]
async fn the_entries_of_who_was_killed_go_and_all_others_stay() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let mut victim = Process::start(&redis_url(), &pair.prefix).await;
    let _here = present(&pair.here, "here").await;
    let _there = present(&pair.there, "there").await;
    let _dead = present(&victim.bus, "dead").await;
    assert_eq!(keys(&pair.here).await, ["dead", "here", "there"]);
    victim.kill();
    assert_eq!(keys(&pair.here).await, ["dead", "here", "there"], "it may have paused");
    jump_clock(&mut observer, &pair.prefix).await;
    for bus in [&pair.here, &pair.there] {
        until(async || keys(bus).await == ["here", "there"]).await;
    }
}

/// A node that stood still for too long was swept by the others while its connection held.
#[tokio::test]
async fn who_was_believed_dead_and_lives_is_seen_again() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let _ada = present(&pair.here, "ada").await;
    let epoch = *pair.here.link().borrow();
    jump_clock(&mut observer, &pair.prefix).await;
    until(async || keys(&pair.there).await.is_empty()).await;
    until(async || keys(&pair.there).await == ["ada"]).await;
    assert_eq!(*pair.here.link().borrow(), epoch, "without a new connection");
}

#[tokio::test]
async fn a_redis_that_was_emptied_while_all_were_connected_is_filled_again() {
    let outage = Outage::prepare().await;
    let pair = &outage.pair;
    let _here = present(&pair.here, "here").await;
    let _there = present(&pair.there, "there").await;
    let _: String = order(&mut outage.observer().await, &["FLUSHALL"]).await;
    for bus in [&pair.here, &pair.there] {
        until(async || keys(bus).await == ["here", "there"]).await;
    }
}

/// Everybody comes and goes while Redis is away, which comes back empty or as it was.
#[tokio::test]
async fn what_came_and_went_during_an_outage_is_right_after_it_whatever_redis_kept() {
    for is_emptied in [true, false] {
        let mut outage = Outage::prepare().await;
        let mut observer = outage.observer().await;
        let (stays, goes) =
            (present(&outage.pair.here, "stays").await, present(&outage.pair.here, "goes").await);
        if is_emptied {
            outage.begin().await;
        } else {
            refuse_writes(&mut observer, true).await;
            outage.down().await;
        }
        drop(goes);
        let comes = present(&outage.pair.there, "comes").await;
        drop(present(&outage.pair.there, "passes").await);
        if is_emptied {
            outage.end().await;
        } else {
            refuse_writes(&mut observer, false).await;
            outage.up().await;
        }
        for bus in [&outage.pair.here, &outage.pair.there] {
            until(async || keys(bus).await == ["comes", "stays"]).await;
        }
        drop((stays, comes));
    }
}

async fn refuse_writes(observer: &mut MultiplexedConnection, refuse: bool) {
    let replicas = if refuse { "1" } else { "0" };
    let _: String = order(observer, &["CONFIG", "SET", "min-replicas-to-write", replicas]).await;
}

/// The link holds if nothing else is written while Redis is full.
#[tokio::test]
async fn an_entry_that_redis_had_no_memory_for_is_written_once_it_has() {
    let outage = Outage::prepare().await;
    let mut observer = outage.observer().await;
    let _: String = order(&mut observer, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let _ada = present(&outage.pair.here, "ada").await;
    let _: String = order(&mut observer, &["CONFIG", "SET", "maxmemory", "0"]).await;
    until(async || keys(&outage.pair.there).await == ["ada"]).await;
}

/// As if its last beat had been so long ago that a process which is not connected either is dead.
async fn age(observer: &mut MultiplexedConnection, prefix: &str, node: NodeId) {
    let keys: Vec<String> = order(observer, &["KEYS", &format!("{prefix}:*:n:")]).await;
    let (seconds, micros): (u64, u64) = order(observer, &["TIME"]).await;
    let beat = (seconds * 1_000 + micros / 1_000 - 4_000).to_string();
    for key in keys {
        let _: u64 = order(observer, &["HSET", &key, &node.to_string(), &beat]).await;
    }
}

#[tokio::test]
async fn who_was_killed_is_gone_before_a_node_that_stands_still_would_be() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let mut victim = Process::start(&redis_url(), &pair.prefix).await;
    let _dead = present(&victim.bus, "dead").await;
    let _here = present(&pair.here, "here").await;
    assert_eq!(keys(&pair.there).await, ["dead", "here"]);
    victim.kill();
    age(&mut observer, &pair.prefix, victim.bus.node()).await;
    until(async || keys(&pair.there).await == ["here"]).await;
}

#[tokio::test]
async fn who_stands_still_for_seconds_is_not_taken_for_dead() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    let paused = Process::start(&redis_url(), &pair.prefix).await;
    let _ada = present(&paused.bus, "ada").await;
    let pause = paused.pause();
    for _ in 0..5 {
        age(&mut observer, &pair.prefix, paused.bus.node()).await;
        assert_eq!(keys(&pair.there).await, ["ada"]);
    }
    drop(pause);
}

/// Its link broke for longer than others wait for it.
#[tokio::test]
async fn who_was_taken_for_dead_while_it_reconnected_is_seen_again() {
    let outage = Outage::prepare().await;
    let mut observer = outage.observer().await;
    let (here, prefix) = (&outage.pair.here, &outage.pair.prefix);
    let _ada = present(here, "ada").await;
    let _: u64 = order(&mut observer, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    age(&mut observer, prefix, here.node()).await;
    until(async || keys(&outage.pair.there).await == ["ada"]).await;
}
