//! Histories: what is kept, in which order, and when it is another one.

use super::*;
use bus::{HistoryLimits, Place, Recalled};
use common::subject::History;

contract! {
    entries_are_numbered_for_all_and_read_after_any_that_is_kept
    what_is_not_kept_any_more_is_not_made_up_for
    many_who_append_at_once_get_each_a_number
    histories_have_bounds
    who_claims_to_have_seen_more_than_there_is_is_given_all_and_changes_nothing
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

/// Clients say where they are, and may say anything.
async fn who_claims_to_have_seen_more_than_there_is_is_given_all_and_changes_nothing(pair: Pair) {
    let seen = append(&pair.here, "1").await;
    for seq in [2, 3, 1_000_000_000_000, u64::MAX - 1, u64::MAX] {
        let ahead = Place { seq, ..seen.clone() };
        let found = recall(&pair.there, Some(&ahead)).await;
        assert!(!found.continues(&ahead));
        assert_eq!((entries(&found), &found.head), (vec![(1, "1")], &seen));
    }
    let head = append(&pair.here, "2").await;
    assert_eq!(head, Place { seq: 2, ..seen });
}

#[tokio::test]
async fn redis_gives_back_what_is_too_old_by_itself_and_remembers_where_a_history_was() {
    let pair = Pair::redis(&redis_url()).await;
    let mut observer = outage::observer(&redis_url()).await;
    let (head, kept) = (format!("{}:{{42}}:h:log", pair.prefix), format!("{}:{{42}}:e:log", pair.prefix));
    let empty = recall(&pair.here, None).await.head;
    let remembered: u64 = outage::order(&mut observer, &["PTTL", &head]).await;
    assert!(remembered > 23 * 3_600_000, "{remembered} ms, while there was nothing yet");
    let brief = HistoryLimits { age: Duration::from_millis(300), ..LIMITS };
    pair.here.append(&Log, &"1".to_owned(), brief).await.unwrap();
    let wait = async {
        while outage::order::<u64>(&mut observer, &["EXISTS", &kept]).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(wait).await;
    let none = recall(&pair.there, None).await;
    assert_eq!((none.entries.len(), none.head.seq), (0, 1));
    append(&pair.here, &"x".repeat(90)).await;
    let found = recall(&pair.there, None).await;
    assert_eq!(found.head, Place { seq: 2, ..empty });
    assert_eq!(found.entries.len(), 1, "its bytes are those of what is there");
}

/// As one does that lets nobody ask what it is.
#[tokio::test]
async fn histories_are_kept_in_a_redis_that_does_not_say_which_it_is() {
    let outage = outage::Outage::prepare().await;
    let mut observer = outage.observer().await;
    let _: String = outage::order(&mut observer, &["ACL", "SETUSER", "default", "-info"]).await;
    let pair = Pair::redis(&outage.redis.url()).await;
    let first = append(&pair.here, "1").await;
    assert_eq!(append(&pair.there, "2").await, Place { seq: 2, ..first });
}

/// Redis is not started again, and had been a replica for a moment.
#[tokio::test]
async fn a_redis_that_another_was_for_a_moment_goes_on_under_another_epoch() {
    let outage = outage::Outage::prepare().await;
    let seen = append(&outage.pair.here, "1").await;
    let mut observer = outage.observer().await;
    let _: String = outage::order(&mut observer, &["REPLICAOF", "127.0.0.1", "1"]).await;
    outage.down().await;
    let _: String = outage::order(&mut observer, &["REPLICAOF", "NO", "ONE"]).await;
    outage.up().await;
    until(async || outage.pair.there.recall(&Log, None, LIMITS).await.is_ok()).await;
    assert_ne!(recall(&outage.pair.there, None).await.head.epoch, seen.epoch);
    let process = append(&outage.pair.here, "2").await;
    assert_eq!(append(&outage.pair.there, "3").await, Place { seq: 2, ..process });
}

#[tokio::test]
async fn a_redis_that_was_emptied_goes_on_under_another_epoch() {
    let pair = Pair::redis(&redis_url()).await;
    let seen = append(&pair.here, "1").await;
    let mut observer = outage::observer(&redis_url()).await;
    let _: u64 = outage::order(&mut observer, &["DEL", &format!("{}:{{42}}:h:log", pair.prefix)]).await;
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
    let key = format!("{}:{{42}}:h:log", outage.pair.prefix);
    let kept: Option<String> = outage::order(&mut observer, &["HGET", &key, "o"]).await;
    assert_eq!(kept.as_deref(), Some("1"), "or this would test an emptied one");
    until(async || outage.pair.there.recall(&Log, None, LIMITS).await.is_ok()).await;
    append(&outage.pair.there, "other 1").await;
    let other = append(&outage.pair.there, "other 2").await;
    assert_eq!(other.seq, seen.seq);
    assert_ne!(other.epoch, seen.epoch);
    assert!(!recall(&outage.pair.here, Some(&seen)).await.continues(&seen));
}
