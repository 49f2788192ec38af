//! Queues: nothing is lost, nothing is taken twice.

use crate::fixture::{Tenant, channel, receive, reconnected, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::{AccountId, ChannelId},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{
    messages::{self, NewReply},
    outbox, raw_events, replies,
    system::{ClaimedDelivery, ClaimedReply, NewRawEvent, Shares, System, Turn},
    testing::TestDatabase,
    webhooks,
};
use tokio::task::JoinSet;

const LEASE: Duration = Duration::from_secs(30);

/// How long sending a reply takes.
const TIME: Duration = Duration::from_secs(20);

async fn take_replies(system: &System, limit: u16, clock: &ManualClock) -> Vec<ClaimedReply> {
    let turn = Turn { limit, lease: LEASE, shares: Shares::new(100, 100), freed: &[], under_way: &[] };
    system.claim_replies(&turn, clock).await.unwrap().work
}

async fn take_deliveries(system: &System, limit: u16, clock: &ManualClock) -> Vec<ClaimedDelivery> {
    let turn = Turn { limit, lease: LEASE, shares: Shares::new(100, 100), freed: &[], under_way: &[] };
    system.claim_deliveries(&turn, clock).await.unwrap().work
}

async fn raw(db: &TestDatabase, a: &Tenant, channel: ChannelId, byte: u8, clock: &ManualClock) -> bool {
    let event = NewRawEvent { account: a.account, channel, body: &[byte], sha256: &[byte; 32] };
    db.store.system().insert_raw_event(&event, clock).await.unwrap()
}

#[tokio::test]
async fn a_webhook_that_comes_twice_is_kept_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    assert!(raw(&db, &a, a.channel, 7, &clock).await);
    assert!(!raw(&db, &a, a.channel, 7, &clock).await);
    assert!(
        raw(&db, &b, b.channel, 7, &clock).await,
        "the same bytes through another channel are another event"
    );
}

#[tokio::test]
async fn an_accounts_events_go_to_one_worker_in_order_and_other_accounts_do_not_wait() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let other = db.account("other", &clock).await;
    let system = db.store.system();
    for byte in 1..4 {
        clock.advance(Duration::from_millis(1));
        raw(&db, &a, a.channel, byte, &clock).await;
    }
    let mut first = system.claim_raw_events(10, &clock).await.unwrap();
    let bodies: Vec<_> = first.events.iter().map(|event| event.body.clone()).collect();
    assert_eq!(bodies, [b"{}".to_vec(), vec![1], vec![2], vec![3]]);
    raw(&db, &a, a.channel, 4, &clock).await;
    let second_channel = channel(&db, a.account, "second", &clock).await;
    raw(&db, &a, second_channel, 5, &clock).await;
    let others = channel(&db, other, "other", &clock).await;
    let event = NewRawEvent { account: other, channel: others, body: &[6], sha256: &[6; 32] };
    assert!(system.insert_raw_event(&event, &clock).await.unwrap());
    let second = system.claim_raw_events(10, &clock).await.unwrap();
    assert_eq!(second.events.iter().map(|event| event.channel).collect::<Vec<_>>(), [others]);
    let mut tx = db.store.tenant(other).await.unwrap();
    assert!(raw_events::finish(&mut tx, second.events[0].id, None, &clock).await.unwrap());
    tx.commit().await.unwrap();
    second.release().await.unwrap();

    for event in &first.events[..2] {
        let mut tx = db.store.tenant(event.account).await.unwrap();
        assert!(raw_events::finish(&mut tx, event.id, None, &clock).await.unwrap());
        tx.commit().await.unwrap();
    }
    let (failed, hopeless) = (first.events[2].id, first.events[3].id);
    first.postpone(failed, "try later", clock.utc() + LEASE).await.unwrap();
    first.give_up(hopeless, "not JSON", &clock).await.unwrap();
    first.release().await.unwrap();

    let third = system.claim_raw_events(10, &clock).await.unwrap();
    let bodies: BTreeSet<_> = third.events.iter().map(|event| event.body.clone()).collect();
    assert_eq!(bodies, BTreeSet::from([vec![4], vec![5]]));
    // A worker that dies gives everything back, without a lease to wait for.
    drop(third);
    db.store.close().await;
    clock.advance(LEASE);
    let fourth = reconnected(&db).await.system().claim_raw_events(10, &clock).await.unwrap();
    let again = fourth.events.iter().find(|event| event.id == failed).unwrap();
    assert_eq!((again.attempts, fourth.events.len()), (1, 3));
}

