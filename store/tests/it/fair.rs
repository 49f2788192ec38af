//! Replies and deliveries are taken by turns: nobody's backlog is another's delay.

use crate::fixture::{Tenant, channel, owner, receive, reconnected, secret, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::{AccountId, ChannelId, WebhookId},
};
use sqlx::{AssertSqlSafe, Executor};
use std::{collections::BTreeMap, time::Duration};
use store::{
    Store,
    messages::{self, NewReply},
    replies,
    system::{ClaimedDelivery, ClaimedReply, Shares, Turn},
    testing::TestDatabase,
    webhooks::{self, Attempt, EventName, FAILURES_MAX, NewWebhook, WebhookKind},
};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) async fn deliveries(
    store: &Store,
    limit: u16,
    freed: &[(AccountId, WebhookId)],
    clock: &ManualClock,
) -> Vec<ClaimedDelivery> {
    let turn = Turn { limit, lease: LEASE, shares: Shares::new(4, 32), freed, under_way: &[] };
    store.system().claim_deliveries(&turn, clock).await.unwrap().work
}

pub(crate) async fn replies(store: &Store, limit: u16, clock: &ManualClock) -> Vec<ClaimedReply> {
    let turn = Turn { limit, lease: LEASE, shares: Shares::new(4, 32), freed: &[], under_way: &[] };
    store.system().claim_replies(&turn, clock).await.unwrap().work
}

/// More webhooks beside the one that the fixture makes.
pub(crate) async fn webhooks(
    db: &TestDatabase,
    a: &Tenant,
    count: usize,
    clock: &ManualClock,
) -> Vec<WebhookId> {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..count {
        let webhook = NewWebhook {
            kind: WebhookKind::N8n,
            url: "http://n8n.example/hook",
            header: "x-secret",
            secret: &secret("n8n"),
            events: &[EventName::MessageCreated],
        };
        made.push(webhooks::create(&mut tx, &webhook, clock).await.unwrap().id);
    }
    tx.commit().await.unwrap();
    made
}

/// Customers' messages, of which every webhook of the account is told.
pub(crate) async fn say(db: &TestDatabase, a: &Tenant, count: usize, clock: &ManualClock) {
    for _ in 0..count {
        let id = format!("wamid.{}", uuid::Uuid::new_v4());
        receive(db, a.account, a.channel, &id, clock).await;
    }
}

fn per<Key: Ord>(keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, usize> {
    keys.into_iter().fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// Passes for the wrong reason if A had little waiting: it has 44 deliveries, older than B's one.
#[tokio::test]
async fn a_backlog_of_one_account_does_not_delay_anothers_first_delivery() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    webhooks(&db, &a, 3, &clock).await;
    say(&db, &a, 10, &clock).await;
    clock.advance(Duration::from_secs(5));
    let b = tenant(&db, "b", &clock).await;
    let first = deliveries(&db.store, 4, &[], &clock).await;
    assert_eq!(first.len(), 4);
    assert!(first.iter().any(|claim| claim.account == b.account), "B has its share of four: {first:?}");
    let of_a = per(first.iter().filter(|claim| claim.account == a.account).map(|claim| claim.webhook));
    assert!(of_a.len() > 1, "A's webhooks have theirs too: {of_a:?}");
}

#[tokio::test]
async fn what_is_in_flight_is_counted_over_all_instances_and_freed_when_a_lease_ends() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    // Eight webhooks with four deliveries each, and one more: as many as may be, and one too many.
    webhooks(&db, &a, 7, &clock).await;
    say(&db, &a, 4, &clock).await;
    let other = reconnected(&db).await;
    let mut claims = Vec::new();
    for _ in 0..20 {
        claims.extend(deliveries(&db.store, 7, &[], &clock).await);
        claims.extend(deliveries(&other, 7, &[], &clock).await);
    }
    assert_eq!(claims.len(), 32, "as many as an account may have");
    let most = per(claims.iter().map(|claim| claim.webhook)).into_values().max();
    assert_eq!(most, Some(4), "as many as a webhook may have");

    // Both instances die: at the end of the lease everything can be taken again, and counts again.
    clock.advance(LEASE);
    let mut again = Vec::new();
    for _ in 0..20 {
        again.extend(deliveries(&other, 7, &[], &clock).await);
    }
    assert_eq!(again.len(), 32);
    assert!(again.iter().any(|claim| claim.attempts == 1));
}

