//! Redis killed, frozen, restarted, under two instances.

use crate::stage::{Signal, Stage, a_while, durable_postgres, rounds, signal};
use local_services::{redis::Redis, scratch::Scratch};
use switchboard_tests::installation::Installation;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_comes_back_empty_costs_nothing() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let mut redis = Redis::start(&directory.path().join("r")).expect("Redis starts");
    let stage = Stage::two(Installation::with_own_postgres(&postgres).await, &redis).await;
    for _ in 0..rounds() {
        redis.kill().expect("it was running");
        tokio::time::sleep(a_while()).await;
        redis.restart().expect("Redis starts again");
        stage.is_back().await;
        stage.calls_work().await;
    }
    stage.balances().await;
}

/// It keeps its connections and answers nobody: nothing tells of it but time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_freezes_and_thaws_costs_nothing() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let redis = Redis::start(&directory.path().join("r")).expect("Redis starts");
    let stage = Stage::two(Installation::with_own_postgres(&postgres).await, &redis).await;
    for _ in 0..rounds() {
        signal(redis.id().expect("it runs"), Signal::Stop);
        tokio::time::sleep(a_while()).await;
        signal(redis.id().expect("it runs"), Signal::Continue);
        stage.is_back().await;
        stage.calls_work().await;
    }
    stage.balances().await;
}