#[tokio::test]
async fn a_busy_channel_leaves_room_for_the_others() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for byte in 1..30 {
        raw(&db, &a, a.channel, byte, &clock).await;
    }
    clock.advance(LEASE);
    let quiet = channel(&db, a.account, "quiet", &clock).await;
    raw(&db, &a, quiet, 1, &clock).await;
    let claim = db.store.system().claim_raw_events(10, &clock).await.unwrap();
    assert!(claim.events.iter().any(|event| event.channel == quiet));
    assert!(claim.events.len() <= 10);
}

#[tokio::test]
async fn many_workers_process_each_event_exactly_once() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    for number in 0..3 {
        let tenant = tenant(&db, &format!("{number}"), &*clock).await;
        let channel = channel(&db, tenant.account, &format!("{number} again"), &*clock).await;
        for byte in 0..20 {
            raw(&db, &tenant, channel, byte, &clock).await;
        }
    }
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let claim = store.system().claim_raw_events(7, &*clock).await.unwrap();
                if claim.events.is_empty() {
                    return done;
                }
                for event in &claim.events {
                    let mut tx = store.tenant(event.account).await.unwrap();
                    assert!(
                        raw_events::finish(&mut tx, event.id, None, &*clock).await.unwrap(),
                        "taken twice"
                    );
                    tx.commit().await.unwrap();
                    done.push(event.id);
                }
                claim.release().await.unwrap();
            }
        });
    }
    let done: Vec<_> = workers.join_all().await.concat();
    assert_eq!(done.len(), 63);
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), 63);
}

