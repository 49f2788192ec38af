//! Webhooks and their deliveries: switched off, held back, made again, and never another's.

use crate::{
    fair::{LEASE, deliveries, say},
    fixture::{Tenant, kill_transactions, secret, tenant},
};
use common::{
    clock::{Clock, ManualClock},
    id::WebhookId,
    protocol::inbox::ConversationStatus,
};
use std::time::Duration;
use store::{
    ChangeError, TenantTx, conversations, messages, notes,
    testing::TestDatabase,
    webhooks::{
        self as hooks, Attempt, Delivery, DeliveryState, EventName, NewWebhook, WebhookChange, WebhookKind,
    },
};

const TAKEN: Attempt<'_> = Attempt { answer_status: Some(204), error: None };
const FAILED: Attempt<'_> = Attempt { answer_status: Some(500), error: Some("500 nul \0") };

/// A webhook of the standard kind that asks for these events.
async fn standard(tx: &mut TenantTx, events: &[EventName], clock: &ManualClock) -> WebhookId {
    let secret = secret("whsec_1");
    let new = NewWebhook {
        kind: WebhookKind::Standard,
        url: "https://example.com/\0",
        header: "",
        secret: &secret,
        events,
    };
    hooks::create(tx, &new, clock).await.unwrap().id
}

async fn told(tx: &mut TenantTx, webhook: WebhookId) -> Vec<Delivery> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = hooks::deliveries(tx, webhook, before, 2).await.unwrap();
        let Some(last) = page.last() else { return all };
        before = Some(last.seq);
        all.extend(page);
    }
}

async fn switch(db: &TestDatabase, a: &Tenant, webhook: WebhookId, enabled: bool, clock: &ManualClock) {
    let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::update(&mut tx, webhook, &change, clock).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_webhook_is_told_the_events_that_it_asks_for_from_then_on_in_the_order_of_their_numbers() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut transaction = db.store.tenant(a.account).await.unwrap();
    let tx = &mut transaction;
    let nothing = standard(tx, &[], &clock).await;
    let some = standard(tx, &[EventName::NoteCreated, EventName::ConversationUpdated], &clock).await;
    let note = notes::create(tx, a.conversation, a.user, "x", &clock).await.unwrap();
    notes::update(tx, note.id, "y", &clock).await.unwrap();
    let pending = Some(ConversationStatus::Pending);
    let change = conversations::Change { status: pending, ..Default::default() };
    conversations::update(tx, a.conversation, &change, &clock).await.unwrap();
    let all = [EventName::NoteDeleted, EventName::MessageCreated];
    let change = WebhookChange { events: Some(&all), ..WebhookChange::default() };
    hooks::update(tx, some, &change, &clock).await.unwrap();
    notes::delete(tx, &note, &clock).await.unwrap();
    let reply = messages::NewReply { conversation: a.conversation, author: a.user, text: "x" };
    messages::reply(tx, &reply, &clock).await.unwrap();
    let names: Vec<_> = told(tx, some).await.iter().rev().map(|one| one.event.name()).collect();
    assert_eq!(names, ["noteCreated", "conversationUpdated", "noteDeleted", "messageCreated"]);
    assert!(told(tx, nothing).await.is_empty());
    let first = hooks::list(tx, None, 2).await.unwrap();
    let rest = hooks::list(tx, Some(first[1].id), 2).await.unwrap();
    let mut listed: Vec<_> = first.iter().chain(&rest).map(|hook| hook.id).collect();
    listed.sort_unstable();
    let mut made = [a.webhook, nothing, some];
    made.sort_unstable();
    assert_eq!(listed, made);
    let n8n = told(tx, a.webhook).await;
    assert_eq!(n8n.len(), 1, "an agent's reply is nothing for n8n");
}

#[tokio::test]
async fn what_happens_while_a_webhook_is_off_it_is_never_told_and_what_waited_is_given_up() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    say(&db, &a, 2, &clock).await;
    switch(&db, &a, a.webhook, false, &clock).await;
    let off_since = clock.utc();
    say(&db, &a, 2, &clock).await;
    clock.advance(Duration::from_secs(5));
    switch(&db, &a, a.webhook, false, &clock).await;
    assert!(deliveries(&db.store, 9, &[], &clock).await.is_empty());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let hook = hooks::find(&mut tx, a.webhook).await.unwrap().unwrap();
    assert_eq!(hook.disabled_at, Some(off_since), "since the first time");
    let given_up = told(&mut tx, a.webhook).await;
    assert_eq!(given_up.len(), 3);
    for one in &given_up {
        assert_eq!((one.state, one.attempts, one.done_at), (DeliveryState::GivenUp, 0, Some(off_since)));
        assert_eq!(one.error.as_deref(), Some("the webhook was switched off"));
        assert!(hooks::open_delivery(&mut tx, a.webhook, one.seq, &clock).await.unwrap().is_none());
    }
    tx.commit().await.unwrap();
    switch(&db, &a, a.webhook, true, &clock).await;
    say(&db, &a, 1, &clock).await;
    let taken = deliveries(&db.store, 9, &[], &clock).await;
    assert_eq!(taken.len(), 1, "only what came since");
    assert!(given_up.iter().all(|old| old.seq < taken[0].seq));
}

