//! What who asks may count on.

use super::*;
use bus::BusError;
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use outage::Outage;
use process::{Process, cancelled_after};
use tokio::sync::Semaphore;

contract! {
    what_is_too_large_is_refused_before_it_is_sent
    an_answer_after_the_deadline_reaches_nobody
    thousands_in_flight_each_get_their_own_answer_in_whatever_order
    a_service_without_room_gives_requests_up_and_answers_those_that_it_took
    a_request_that_its_asker_gave_up_does_no_harm
    a_service_may_end_while_it_is_asked
}

/// Text of whatever length the asker asks for.
struct Echo;

impl Service for Echo {
    type Request = String;
    type Reply = String;
    fn name(&self) -> String {
        "echo".to_owned()
    }
}

/// One such message over Redis would cut off every node that listens.
async fn what_is_too_large_is_refused_before_it_is_sent(pair: Pair) {
    const MAX: usize = 4 * 1024 * 1024;
    let largest = "x".repeat(MAX - "\"\"".len());
    let too_large = format!("{largest}x");
    let mut requests = pair.there.serve(&Echo).await.unwrap();
    let mut subscription = pair.there.subscribe(&OtherNews).await.unwrap();
    let refused = pair.here.request(&Echo, &too_large, PATIENCE).await;
    assert!(matches!(refused, Err(BusError::TooLarge { bytes }) if bytes == MAX + 1), "{refused:?}");
    let refused = pair.here.publish(&OtherNews, &too_large).await;
    assert!(matches!(refused, Err(BusError::TooLarge { .. })), "{refused:?}");
    assert!(pair.here.present(&Guests, "ada", &too_large).await.is_err());
    pair.here.publish(&OtherNews, &largest).await.unwrap();
    let Some(Delivery::Message(heard)) = soon(subscription.next()).await else { panic!("it fits") };
    assert!(heard == largest, "and nothing came before it");
    for (answer, fits) in [(&largest, true), (&too_large, false)] {
        let (outcome, ()) = tokio::join!(pair.here.request(&Echo, &largest, PATIENCE), async {
            soon(requests.next()).await.expect("the bus lives").reply.send(answer);
        });
        match outcome {
            Ok(heard) => assert!(fits && heard == largest),
            Err(error) => assert!(!fits && matches!(error, BusError::GivenUp { .. }), "{error:?}"),
        }
    }
}

struct OtherNews;

impl Topic for OtherNews {
    type Message = String;
    fn name(&self) -> String {
        "other news".to_owned()
    }
}

async fn an_answer_after_the_deadline_reaches_nobody(pair: Pair) {
    let mut requests = pair.there.serve(&Doubler).await.unwrap();
    let outcome = pair.here.request(&Doubler, &1, Duration::from_millis(20)).await;
    assert!(matches!(outcome, Err(BusError::TimedOut { .. })), "{outcome:?}");
    let late = soon(requests.next()).await.expect("the bus lives");
    let (outcome, ()) = tokio::join!(pair.here.request(&Doubler, &2, PATIENCE), async {
        late.reply.send(&2);
        let Asked { request, reply } = soon(requests.next()).await.expect("the bus lives");
        reply.send(&(request * 2));
    });
    assert_eq!(outcome.unwrap(), 4, "and not what the first asked for");
}

/// More at once than the service's queue has room for: those that it has taken wait elsewhere.
async fn thousands_in_flight_each_get_their_own_answer_in_whatever_order(pair: Pair) {
    const COUNT: u32 = 3_000;
    let mut requests = pair.there.serve(&Doubler).await.unwrap();
    let room = Semaphore::new(100);
    let ask = async |number: u32| {
        room.acquire().await.expect("it is open").forget();
        let answer = pair.here.request(&Doubler, &number, PATIENCE).await;
        assert_eq!(answer.unwrap(), number * 2);
    };
    tokio::join!(join_all((0..COUNT).map(ask)), async {
        let mut taken = Vec::new();
        while taken.len() < COUNT as usize {
            taken.push(soon(requests.next()).await.expect("the bus lives"));
            room.add_permits(1);
        }
        for Asked { request, reply } in taken.into_iter().rev() {
            reply.send(&(request * 2));
        }
    });
}