#[tokio::test]
async fn a_place_that_is_freed_is_filled_at_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    say(&db, &a, 9, &clock).await;
    let four = deliveries(&db.store, 10, &[], &clock).await;
    assert_eq!(four.iter().map(|claim| claim.seq).collect::<Vec<_>>().len(), 4);
    assert!(deliveries(&db.store, 10, &[], &clock).await.is_empty());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let taken = Attempt { answer_status: Some(204), error: None };
    webhooks::finish_delivery(&mut tx, &four[0], &taken, &clock).await.unwrap();
    let failed = Attempt { answer_status: Some(500), error: Some("500") };
    let due_at = clock.utc() + LEASE * 10;
    webhooks::postpone_delivery(&mut tx, &four[1], &failed, due_at).await.unwrap();
    tx.commit().await.unwrap();
    let more = deliveries(&db.store, 10, &[(a.account, a.webhook)], &clock).await;
    assert_eq!(more.len(), 2, "two places are free");
    assert!(more.iter().all(|claim| four.iter().all(|former| former.seq != claim.seq)));

    // A target that is gone is no reason to ask again and again.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::delete(&mut tx, a.webhook).await.unwrap();
    tx.commit().await.unwrap();
    let turn = Turn {
        limit: 1,
        lease: LEASE,
        shares: Shares::new(4, 32),
        freed: &[(a.account, a.webhook)],
        under_way: &[],
    };
    let nothing = db.store.system().claim_deliveries(&turn, &clock).await.unwrap();
    assert!(nothing.missed.is_empty() && nothing.work.is_empty());
}

/// Somebody who is looking keeps others from waiting for it; what they wanted is not forgotten.
#[tokio::test]
async fn a_freed_target_that_somebody_else_looks_at_is_missed() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut owner = owner(&db).await;
    owner.execute("BEGIN; SELECT FROM delivery_accounts FOR UPDATE").await.unwrap();
    let freed = [(a.account, a.webhook)];
    let turn = Turn { limit: 9, lease: LEASE, shares: Shares::new(4, 32), freed: &freed, under_way: &[] };
    let taken = db.store.system().claim_deliveries(&turn, &clock).await.unwrap();
    assert_eq!((taken.work.len(), taken.missed.as_slice()), (0, &freed[..]));
    owner.execute("ROLLBACK").await.unwrap();
    assert_eq!(deliveries(&db.store, 9, &[], &clock).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_that_fails_again_and_again_is_tried_one_delivery_at_a_time() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    say(&db, &a, 20, &clock).await;
    let hold = Duration::from_secs(10);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for expected in 1..=FAILURES_MAX {
        let failing = webhooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap();
        assert_eq!((failing.failures, failing.since), (expected, clock.utc()));
    }
    webhooks::pause_until(&mut tx, a.webhook, clock.utc() + hold).await.unwrap();
    let since = webhooks::find(&mut tx, a.webhook).await.unwrap().unwrap().failing_since;
    assert_eq!(since, Some(clock.utc()));
    tx.commit().await.unwrap();
    let freed = [(a.account, a.webhook)];
    assert!(deliveries(&db.store, 9, &freed, &clock).await.is_empty(), "it is held");
    say(&db, &a, 1, &clock).await;
    assert!(deliveries(&db.store, 9, &[], &clock).await.is_empty(), "whatever else there is for it");
    clock.advance(hold);
    let trial = deliveries(&db.store, 9, &[], &clock).await;
    assert_eq!(trial.len(), 1, "and then tried once");
    assert!(deliveries(&db.store, 9, &freed, &clock).await.is_empty());

    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::note_success(&mut tx, a.webhook).await.unwrap();
    let taken = Attempt { answer_status: Some(204), error: None };
    webhooks::finish_delivery(&mut tx, &trial[0], &taken, &clock).await.unwrap();
    assert_eq!(webhooks::find(&mut tx, a.webhook).await.unwrap().unwrap().failing_since, None);
    tx.commit().await.unwrap();
    assert_eq!(deliveries(&db.store, 9, &freed, &clock).await.len(), 4, "back at full speed");
}

