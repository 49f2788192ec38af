use super::{mailbox::SUBSCRIBER_QUEUE, *};
use futures_util::FutureExt;

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Takes out what waits: how many messages, and how often it is said that something was lost.
fn taken(subscription: &RawSubscription) -> (usize, usize) {
    let waiting: Vec<Raw> =
        std::iter::from_fn(|| subscription.mailbox.next().now_or_never().flatten()).collect();
    let lost = waiting.iter().filter(|raw| **raw == Raw::Lost).count();
    (waiting.len() - lost, lost)
}

#[test]
fn a_full_queue_keeps_what_it_has_and_says_that_more_was_lost() {
    let exchange = Exchange::default();
    let (slow, other) = (exchange.subscribe("s".to_owned()), exchange.subscribe("s".to_owned()));
    for _ in 0..SUBSCRIBER_QUEUE {
        exchange.deliver("s", &bytes("m"));
    }
    assert_eq!(taken(&other), (SUBSCRIBER_QUEUE, 0), "it fits exactly");
    exchange.deliver("s", &bytes("one too many"));
    assert_eq!(slow.mailbox.next().now_or_never(), Some(Some(Raw::Lost)), "before the next message");
    assert_eq!(taken(&slow), (SUBSCRIBER_QUEUE, 0));
    assert_eq!(taken(&other), (1, 0), "who keeps up loses nothing by another's slowness");
}

#[test]
fn a_full_queue_does_not_hide_that_the_link_was_down() {
    let exchange = Exchange::default();
    let slow = exchange.subscribe("s".to_owned());
    for _ in 0..SUBSCRIBER_QUEUE {
        exchange.deliver("s", &bytes("m"));
    }
    exchange.tell_lost(|_| true);
    assert_eq!(taken(&slow), (SUBSCRIBER_QUEUE, 1));
}

#[tokio::test]
async fn who_waits_is_woken_by_what_comes_and_by_the_end() {
    let exchange = Exchange::default();
    let subscription = exchange.subscribe("s".to_owned());
    let next = || subscription.mailbox.next();
    let (heard, ()) = tokio::join!(next(), async { exchange.deliver("s", &bytes("m")) });
    assert_eq!(heard, Some(Raw::Message(bytes("m"))));
    exchange.deliver("s", &bytes("the last"));
    drop(exchange);
    assert_eq!(next().await, Some(Raw::Message(bytes("the last"))));
    assert_eq!(next().await, None);

    let exchange = Exchange::default();
    let subscription = exchange.subscribe("s".to_owned());
    let (heard, ()) = tokio::join!(subscription.mailbox.next(), async { drop(exchange) });
    assert_eq!(heard, None);
}

#[test]
fn every_subscriber_of_every_subject_is_told_of_a_loss() {
    let exchange = Exchange::default();
    let all: Vec<_> =
        ["a", "a", "b"].into_iter().map(|subject| exchange.subscribe(subject.to_owned())).collect();
    exchange.tell_lost(|_| true);
    assert!(all.iter().all(|subscription| taken(subscription) == (0, 1)));
}

#[test]
fn a_subject_is_given_up_with_its_last_subscriber_and_not_before() {
    let exchange = Exchange::default();
    let (first, second) = (exchange.subscribe("s".to_owned()), exchange.subscribe("s".to_owned()));
    assert!(!exchange.unsubscribe("s", first.id));
    assert!(!exchange.unsubscribe("s", first.id), "twice the same is not both");
    assert_eq!(exchange.subscribed_subjects(), ["s"]);
    assert!(exchange.unsubscribe("s", second.id));
    assert!(exchange.subscribed_subjects().is_empty());
    assert!(exchange.unsubscribe("never there", first.id));
}

#[test]
fn a_full_service_gives_up_what_it_has_no_room_for_and_is_not_taken_for_nobody() {
    let exchange = Exchange::default();
    assert_eq!(exchange.ask("s", bytes("q")).err(), Some(Refusal::Nobody));
    let mut requests = exchange.serve("s").unwrap();
    let waiting: Vec<_> = (0..SERVICE_QUEUE).map(|_| exchange.ask("s", bytes("q")).unwrap()).collect();
    assert_eq!(exchange.ask("s", bytes("q")).err(), Some(Refusal::GivenUp));
    drop(requests.try_recv().unwrap());
    assert!(exchange.ask("s", bytes("q")).is_ok(), "there is room for one more");
    drop((waiting, requests));
    assert_eq!(exchange.ask("s", bytes("q")).err(), Some(Refusal::Nobody), "its end is gone");
    exchange.stop_serving("s");
    assert!(exchange.serve("s").is_ok());
}

/// Topics and services have names of their own: one may be called as the other.
#[test]
fn a_topic_and_a_service_of_the_same_name_do_not_know_each_other() {
    let exchange = Exchange::default();
    let subscription = exchange.subscribe("same".to_owned());
    let mut requests = exchange.serve("same").unwrap();
    let _answer = exchange.ask("same", bytes("q")).unwrap();
    exchange.deliver("same", &bytes("m"));
    assert_eq!(taken(&subscription), (1, 0));
    assert_eq!(requests.try_recv().unwrap().request, bytes("q"));
    assert!(requests.try_recv().is_err());
}

/// A counting recorder: which names were counted how often on this thread.
mod counted {
    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::{
        collections::BTreeMap,
        sync::{
            Arc, Mutex,
            atomic::{AtomicU64, Ordering},
        },
    };

    #[derive(Default)]
    struct Counts(Mutex<BTreeMap<String, Arc<Count>>>);

    #[derive(Default)]
    struct Count(AtomicU64);

    impl CounterFn for Count {
        fn increment(&self, by: u64) {
            self.0.fetch_add(by, Ordering::Relaxed);
        }
        fn absolute(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let mut counts = self.0.lock().unwrap();
            Counter::from_arc(Arc::clone(counts.entry(key.name().to_owned()).or_default()))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    /// How often `name` is counted while `work` is done.
    pub(super) fn during(name: &str, work: impl FnOnce()) -> u64 {
        let counts = Counts::default();
        metrics::with_local_recorder(&counts, work);
        let counts = counts.0.into_inner().unwrap();
        counts.get(name).map_or(0, |count| count.0.load(Ordering::Relaxed))
    }
}

#[test]
fn every_message_that_a_subscriber_lost_is_counted() {
    let exchange = Exchange::default();
    let _slow = [exchange.subscribe("s".to_owned()), exchange.subscribe("s".to_owned())];
    let publish = |times| (0..times).for_each(|_| exchange.deliver("s", &bytes("m")));
    assert_eq!(counted::during("bus_messages_lost_total", || publish(SUBSCRIBER_QUEUE)), 0);
    assert_eq!(counted::during("bus_messages_lost_total", || publish(5)), 10, "five for each of two");
}