async fn a_service_without_room_gives_requests_up_and_answers_those_that_it_took(pair: Pair) {
    let mut requests = pair.there.serve(&Doubler).await.unwrap();
    let mut asked: FuturesUnordered<_> =
        (0..300).map(async |number| pair.here.request(&Doubler, &number, PATIENCE).await).collect();
    for _ in 256..300 {
        let outcome = soon(asked.next()).await.expect("one of them");
        assert!(matches!(outcome, Err(BusError::GivenUp { .. })), "{outcome:?}");
    }
    let (answers, ()) = tokio::join!(asked.collect::<Vec<_>>(), async {
        for _ in 0..256 {
            let Asked { request, reply } = soon(requests.next()).await.expect("the bus lives");
            reply.send(&(request * 2));
        }
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 256);
}

async fn a_request_that_its_asker_gave_up_does_no_harm(pair: Pair) {
    let server = serve_one(pair.there.clone()).await;
    for polls in 0..30 {
        cancelled_after(polls, pair.here.request(&Doubler, &7, PATIENCE)).await;
        assert_eq!(soon(pair.here.request(&Doubler, &polls, PATIENCE)).await.unwrap(), polls * 2);
    }
    server.abort();
}

/// Whoever asks is answered or refused at once, but never left waiting.
async fn a_service_may_end_while_it_is_asked(pair: Pair) {
    for round in 0..20 {
        let mut requests = pair.there.serve(&Doubler).await.unwrap();
        let asked =
            join_all((0..10).map(async |number| pair.here.request(&Doubler, &number, 2 * PATIENCE).await));
        let (outcomes, ()) = tokio::join!(soon(asked), async {
            for _ in 0..round % 10 {
                let Asked { request, reply } = soon(requests.next()).await.expect("the bus lives");
                reply.send(&(request * 2));
            }
            drop(requests);
        });
        let refused = |outcome: &Result<u32, BusError>| {
            matches!(outcome, Err(BusError::GivenUp { .. } | BusError::Unanswered { .. }))
        };
        let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(answered, round % 10, "{outcomes:?}");
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || refused(outcome)), "{outcomes:?}");
    }
}

#[tokio::test]
async fn of_two_who_serve_a_subject_each_is_asked_and_one_answer_counts() {
    let pair = Pair::redis(&redis_url()).await;
    let asker = Bus::redis(node(), &redis_url(), &pair.prefix, &pair.shutdown).await.unwrap();
    let (mut one, mut other) =
        (pair.here.serve(&Doubler).await.unwrap(), pair.there.serve(&Doubler).await.unwrap());
    let (outcome, ()) = tokio::join!(asker.request(&Doubler, &1, PATIENCE), async {
        drop(soon(one.next()).await.expect("the bus lives"));
        soon(other.next()).await.expect("the bus lives").reply.send(&11);
    });
    assert_eq!(outcome.unwrap(), 11, "that one gave it up does not matter");
    let (outcome, ()) = tokio::join!(asker.request(&Doubler, &1, PATIENCE), async {
        drop(soon(one.next()).await.expect("the bus lives"));
        drop(soon(other.next()).await.expect("the bus lives"));
    });
    assert!(matches!(outcome, Err(BusError::GivenUp { .. })), "{outcome:?}");
    let (outcome, ()) = tokio::join!(pair.here.request(&Doubler, &1, PATIENCE), async {
        soon(one.next()).await.expect("the bus lives").reply.send(&12);
    });
    assert_eq!(outcome.unwrap(), 12, "who serves it itself asks nobody else");
}

#[tokio::test]
async fn who_is_killed_with_a_request_in_hand_answers_nobody_and_is_not_asked_again() {
    let pair = Pair::redis(&redis_url()).await;
    let mut victim = Process::start(&redis_url(), &pair.prefix).await;
    let mut requests = victim.bus.serve(&Doubler).await.unwrap();
    let (outcome, _asked) =
        tokio::join!(pair.here.request(&Doubler, &1, Duration::from_millis(300)), async {
            let asked = soon(requests.next()).await.expect("the bus lives");
            victim.kill();
            asked
        });
    assert!(matches!(outcome, Err(BusError::TimedOut { .. })), "it may have been carried out: {outcome:?}");
    let again = soon(pair.here.request(&Doubler, &1, 2 * PATIENCE)).await;
    assert!(matches!(again, Err(BusError::Unanswered { .. })), "{again:?}");
}

#[tokio::test]
async fn who_asks_over_a_redis_that_hangs_waits_no_longer_than_said() {
    let outage = Outage::prepare().await;
    let server = serve_one(outage.pair.there.clone()).await;
    refusals::stop(&outage.redis);
    let outcome = tokio::time::timeout(
        Duration::from_secs(1),
        outage.pair.here.request(&Doubler, &1, Duration::from_millis(50)),
    );
    let outcome = outcome.await.expect("far sooner than the link notices");
    assert!(matches!(outcome, Err(BusError::TimedOut { .. })), "{outcome:?}");
    server.abort();
}
