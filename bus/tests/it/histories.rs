//! Histories: what is kept, in which order, and when it is another one.

use super::*;
use bus::{HistoryLimits, Place, Recalled};
use common::subject::History;

contract! {
    entries_are_numbered_for_all_and_read_after_any_that_is_kept
    what_is_not_kept_any_more_is_not_made_up_for
    many_who_append_at_once_get_each_a_number
    histories_have_bounds
    one_who_has_seen_more_than_there_is_is_in_another_history
}

struct Log;

impl History for Log {
    type Entry = String;
    fn name(&self) -> String {
        "log".to_owned()
    }
}

const LIMITS: HistoryLimits = HistoryLimits { entries: 4, bytes: 100, age: Duration::from_secs(60) };

async fn append(bus: &Bus, text: &str) -> Place {
    bus.append(&Log, &text.to_owned(), LIMITS).await.unwrap()
}

async fn recall(bus: &Bus, after: Option<&Place>) -> Recalled<String> {
    bus.recall(&Log, after.cloned(), LIMITS).await.unwrap()
}

fn entries(recalled: &Recalled<String>) -> Vec<(u64, &str)> {
    recalled.entries.iter().map(|(seq, text)| (*seq, text.as_str())).collect()
}

async fn entries_are_numbered_for_all_and_read_after_any_that_is_kept(pair: Pair) {
    let before = recall(&pair.there, None).await;
    assert_eq!((before.head.seq, before.entries.len()), (0, 0));
    let first = append(&pair.here, "one").await;
    let second = append(&pair.there, "two\n:2").await;
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_eq!((&first.epoch, &second.epoch), (&before.head.epoch, &before.head.epoch));
    for bus in [&pair.here, &pair.there] {
        let all = recall(bus, None).await;
        assert_eq!((entries(&all), &all.head), (vec![(1, "one"), (2, "two\n:2")], &second));
        let later = recall(bus, Some(&first)).await;
        assert_eq!(entries(&later), [(2, "two\n:2")]);
        assert!(later.continues(&first) && all.continues(&before.head) && !all.continues(&second));
        let nothing = recall(bus, Some(&second)).await;
        assert!(nothing.entries.is_empty() && nothing.continues(&second));
    }
}

async fn what_is_not_kept_any_more_is_not_made_up_for(pair: Pair) {
    let first = append(&pair.here, "1").await;
    for text in ["2", "3", "4", "5", "6"] {
        append(&pair.there, text).await;
    }
    let rest = recall(&pair.here, Some(&first)).await;
    assert_eq!(entries(&rest), [(3, "3"), (4, "4"), (5, "5"), (6, "6")]);
    assert!(!rest.continues(&first), "2 is gone");
    let second = Place { seq: 2, ..first.clone() };
    assert!(recall(&pair.here, Some(&second)).await.continues(&second));
    let another = Place { epoch: "another".to_owned(), seq: 6 };
    assert!(!recall(&pair.here, Some(&another)).await.continues(&another));
}

async fn many_who_append_at_once_get_each_a_number(pair: Pair) {
    let all = (0..50).map(|n| {
        let bus = if n % 2 == 0 { pair.here.clone() } else { pair.there.clone() };
        async move { append(&bus, &n.to_string()).await.seq }
    });
    let mut numbers = futures_util::future::join_all(all).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}

async fn histories_have_bounds(pair: Pair) {
    append(&pair.here, &"x".repeat(60)).await;
    append(&pair.here, &"y".repeat(60)).await;
    assert_eq!(recall(&pair.here, None).await.entries.len(), 1, "of 124 bytes");
    let brief = HistoryLimits { age: Duration::ZERO, ..LIMITS };
    until(async || pair.there.recall(&Log, None, brief).await.unwrap().entries.is_empty()).await;
    let head = append(&pair.here, "z").await;
    assert_eq!((head.seq, entries(&recall(&pair.there, None).await)), (3, vec![(3, "z")]));
}

/// What a failover to a replica that lagged behind looks like, if nothing else is known of it.
async fn one_who_has_seen_more_than_there_is_is_in_another_history(pair: Pair) {
    let seen = append(&pair.here, "1").await;
    let ahead = Place { seq: seen.seq + 2, ..seen };
    let found = recall(&pair.there, Some(&ahead)).await;
    assert!(!found.continues(&ahead));
}

#[tokio::test]
async fn a_redis_that_was_emptied_goes_on_under_another_epoch() {
    let pair = Pair::redis(&redis_url()).await;
    let seen = append(&pair.here, "1").await;
    let mut observer = outage::observer(&redis_url()).await;
    let _: u64 = outage::order(&mut observer, &["DEL", &format!("{}:h:log", pair.prefix)]).await;
    let next = append(&pair.there, "2").await;
    assert_eq!(next.seq, 1);
    assert_ne!(next.epoch, seen.epoch);
    assert!(!recall(&pair.here, Some(&seen)).await.continues(&seen), "1 is not the 1 that was seen");
}

/// It comes back with what it had saved, and then gets as far as it was: the numbers alone look as if nothing had
/// happened.
#[tokio::test]
async fn a_redis_that_has_gone_back_in_time_goes_on_under_another_epoch() {
    let mut outage = outage::Outage::prepare().await;
    append(&outage.pair.here, "1").await;
    let mut observer = outage.observer().await;
    let _: String = outage::order(&mut observer, &["SAVE"]).await;
    let seen = append(&outage.pair.here, "lost").await;
    outage.begin().await;
    assert!(outage.pair.here.append(&Log, &"refused".to_owned(), LIMITS).await.is_err());
    outage.end().await;
    let mut observer = outage.observer().await;
    let key = format!("{}:h:log", outage.pair.prefix);
    let kept: Option<String> = outage::order(&mut observer, &["HGET", &key, "o"]).await;
    assert_eq!(kept.as_deref(), Some("1"), "or this would test an emptied one");
    until(async || outage.pair.there.recall(&Log, None, LIMITS).await.is_ok()).await;
    append(&outage.pair.there, "other 1").await;
    let other = append(&outage.pair.there, "other 2").await;
    assert_eq!(other.seq, seen.seq);
    assert_ne!(other.epoch, seen.epoch);
    assert!(!recall(&outage.pair.here, Some(&seen)).await.continues(&seen));
}