/// A person who mends the receiver need not wait for the hold to end.
#[tokio::test]
async fn a_new_address_ends_the_hold() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    webhooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap();
    webhooks::pause_until(&mut tx, a.webhook, clock.utc() + LEASE).await.unwrap();
    tx.commit().await.unwrap();
    assert!(deliveries(&db.store, 9, &[], &clock).await.is_empty());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let change = webhooks::WebhookChange { url: Some("http://n8n.example/new"), ..Default::default() };
    webhooks::update(&mut tx, a.webhook, &change, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(deliveries(&db.store, 9, &[], &clock).await.len(), 1);
}

/// A conversation with a reply for each number, all through one channel.
async fn reply(db: &TestDatabase, a: &Tenant, channel: ChannelId, clock: &ManualClock) {
    let mut owner = owner(db).await;
    let (account, id) = (a.account, uuid::Uuid::new_v4());
    let made = format!(
        "INSERT INTO contacts (account_id, id, name, created_at) VALUES ('{account}', '{id}', 'n', now());
         INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
             VALUES ('{account}', '{id}', '{channel}', '{id}', 'open', now(), now())"
    );
    owner.execute(AssertSqlSafe(made)).await.unwrap();
    let mut tx = db.store.tenant(account).await.unwrap();
    let conversation = common::id::ConversationId::from_uuid(id);
    for text in ["first", "second"] {
        let reply = NewReply { conversation, author: a.user, text };
        messages::reply(&mut tx, &reply, clock).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Nothing is ever done here: what is taken hangs.
#[tokio::test]
async fn a_channel_that_hangs_keeps_its_own_share_only() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for _ in 0..8 {
        reply(&db, &a, a.channel, &clock).await;
    }
    let hanging = replies(&db.store, 50, &clock).await;
    assert_eq!(hanging.len(), 4, "one of a conversation, four of a channel");
    assert!(replies(&db.store, 50, &clock).await.is_empty());
    clock.advance(Duration::from_secs(1));
    let healthy = channel(&db, a.account, "healthy", &clock).await;
    reply(&db, &a, healthy, &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let channels: Vec<_> =
        replies(&db.store, 50, &clock).await.into_iter().map(|claim| claim.channel).collect();
    assert_eq!(channels.len(), 2, "{channels:?}");
    assert!(channels.contains(&healthy) && channels.contains(&b.channel));
}

#[tokio::test]
async fn a_reply_that_is_done_gives_its_turn_to_the_next_of_the_conversation() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut texts = Vec::new();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for text in ["second", "third"] {
        let reply = NewReply { conversation: a.conversation, author: a.user, text };
        messages::reply(&mut tx, &reply, &clock).await.unwrap();
    }
    tx.commit().await.unwrap();
    // Nobody says which channel has room again: it is known from the reply that has its turn.
    while let [claim] = replies(&db.store, 9, &clock).await[..] {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        texts.push(
            replies::read_claimed(&mut tx, &claim, Duration::ZERO, &clock).await.unwrap().unwrap().text,
        );
        messages::sent(&mut tx, claim.message, &format!("wamid.out.{}", texts.len()), &clock).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(texts, ["yes?", "second", "third"]);
}