/// A sender dies with what it has: nobody else gets it before the lease ends, and then with another number.
#[tokio::test]
async fn an_attempt_whose_sender_died_is_made_again_after_its_lease_and_the_dead_ones_word_counts_no_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let first = deliveries(&db.store, 9, &[], &clock).await[0];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::finish_delivery(&mut tx, &first, &TAKEN, &clock).await.unwrap();
    kill_transactions(&db).await;
    assert!(tx.commit().await.is_err());
    clock.advance(LEASE - Duration::from_millis(1));
    assert!(deliveries(&db.store, 9, &[], &clock).await.is_empty());
    clock.advance(Duration::from_millis(1));
    let second = deliveries(&db.store, 9, &[], &clock).await[0];
    assert_eq!((second.seq, second.number(), second.tries()), (first.seq, 2, 2));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::finish_delivery(&mut tx, &first, &FAILED, &clock).await.unwrap();
    hooks::postpone_delivery(&mut tx, &first, &FAILED, clock.utc()).await.unwrap();
    let waiting = &told(&mut tx, a.webhook).await[0];
    assert_eq!((waiting.state, &waiting.error, waiting.answer_status), (DeliveryState::Waiting, &None, None));
    hooks::finish_delivery(&mut tx, &second, &FAILED, &clock).await.unwrap();
    let given_up = &told(&mut tx, a.webhook).await[0];
    assert_eq!((given_up.state, given_up.answer_status), (DeliveryState::GivenUp, Some(500)));
    assert_eq!(given_up.error.as_deref(), Some("500 nul \u{fffd}"));
    // What is done stays as it was done, whatever is said of it later.
    hooks::finish_delivery(&mut tx, &second, &TAKEN, &clock).await.unwrap();
    assert_eq!(told(&mut tx, a.webhook).await[0].state, DeliveryState::GivenUp);
    // Wanted again it is as good as new.
    let again = hooks::replay(&mut tx, a.webhook, second.seq, &clock).await.unwrap().unwrap();
    assert_eq!((again.state, again.attempts, again.error), (DeliveryState::Waiting, 0, None));
    assert!(hooks::replay(&mut tx, a.webhook, 1_000, &clock).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let third = deliveries(&db.store, 9, &[], &clock).await[0];
    assert_eq!((third.number(), third.tries()), (3, 1));
}

#[tokio::test]
async fn a_new_secret_signs_what_was_waiting_and_a_deleted_webhook_is_gone_with_what_waited() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let claim = deliveries(&db.store, 9, &[], &clock).await[0];
    let (fresh, url) = (secret("fresh secret"), "https://example.com/new");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let change = WebhookChange { secret: Some(&fresh), url: Some(url), ..WebhookChange::default() };
    let changed = hooks::update(&mut tx, a.webhook, &change, &clock).await.unwrap();
    assert_eq!((changed.url.as_str(), changed.header.as_str()), (url, "x-secret"));
    let outgoing = hooks::open_delivery(&mut tx, a.webhook, claim.seq, &clock).await.unwrap().unwrap();
    assert_eq!((outgoing.secret.expose().as_str(), outgoing.url.as_str()), ("fresh secret", url));
    assert_eq!((outgoing.signed_at, outgoing.kind), (clock.utc(), WebhookKind::N8n));
    tx.commit().await.unwrap();
    let shown: String = b"fresh secret".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!db.contents(a.account).await["webhooks"].to_string().contains(&shown), "it is sealed");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::delete(&mut tx, a.webhook).await.unwrap();
    assert!(matches!(hooks::delete(&mut tx, a.webhook).await, Err(ChangeError::NotFound)));
    tx.commit().await.unwrap();
    let contents = db.contents(a.account).await;
    for table in ["webhooks", "webhook_deliveries", "delivery_queues"] {
        assert_eq!(contents[table], serde_json::json!([]), "{table}");
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::finish_delivery(&mut tx, &claim, &TAKEN, &clock).await.unwrap();
    assert_eq!(hooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap().failures, 0);
    tx.commit().await.unwrap();
    say(&db, &a, 1, &clock).await;
    assert!(deliveries(&db.store, 9, &[], &clock).await.is_empty());
}

#[tokio::test]
async fn failures_count_until_one_success_and_are_told_with_the_webhook() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let since = clock.utc();
    for count in 1..=3 {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let failing = hooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap();
        assert_eq!((failing.failures, failing.since), (count, since), "since the first");
        tx.commit().await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(hooks::find(&mut tx, a.webhook).await.unwrap().unwrap().failing_since, Some(since));
    hooks::pause_until(&mut tx, a.webhook, clock.utc() + LEASE).await.unwrap();
    hooks::note_success(&mut tx, a.webhook).await.unwrap();
    assert_eq!(hooks::find(&mut tx, a.webhook).await.unwrap().unwrap().failing_since, None);
    let failing = hooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap();
    assert_eq!((failing.failures, failing.since), (1, clock.utc()));
    tx.commit().await.unwrap();
    assert_eq!(deliveries(&db.store, 9, &[], &clock).await.len(), 1, "the success ended the hold");
}
