//! One suite, two backends.

use super::*;
use bus::{Acquired, BusError};

contract! {
    what_is_published_reaches_every_subscriber_once_and_in_order
    who_comes_back_after_unsubscribing_hears_everything_from_then_on
    a_request_is_answered_wherever_the_service_is
    a_request_that_nobody_serves_says_so
    a_request_that_is_not_answered_times_out
    a_subject_is_served_once_per_process
    a_lease_has_one_holder_until_it_is_released
    entries_are_seen_everywhere_until_their_guard_is_dropped
    a_subscriber_that_is_too_slow_is_told_that_it_lost_something
    a_message_without_the_promised_form_is_passed_over
    a_request_without_the_promised_form_is_passed_over_and_the_service_goes_on
    who_asks_a_service_that_drops_the_request_is_told_so_at_once
    a_service_that_ends_leaves_its_subject_to_another
    a_node_does_not_take_its_own_lease_twice_and_releases_it_once
    an_entry_that_is_written_again_is_there_once_with_its_last_value
    subjects_do_not_hear_each_other
}

async fn what_is_published_reaches_every_subscriber_once_and_in_order(pair: Pair) {
    let mut first = pair.here.subscribe(&news()).await.unwrap();
    let mut second = pair.there.subscribe(&news()).await.unwrap();
    for number in 0..100 {
        pair.here.publish(&news(), &number).await.unwrap();
    }
    for number in 0..100 {
        assert_eq!(message(&mut first).await, number);
        assert_eq!(message(&mut second).await, number);
    }
}

/// What was published while nobody listened may still be on its way, and is then heard too:
/// a subscription promises what comes after it, not silence about what came before.
async fn who_comes_back_after_unsubscribing_hears_everything_from_then_on(pair: Pair) {
    drop(pair.there.subscribe(&news()).await.unwrap());
    pair.here.publish(&news(), &1).await.unwrap();
    let mut again = pair.there.subscribe(&news()).await.unwrap();
    for number in 2..5 {
        pair.here.publish(&news(), &number).await.unwrap();
    }
    let mut heard = message(&mut again).await;
    if heard == 1 {
        heard = message(&mut again).await;
    }
    assert_eq!([heard, message(&mut again).await, message(&mut again).await], [2, 3, 4]);
}

async fn a_request_is_answered_wherever_the_service_is(pair: Pair) {
    let server = serve_one(pair.there.clone()).await;
    for bus in [&pair.here, &pair.there] {
        assert_eq!(bus.request(&Doubler, &21, PATIENCE).await.unwrap(), 42);
    }
    server.abort();
}

async fn a_request_that_nobody_serves_says_so(pair: Pair) {
    let outcome = pair.here.request(&Doubler, &1, PATIENCE).await;
    assert!(matches!(outcome, Err(BusError::Unanswered { .. })), "{outcome:?}");
}

async fn a_request_that_is_not_answered_times_out(pair: Pair) {
    let _silent = pair.there.serve(&Doubler).await.unwrap();
    let outcome = pair.here.request(&Doubler, &1, Duration::from_millis(50)).await;
    assert!(matches!(outcome, Err(BusError::TimedOut { .. })), "{outcome:?}");
}

async fn a_subject_is_served_once_per_process(pair: Pair) {
    let first = pair.here.serve(&Doubler).await.unwrap();
    assert!(matches!(pair.here.serve(&Doubler).await, Err(BusError::ServedAlready { .. })));
    drop(first);
    pair.here.serve(&Doubler).await.unwrap();
}

