//! Rates that processes share.

use super::*;
use bus::Spending;
use common::bucket::Rate;

fn spending(name: &str, spent: i64) -> Vec<Spending> {
    // Hardly anything comes back while the test runs.
    vec![Spending { name: name.to_owned(), rate: Rate::every(100, Duration::from_secs(600)), spent }]
}

/// Of one bucket, in whole tokens.
async fn left(bus: &Bus, name: &str, spent: i64) -> f64 {
    let left = bus.spend(spending(name, spent)).await;
    let [Ok(left)] = left.as_slice() else { panic!("one is asked of: {left:?}") };
    left.round()
}

#[tokio::test]
async fn what_one_has_let_through_is_gone_for_all_and_a_debt_has_an_end() {
    let pair = Pair::redis(&redis_url()).await;
    assert_eq!(left(&pair.here, "a", 30).await, 70.0);
    assert_eq!(left(&pair.there, "a", 60).await, 10.0);
    assert_eq!(left(&pair.here, "a", 60).await, -50.0);
    assert_eq!(left(&pair.there, "a", 4_000_000_000).await, -100.0);
    assert_eq!(left(&pair.there, "b", 0).await, 100.0, "others are not concerned");
}

#[tokio::test]
async fn what_was_spent_comes_back_with_time_and_no_more_than_fits() {
    let pair = Pair::redis(&redis_url()).await;
    let rate = Rate::per_second(100, 1_000);
    let spend = async |bus: &Bus, spent| {
        let left = bus.spend(vec![Spending { name: "fast".to_owned(), rate, spent }]).await;
        left.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    spend(&pair.here, 200).await;
    let full = async {
        while spend(&pair.there, 0).await != [100.0] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, full).await.expect("it comes back");
    assert_eq!(spend(&pair.here, 0).await, [100.0]);
}

#[tokio::test]
async fn what_is_given_back_is_there_for_all_and_no_more_than_fits() {
    let pair = Pair::redis(&redis_url()).await;
    assert_eq!(left(&pair.here, "a", 150).await, -50.0);
    assert_eq!(left(&pair.there, "a", -20).await, -30.0);
    assert_eq!(left(&pair.here, "a", -4_000_000_000).await, 100.0);
    assert_eq!(left(&pair.there, "a", 1).await, 99.0);
}

#[tokio::test]
async fn many_are_told_in_the_order_in_which_they_were_asked() {
    let pair = Pair::redis(&redis_url()).await;
    let all = (0..50).flat_map(|number| spending(&format!("of {number}"), number)).collect();
    let left = pair.here.spend(all).await;
    let rounded: Vec<f64> = left.into_iter().map(|left| left.unwrap().round()).collect();
    assert_eq!(rounded, (51..=100).rev().map(f64::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_process_keeps_none() {
    let pair = Pair::local();
    assert!(pair.here.is_alone());
    assert!(pair.here.spend(spending("a", 7)).await.is_empty());
}
