//! What a subscription promises.

use super::*;
use ::redis::aio::MultiplexedConnection;
use outage::{observer, order};
use process::cancelled_after;

contract! {
    a_subscription_hears_whatever_is_published_after_it_was_there
    who_was_too_slow_is_told_first_then_hears_what_fitted_and_then_what_is_new
    every_subscription_of_a_subject_hears_until_it_is_dropped
    a_subject_may_be_any_text
    what_is_heard_by_one_is_not_taken_from_another
}

async fn a_subscription_hears_whatever_is_published_after_it_was_there(pair: Pair) {
    for number in 0..100 {
        let mut subscription = pair.there.subscribe(&news()).await.unwrap();
        pair.here.publish(&news(), &number).await.unwrap();
        while message(&mut subscription).await != number {}
    }
}

/// Lies where "news" does, so that what is said of both goes one way.
fn mark() -> News {
    News("mark 348".to_owned())
}

/// Passes for the wrong reason if the flood were still on its way: the mark behind it has arrived.
async fn who_was_too_slow_is_told_first_then_hears_what_fitted_and_then_what_is_new(pair: Pair) {
    let mut slow = pair.there.subscribe(&news()).await.unwrap();
    let mut marks = pair.there.subscribe(&mark()).await.unwrap();
    for number in 0..3_000 {
        pair.here.publish(&news(), &number).await.unwrap();
    }
    pair.here.publish(&mark(), &0).await.unwrap();
    message(&mut marks).await;
    assert_eq!(soon(slow.next()).await, Some(Delivery::Lost));
    for number in 0..1_024 {
        assert_eq!(soon(slow.next()).await, Some(Delivery::Message(number)));
    }
    pair.here.publish(&news(), &9_999).await.unwrap();
    assert_eq!(soon(slow.next()).await, Some(Delivery::Message(9_999)), "and it is told once");
}

async fn every_subscription_of_a_subject_hears_until_it_is_dropped(pair: Pair) {
    let mut all = Vec::new();
    for _ in 0..200 {
        all.push(pair.there.subscribe(&news()).await.unwrap());
    }
    while !all.is_empty() {
        let number = u32::try_from(all.len()).unwrap();
        pair.here.publish(&news(), &number).await.unwrap();
        for subscription in &mut all {
            assert_eq!(message(subscription).await, number);
        }
        all.truncate(all.len() / 3);
    }
    pair.here.publish(&news(), &0).await.unwrap();
}

async fn a_subject_may_be_any_text(pair: Pair) {
    let long = "x".repeat(10_000);
    let names =
        ["", ":", "t:", "t:x", "x", "X", "x ", "räume:🦀", "räume:🦀:", "a\r\nb", "*", "[a-z]?", "\0", &long];
    let mut all = Vec::new();
    for name in names {
        all.push(pair.there.subscribe(&News(name.to_owned())).await.unwrap());
    }
    for (number, name) in (0..).zip(names) {
        pair.here.publish(&News(name.to_owned()), &number).await.unwrap();
    }
    // A second round: whatever the first left in the wrong queue would come before it.
    for (number, name) in (100..).zip(names) {
        pair.here.publish(&News(name.to_owned()), &number).await.unwrap();
    }
    for (number, (subscription, name)) in (0..).zip(all.iter_mut().zip(names)) {
        assert_eq!(message(subscription).await, number, "{name:?}");
        assert_eq!(message(subscription).await, number + 100, "{name:?}");
    }
}

async fn what_is_heard_by_one_is_not_taken_from_another(pair: Pair) {
    let mut early = pair.there.subscribe(&news()).await.unwrap();
    pair.here.publish(&news(), &1).await.unwrap();
    assert_eq!(message(&mut early).await, 1);
    let mut late = pair.here.subscribe(&news()).await.unwrap();
    drop(pair.there.subscribe(&news()).await.unwrap());
    pair.there.publish(&news(), &2).await.unwrap();
    assert_eq!((message(&mut early).await, message(&mut late).await), (2, 2));
}

/// How many processes Redis sends the subject to.
async fn listeners(observer: &mut MultiplexedConnection, pair: &Pair) -> u64 {
    let channel = format!("{}:{{63}}:t:news", pair.prefix);
    let (_, count): (String, u64) = order(observer, &["PUBSUB", "SHARDNUMSUB", &channel]).await;
    count
}

#[tokio::test]
async fn redis_sends_a_subject_to_who_has_a_subscriber_and_to_nobody_else() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    assert_eq!(listeners(&mut observer, &pair).await, 0);
    let first = pair.here.subscribe(&news()).await.unwrap();
    let second = pair.here.subscribe(&news()).await.unwrap();
    let third = pair.there.subscribe(&news()).await.unwrap();
    assert_eq!(listeners(&mut observer, &pair).await, 2, "once for each process");
    drop((first, third));
    until(async || listeners(&mut observer, &pair).await == 1).await;
    drop(second);
    until(async || listeners(&mut observer, &pair).await == 0).await;
}

#[tokio::test]
async fn a_subscription_whose_maker_was_cancelled_is_not_kept_up() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = observer(&redis_url()).await;
    for polls in 0..10 {
        cancelled_after(polls, pair.here.subscribe(&news())).await;
    }
    // What was ordered before this one is done when it is there.
    let after = pair.here.subscribe(&News("after".to_owned())).await.unwrap();
    drop(after);
    until(async || listeners(&mut observer, &pair).await == 0).await;
}

/// As two installations have that share a Redis, one called like the other and a bit more.
#[tokio::test]
async fn installations_do_not_hear_each_other_whatever_they_are_called() {
    let (shutdown, base) = (Shutdown::default(), uuid::Uuid::new_v4().simple().to_string());
    let names =
        [base.clone(), format!("{base}:t"), format!("{base}:"), format!("{base}::t"), format!("{base}x")];
    let subjects = ["x", "t:x", ":t:x", "t:t:x"];
    let mut heard = Vec::new();
    let mut buses = Vec::new();
    for name in &names {
        let bus = Bus::redis(node(), &redis_url(), name, &shutdown).await.unwrap();
        for subject in subjects {
            heard.push(bus.subscribe(&News(subject.to_owned())).await.unwrap());
        }
        buses.push(Bus::redis(node(), &redis_url(), name, &shutdown).await.unwrap());
    }
    for round in [0, 100] {
        let mut number = round;
        for bus in &buses {
            for subject in subjects {
                bus.publish(&News(subject.to_owned()), &number).await.unwrap();
                number += 1;
            }
        }
    }
    for (number, subscription) in (0..).zip(&mut heard) {
        assert_eq!((message(subscription).await, message(subscription).await), (number, number + 100));
    }
}
