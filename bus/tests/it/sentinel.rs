//! Redis is watched by real Sentinels, which elect another when it dies or is to go.

use super::*;
use bus::{Acquired, Link};
use local_services::{scratch::Scratch, sentinel::Watched};

struct Elections {
    redis: Watched,
    _dir: Scratch,
}

impl Elections {
    fn prepare() -> Self {
        let dir = Scratch::new().expect("a directory");
        Self { redis: Watched::start(dir.path()).expect("Redis and Sentinels start"), _dir: dir }
    }

    async fn bus(&self) -> Bus {
        let (url, sentinels, shutdown) = (self.redis.url(), self.redis.sentinels(), Shutdown::default());
        let sentinels = sentinels.iter().map(String::as_str);
        let bus = soon(Bus::redis_by_sentinels(node(), &url, sentinels, "p", &shutdown)).await;
        bus.expect("Sentinels name a Redis")
    }
}

async fn is_up_again(bus: &Bus) {
    let is_new = |link: &Link| matches!(link, Link::Up { epoch } if *epoch > 1);
    soon(bus.link().wait_for(is_new)).await.expect("the bus lives");
}

/// What one holds is its own after the election, and what others say is heard.
async fn goes_on(here: &Bus, there: &Bus, subscription: &mut Subscription<u32>) {
    for bus in [here, there] {
        is_up_again(bus).await;
    }
    until(async || here.publish(&news(), &2).await.is_ok()).await;
    assert_eq!(message(subscription).await, 2);
    until(async || there.holder(&Crown).await.is_ok_and(|holder| holder == Some(here.node()))).await;
    until(async || there.entries(&Guests).await.is_ok_and(|entries| entries.len() == 1)).await;
}

#[tokio::test]
async fn when_redis_dies_the_bus_goes_on_with_the_one_that_sentinels_elect() {
    let mut elections = Elections::prepare();
    let (here, there) = (elections.bus().await, elections.bus().await);
    let mut subscription = there.subscribe(&news()).await.unwrap();
    let Acquired::Held(_lease) = here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    let _ada = here.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
    here.publish(&news(), &1).await.unwrap();
    assert_eq!(message(&mut subscription).await, 1);
    elections.redis.kill_first().expect("it ran");
    goes_on(&here, &there, &mut subscription).await;
    // Who starts by now finds the elected one, and not the one of the configuration.
    let late = elections.bus().await;
    assert_eq!(late.holder(&Crown).await.unwrap(), Some(here.node()));
}

#[tokio::test]
async fn when_redis_is_to_go_the_bus_moves_to_the_other_though_a_sentinel_does_not_answer() {
    let elections = Elections::prepare();
    let (here, there) = (elections.bus().await, elections.bus().await);
    let mut subscription = there.subscribe(&news()).await.unwrap();
    let Acquired::Held(_lease) = here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    let _ada = here.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
    let stuck = elections.redis.sentinel_ids().pop().expect("three of them").to_string();
    let signal = |signal: &str| {
        let kill = std::process::Command::new("kill").args([signal, &stuck]).status();
        assert!(kill.expect("there is kill").success());
    };
    signal("-STOP");
    elections.redis.hand_over().expect("two of three elect");
    goes_on(&here, &there, &mut subscription).await;
    signal("-CONT");
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_said_at_the_start() {
    let elections = Elections::prepare();
    let sentinels = elections.redis.sentinels();
    let sentinels = || sentinels.iter().map(String::as_str);
    let unknown =
        Bus::redis_by_sentinels(node(), "redis://nobody", sentinels(), "p", &Shutdown::default()).await;
    let error = unknown.err().expect("nobody knows it");
    let error = common::error::Chain(&error).to_string();
    assert!(error.contains("watches no Redis by that name"), "{error}");
    let path =
        Bus::redis_by_sentinels(node(), "unix:///redis.sock", sentinels(), "p", &Shutdown::default()).await;
    assert!(path.is_err(), "a path is no name");
}
