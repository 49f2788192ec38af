//! Redis is really killed and started again.

use super::*;
use ::redis::aio::MultiplexedConnection;
use bus::{Acquired, BusError, Link};
use common::subject::link::LinkUp;
use local_services::{redis::Redis, scratch::Scratch};

pub(crate) struct Outage {
    pub(crate) redis: Redis,
    pub(crate) pair: Pair,
    _dir: Scratch,
}

impl Outage {
    pub(crate) async fn prepare() -> Self {
        let dir = Scratch::new().expect("a directory");
        let redis = Redis::start(dir.path()).expect("Redis starts");
        let pair = Pair::redis(&redis.url()).await;
        Self { redis, pair, _dir: dir }
    }

    pub(crate) async fn begin(&mut self) {
        self.redis.kill().expect("it ran");
        self.down().await;
    }

    pub(crate) async fn end(&mut self) {
        self.redis.restart().expect("Redis starts again");
        self.up().await;
    }

    /// Both have noticed that Redis is not there.
    pub(crate) async fn down(&self) {
        for bus in [&self.pair.here, &self.pair.there] {
            soon(bus.link().wait_for(|link| *link == Link::Down)).await.expect("the bus lives");
        }
    }

    pub(crate) async fn up(&self) {
        for bus in [&self.pair.here, &self.pair.there] {
            soon(bus.link().wait_for(|link| matches!(link, Link::Up { .. }))).await.expect("the bus lives");
        }
    }

    /// Somebody who looks at Redis itself.
    pub(crate) async fn observer(&self) -> MultiplexedConnection {
        observer(&self.redis.url()).await
    }
}

/// Somebody who looks at Redis itself, and does to it what an operator may.
pub(crate) async fn observer(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    client.get_multiplexed_async_connection().await.expect("Redis is there")
}

/// Has Redis carry out a command, given as words.
pub(crate) async fn order<T: redis::FromRedisValue>(at: &mut MultiplexedConnection, words: &[&str]) -> T {
    let (name, arguments) = words.split_first().expect("a command");
    redis::cmd(name).arg(arguments).query_async(at).await.expect("Redis does so")
}

impl Drop for Outage {
    fn drop(&mut self) {
        let _gone_already = self.redis.kill();
    }
}

#[tokio::test]
async fn within_a_process_everything_works_without_redis() {
    let mut outage = Outage::prepare().await;
    let bus = outage.pair.here.clone();
    let mut subscription = bus.subscribe(&news()).await.unwrap();
    let mut requests = bus.serve(&Doubler).await.unwrap();
    outage.begin().await;
    assert!(matches!(bus.publish(&news(), &1).await, Err(BusError::Away)), "others were not told");
    assert_eq!(message(&mut subscription).await, 1);
    let (answer, ()) = tokio::join!(bus.request(&Doubler, &4, PATIENCE), async {
        let asked = soon(requests.next()).await.expect("the bus lives");
        asked.reply.send(&(asked.request * 2));
    });
    assert_eq!(answer.unwrap(), 8);
    let mut late = bus.subscribe(&News("late".to_owned())).await.unwrap();
    outage.end().await;
    until(async || outage.pair.there.publish(&News("late".to_owned()), &2).await.is_ok()).await;
    assert_eq!(message(&mut late).await, 2, "what was subscribed in the dark hears others in the light");
}

#[tokio::test]
async fn subscribers_are_told_that_they_may_have_missed_something_and_then_hear_again() {
    let mut outage = Outage::prepare().await;
    let mut subscription = outage.pair.there.subscribe(&news()).await.unwrap();
    outage.begin().await;
    let _nobody_hears = outage.pair.here.publish(&news(), &1).await;
    outage.end().await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Lost));
    outage.pair.here.publish(&news(), &2).await.unwrap();
    assert_eq!(message(&mut subscription).await, 2);
}