async fn a_lease_has_one_holder_until_it_is_released(pair: Pair) {
    let Acquired::Held(lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    for bus in [&pair.here, &pair.there] {
        assert!(
            matches!(bus.acquire(&Crown).await.unwrap(), Acquired::Taken(holder) if holder == pair.here.node())
        );
        assert_eq!(bus.holder(&Crown).await.unwrap(), Some(pair.here.node()));
    }
    drop(lease);
    until(async || matches!(pair.there.acquire(&Crown).await.unwrap(), Acquired::Held(_))).await;
}

async fn entries_are_seen_everywhere_until_their_guard_is_dropped(pair: Pair) {
    let ada = pair.here.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
    let _ben = pair.there.present(&Guests, "ben", &"Ben".to_owned()).await.unwrap();
    for bus in [&pair.here, &pair.there] {
        let mut entries = bus.entries(&Guests).await.unwrap();
        entries.sort();
        assert_eq!(entries, [("ada".to_owned(), "Ada".to_owned()), ("ben".to_owned(), "Ben".to_owned())]);
    }
    drop(ada);
    until(async || pair.there.entries(&Guests).await.unwrap().len() == 1).await;
}

/// Passes for the wrong reason if everything fitted into the queue: so many do not.
async fn a_subscriber_that_is_too_slow_is_told_that_it_lost_something(pair: Pair) {
    let mut slow = pair.here.subscribe(&news()).await.unwrap();
    for number in 0..5_000 {
        pair.here.publish(&news(), &number).await.unwrap();
    }
    let mut is_told = false;
    while !is_told {
        is_told = soon(slow.next()).await.expect("the bus lives") == Delivery::Lost;
    }
}

/// What a version that says it otherwise publishes under the same subject.
struct OtherForm;

impl Topic for OtherForm {
    type Message = String;
    fn name(&self) -> String {
        news().name()
    }
}

/// Passes for the wrong reason if the stray message came after the good one: one publisher keeps its order.
async fn a_message_without_the_promised_form_is_passed_over(pair: Pair) {
    let mut subscription = pair.there.subscribe(&news()).await.unwrap();
    pair.here.publish(&OtherForm, &"no number".to_owned()).await.unwrap();
    pair.here.publish(&news(), &7).await.unwrap();
    assert_eq!(message(&mut subscription).await, 7);
}

/// The same service, asked by a version that asks otherwise.
struct OtherDoubler;

impl Service for OtherDoubler {
    type Request = String;
    type Reply = u32;
    fn name(&self) -> String {
        Doubler.name()
    }
}

async fn a_request_without_the_promised_form_is_passed_over_and_the_service_goes_on(pair: Pair) {
    let server = serve_one(pair.there.clone()).await;
    let wrong = pair.here.request(&OtherDoubler, &"x".to_owned(), PATIENCE).await;
    assert!(matches!(wrong, Err(BusError::GivenUp { .. })), "{wrong:?}");
    assert_eq!(pair.here.request(&Doubler, &3, PATIENCE).await.unwrap(), 6);
    server.abort();
}

/// Nobody and given up are two things: after the first, somebody else may be asked.
async fn who_asks_a_service_that_drops_the_request_is_told_so_at_once(pair: Pair) {
    let mut requests = pair.there.serve(&Doubler).await.unwrap();
    for bus in [&pair.here, &pair.there] {
        let (outcome, ()) = tokio::join!(soon(bus.request(&Doubler, &1, 2 * PATIENCE)), async {
            drop(soon(requests.next()).await.expect("the bus lives"));
        });
        assert!(matches!(outcome, Err(BusError::GivenUp { .. })), "{outcome:?}");
    }
}

async fn a_service_that_ends_leaves_its_subject_to_another(pair: Pair) {
    drop(pair.there.serve(&Doubler).await.unwrap());
    let outcome = soon(pair.here.request(&Doubler, &1, 2 * PATIENCE)).await;
    assert!(matches!(outcome, Err(BusError::Unanswered { .. })), "{outcome:?}");
    let server = serve_one(pair.here.clone()).await;
    assert_eq!(pair.there.request(&Doubler, &5, PATIENCE).await.unwrap(), 10);
    server.abort();
}

async fn a_node_does_not_take_its_own_lease_twice_and_releases_it_once(pair: Pair) {
    assert_eq!(pair.here.holder(&Crown).await.unwrap(), None);
    let Acquired::Held(lease) = pair.here.acquire(&Crown).await.unwrap() else { panic!("it is free") };
    let again = pair.here.acquire(&Crown).await.unwrap();
    assert!(matches!(&again, Acquired::Taken(holder) if *holder == pair.here.node()), "{again:?}");
    drop(again);
    assert_eq!(
        pair.there.holder(&Crown).await.unwrap(),
        Some(pair.here.node()),
        "the first guard still holds"
    );
    drop(lease);
    until(async || pair.there.holder(&Crown).await.unwrap().is_none()).await;
}

async fn an_entry_that_is_written_again_is_there_once_with_its_last_value(pair: Pair) {
    let _before = pair.here.present(&Guests, "ada", &"Ada".to_owned()).await.unwrap();
    let _after = pair.here.present(&Guests, "ada", &"Ada L.".to_owned()).await.unwrap();
    let expected = [("ada".to_owned(), "Ada L.".to_owned())];
    until(async || pair.there.entries(&Guests).await.unwrap() == expected).await;
}

async fn subjects_do_not_hear_each_other(pair: Pair) {
    let mut this = pair.there.subscribe(&News("this".to_owned())).await.unwrap();
    let mut that = pair.there.subscribe(&News("that".to_owned())).await.unwrap();
    pair.here.publish(&News("this".to_owned()), &1).await.unwrap();
    pair.here.publish(&News("that".to_owned()), &2).await.unwrap();
    assert_eq!((message(&mut this).await, message(&mut that).await), (1, 2));
}