/// However much one account has waiting, and on however many channels, the others have their turn.
#[tokio::test]
async fn large_events_are_taken_few_at_a_time_and_one_of_each_account_first() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let system = db.store.system();
    let (greedy, small) = (db.account("greedy", &clock).await, db.account("small", &clock).await);
    let large = vec![b'x'; 3 * 1024 * 1024];
    for number in 0..9 {
        let channel = channel(&db, greedy, &format!("g{number}"), &clock).await;
        let event = NewRawEvent { account: greedy, channel, body: &large, sha256: &[number; 32] };
        system.insert_raw_event(&event, &clock).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    let channel = channel(&db, small, "s", &clock).await;
    for byte in 0..2 {
        let event = NewRawEvent { account: small, channel, body: &[byte], sha256: &[byte; 32] };
        system.insert_raw_event(&event, &clock).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    let claim = system.claim_raw_events(64, &clock).await.unwrap();
    let order: Vec<_> = claim.events.iter().map(|event| event.account).collect();
    assert_eq!(order[..2], [greedy, small], "the oldest first, and then the other account's");
    let bytes: usize = claim.events.iter().map(|event| event.body.len()).sum();
    assert!((large.len()..=8 * 1024 * 1024).contains(&bytes), "{bytes}");
    let of_small: Vec<_> = claim.events.iter().filter(|event| event.account == small).collect();
    assert_eq!(of_small.iter().map(|event| event.body[0]).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn what_is_left_out_of_an_event_is_kept_with_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let claim = db.store.system().claim_raw_events(10, &clock).await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(raw_events::finish(&mut tx, claim.events[0].id, Some("7 items"), &clock).await.unwrap());
    tx.commit().await.unwrap();
    claim.release().await.unwrap();
    let kept = &db.contents(a.account).await["raw_events"][0];
    assert_eq!((kept["error"].as_str(), kept["processed_at"].is_null()), (Some("7 items"), false));
    assert!(kept["body"].as_str().is_some_and(|body| body.len() > 2), "its body is there to look at: {kept}");
}

#[tokio::test]
async fn an_event_whose_effects_rolled_back_is_not_processed() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let claim = db.store.system().claim_raw_events(10, &clock).await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(raw_events::finish(&mut tx, claim.events[0].id, None, &clock).await.unwrap());
    drop(tx);
    drop(claim);
    db.store.close().await;
    let again = reconnected(&db).await.system().claim_raw_events(10, &clock).await.unwrap();
    assert_eq!(again.events.len(), 1);
}

#[tokio::test]
async fn events_written_at_once_are_numbered_without_gaps_and_published_in_order_once() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let b = tenant(&db, "b", &*clock).await;
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        writers.spawn(async move {
            for round in 0..5 {
                let mut tx = store.tenant(a.account).await.unwrap();
                let text = format!("{writer}/{round}");
                let reply = NewReply { conversation: a.conversation, author: a.user, text: &text };
                messages::reply(&mut tx, &reply, &*clock).await.unwrap();
                if round != 2 {
                    tx.commit().await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;

    let system = db.store.system();
    let mut published: Vec<(AccountId, u64)> = Vec::new();
    let claim = system.claim_outbox(10).await.unwrap();
    let busy = system.claim_outbox(10).await.unwrap();
    assert!(busy.rows.is_empty(), "two publishers have one account");
    drop(busy);
    published.extend(claim.rows[..3].iter().map(|row| (row.account, row.event.seq)));
    claim.mark_published(3, &*clock).await.unwrap();
    loop {
        let claim = system.claim_outbox(10).await.unwrap();
        let count = claim.rows.len();
        if count == 0 {
            break;
        }
        published.extend(claim.rows.iter().map(|row| (row.account, row.event.seq)));
        claim.mark_published(count, &*clock).await.unwrap();
    }
    for (account, count) in [(a.account, 26), (b.account, 2)] {
        let seqs: Vec<u64> =
            published.iter().filter(|(owner, _)| *owner == account).map(|(_, seq)| *seq).collect();
        assert_eq!(seqs, (1..=count).collect::<Vec<_>>());
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 26);
    assert_eq!(outbox::after(&mut tx, 24, 100).await.unwrap().len(), 2);
}

#[tokio::test]
async fn replies_leave_in_order_once_and_again_only_when_a_lease_ends() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let second = NewReply { conversation: a.conversation, author: a.user, text: "second" };
    let second = messages::reply(&mut tx, &second, &clock).await.unwrap().id;
    tx.commit().await.unwrap();
    let system = db.store.system();
    let claims = take_replies(&system, 10, &clock).await;
    assert_eq!(
        claims.iter().map(|claim| (claim.message, claim.attempts)).collect::<Vec<_>>(),
        [(a.reply, 0)]
    );
    assert!(take_replies(&system, 10, &clock).await.is_empty());
    clock.advance(LEASE);
    let again = take_replies(&system, 10, &clock).await;
    assert_eq!(again.iter().map(|claim| (claim.message, claim.attempts)).collect::<Vec<_>>(), [(a.reply, 1)]);

    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(
        replies::read_claimed(&mut tx, &claims[0], TIME, &clock).await.unwrap().is_none(),
        "somebody else has taken it since"
    );
    replies::postpone(&mut tx, &claims[0], "late", clock.utc()).await.unwrap();
    let outgoing = replies::read_claimed(&mut tx, &again[0], TIME, &clock).await.unwrap().unwrap();
    clock.advance(LEASE - TIME);
    let late = replies::read_claimed(&mut tx, &again[0], TIME, &clock).await.unwrap();
    assert!(late.is_none(), "somebody else may take it while it is sent");
    assert_eq!((outgoing.text.as_str(), outgoing.channel_external_id.as_str()), ("yes?", "a"));
    assert_eq!(outgoing.access_token.expose(), "access token");
    assert_eq!(outgoing.to.len(), 1);
    replies::postpone(&mut tx, &again[0], "busy", clock.utc() + LEASE * 2).await.unwrap();
    tx.commit().await.unwrap();
    clock.advance(LEASE);
    assert!(take_replies(&system, 10, &clock).await.is_empty(), "the second overtook the first");
    clock.advance(LEASE);
    let last = take_replies(&system, 10, &clock).await[0];
    assert_eq!(last.message, a.reply);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    messages::sent(&mut tx, a.reply, "wamid.out", &clock).await.unwrap();
    assert!(replies::read_claimed(&mut tx, &last, TIME, &clock).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(take_replies(&system, 10, &clock).await[0].message, second);
}

#[tokio::test]
async fn two_senders_never_take_the_same_reply() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    for number in 0..20 {
        let channel = channel(&db, a.account, &format!("{number}"), &*clock).await;
        let (conversation, _) = receive(&db, a.account, channel, "wamid.1", &*clock).await;
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let reply = NewReply { conversation: conversation.id, author: a.user, text: "x" };
        messages::reply(&mut tx, &reply, &*clock).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut senders = JoinSet::new();
    for _ in 0..4 {
        let (system, clock) = (db.store.system(), Arc::clone(&clock));
        senders.spawn(async move { take_replies(&system, 6, &clock).await });
    }
    let claimed: Vec<_> = senders.join_all().await.concat();
    let different: BTreeSet<_> = claimed.iter().map(|claim| claim.message).collect();
    assert_eq!(claimed.len(), different.len());
    let rest = take_replies(&db.store.system(), 100, &clock).await;
    assert_eq!(claimed.len() + rest.len(), 21);
}

#[tokio::test]
async fn webhooks_are_told_of_customers_messages_only_and_again_until_done() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let system = db.store.system();
    // The fixture has an inbound message and a reply.
    let claims = take_deliveries(&system, 10, &clock).await;
    assert_eq!(
        claims.iter().map(|claim| (claim.webhook, claim.seq, claim.attempts)).collect::<Vec<_>>(),
        [(a.webhook, 1, 0)]
    );
    assert!(take_deliveries(&system, 10, &clock).await.is_empty());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let delivery = webhooks::open_delivery(&mut tx, a.webhook, 1, &clock).await.unwrap().unwrap();
    assert_eq!((delivery.url.as_str(), delivery.header.as_str()), ("http://n8n.example/hook", "x-secret"));
    assert_eq!((delivery.secret.expose().as_str(), delivery.event.seq), ("n8n", 1));
    let failed = webhooks::Attempt { answer_status: Some(502), error: Some("502") };
    webhooks::postpone_delivery(&mut tx, &claims[0], &failed, clock.utc()).await.unwrap();
    tx.commit().await.unwrap();
    let second = take_deliveries(&system, 10, &clock).await[0];
    assert_eq!((second.attempts, second.tries()), (1, 2));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let taken = webhooks::Attempt { answer_status: Some(204), error: None };
    webhooks::finish_delivery(&mut tx, &second, &taken, &clock).await.unwrap();
    tx.commit().await.unwrap();
    clock.advance(LEASE * 2);
    assert!(take_deliveries(&system, 10, &clock).await.is_empty());

    // Wanted again while an attempt is under way: that one's end is not the end of it, but comes first.
    replay(&db, &a, 1, &clock).await;
    let third = take_deliveries(&system, 10, &clock).await[0];
    clock.advance(Duration::from_secs(1));
    replay(&db, &a, 1, &clock).await;
    assert!(take_deliveries(&system, 10, &clock).await.is_empty(), "it is in flight");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::finish_delivery(&mut tx, &third, &taken, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let freed = [(a.account, a.webhook)];
    let turn = Turn { limit: 10, lease: LEASE, shares: Shares::new(4, 32), freed: &freed, under_way: &[] };
    let fourth = system.claim_deliveries(&turn, &clock).await.unwrap().work[0];
    assert_eq!((fourth.attempts, fourth.tries()), (3, 1), "what was tried before is forgiven");

    // An end that comes after the lease is not that of the next attempt.
    clock.advance(LEASE * 2);
    let fifth = take_deliveries(&system, 10, &clock).await[0];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::finish_delivery(&mut tx, &fourth, &taken, &clock).await.unwrap();
    assert!(webhooks::open_delivery(&mut tx, a.webhook, 1, &clock).await.unwrap().is_some());
    webhooks::finish_delivery(&mut tx, &fifth, &taken, &clock).await.unwrap();
    assert!(webhooks::open_delivery(&mut tx, a.webhook, 1, &clock).await.unwrap().is_none());
}

async fn replay(db: &TestDatabase, a: &Tenant, seq: u64, clock: &ManualClock) {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::replay(&mut tx, a.webhook, seq, clock).await.unwrap().unwrap();
    tx.commit().await.unwrap();
}