#[tokio::test]
async fn leases_and_entries_outlive_a_redis_that_forgot_everything() {
    let mut outage = Outage::prepare().await;
    let Acquired::Held(_lease) = outage.pair.here.acquire(&Crown).await.unwrap() else {
        panic!("it is free")
    };
    let _ada = outage.pair.here.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
    assert_eq!(outage.pair.there.entries(&Guests).await.unwrap().len(), 1);
    outage.begin().await;
    assert_eq!(outage.pair.there.entries(&Guests).await.unwrap().len(), 1, "as last seen");
    assert_eq!(outage.pair.here.holder(&Crown).await.unwrap(), Some(outage.pair.here.node()));
    assert!(matches!(outage.pair.there.acquire(&Crown).await, Err(BusError::Away)));
    outage.end().await;
    let early = outage.pair.there.acquire(&Crown).await;
    assert!(matches!(early, Err(BusError::Away)), "holders come first: {early:?}");
    let holder = outage.pair.here.node();
    until(async || outage.pair.there.holder(&Crown).await.is_ok_and(|found| found == Some(holder))).await;
    until(async || outage.pair.there.entries(&Guests).await.is_ok_and(|entries| entries.len() == 1)).await;
}

/// As one does whose disk is full, or that became a replica: it takes connections and refuses to write.
#[tokio::test]
async fn a_redis_that_refuses_to_write_is_away_and_not_asked_without_a_pause() {
    let mut outage = Outage::prepare().await;
    let client = redis::Client::open(outage.redis.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis is there");
    let set = async |connection: &mut MultiplexedConnection, replicas: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg(&["SET", "min-replicas-to-write", replicas]);
        command.exec_async(connection).await.expect("it is set");
    };
    let connections = async |connection: &mut MultiplexedConnection| {
        let text: String = redis::cmd("INFO").arg("stats").query_async(connection).await.expect("figures");
        let count = text.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.and_then(|count| count.trim().parse::<u32>().ok()).expect("a count")
    };
    set(&mut connection, "1").await;
    for bus in [&outage.pair.here, &outage.pair.there] {
        soon(bus.link().wait_for(|link| *link == Link::Down)).await.expect("the bus lives");
    }
    let mut changes = outage.pair.here.link();
    changes.mark_unchanged();
    let before = connections(&mut connection).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let tries = connections(&mut connection).await - before;
    // Two instances, two connections a try, a wait that doubles up to a second.
    assert!((2..=40).contains(&tries), "{tries} connections in three seconds");
    assert!(!changes.has_changed().expect("the bus lives"), "it is down, and told so once");
    set(&mut connection, "0").await;
    for bus in [&outage.pair.here, &outage.pair.there] {
        soon(bus.link().wait_for(|link| matches!(link, Link::Up { .. }))).await.expect("the bus lives");
    }
    let mut subscription = outage.pair.there.subscribe(&news()).await.unwrap();
    outage.pair.here.publish(&news(), &1).await.unwrap();
    assert_eq!(message(&mut subscription).await, 1);
    outage.redis.kill().expect("it runs");
}

/// Who stayed heard no `Lost`, and must not need one.
#[tokio::test]
async fn who_was_cut_off_alone_tells_the_others_when_it_can_be_heard_again() {
    let outage = Outage::prepare().await;
    let prefix = "alone";
    let connect = async |url: String| Bus::redis(node(), &url, prefix, &outage.pair.shutdown).await;
    let stays = connect(outage.redis.url()).await.unwrap();
    let mut others = stays.subscribe(&LinkUp).await.unwrap();
    let alone = connect(outage.redis.let_in("alone").unwrap()).await.unwrap();
    let said = Some(Delivery::Message(alone.node()));
    assert_eq!(soon(others.next()).await, said, "who was there before may have died untold");
    outage.redis.shut_out("alone").unwrap();
    soon(alone.link().wait_for(|link| *link == Link::Down)).await.expect("the bus lives");
    assert!(matches!(alone.publish(&news(), &1).await, Err(BusError::Away)));
    outage.redis.let_in("alone").unwrap();
    assert_eq!(soon(others.next()).await, said);
}

/// Both are cut off while the service is at work.
#[tokio::test]
async fn an_answer_that_is_ready_while_redis_is_away_arrives_when_it_is_back() {
    let mut outage = Outage::prepare().await;
    let (here, there) = (outage.pair.here.clone(), outage.pair.there.clone());
    let mut requests = there.serve(&Doubler).await.unwrap();
    let (answer, ()) = tokio::join!(here.request(&Doubler, &21, PATIENCE), async {
        let Asked { request, reply } = soon(requests.next()).await.expect("the bus lives");
        outage.begin().await;
        reply.send(&(request * 2));
        outage.end().await;
    });
    assert_eq!(answer.unwrap(), 42);
}
