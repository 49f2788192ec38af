//! Transactions that touch the same queues wait for each other, but never in a circle.

use crate::fixture::{Tenant, receive, said, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::WebhookId,
};
use std::time::Duration;
use store::{
    TenantTx, rooms,
    system::{ClaimedDelivery, Shares, Turn},
    testing::TestDatabase,
    webhooks::{self, Attempt, EventName, NewWebhook, WebhookKind},
};
use tokio::time::timeout;

/// How long something may take that nobody tells of. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(120);

const LEASE: Duration = Duration::from_secs(30);

/// Another webhook of the account, that is told of customers' messages too.
async fn second_webhook(db: &TestDatabase, a: &Tenant, clock: &ManualClock) -> WebhookId {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let webhook = NewWebhook {
        kind: WebhookKind::N8n,
        url: "http://n8n.example/second",
        header: "x-secret",
        secret: &crate::fixture::secret("n8n"),
        events: &[EventName::MessageCreated],
    };
    let id = webhooks::create(&mut tx, &webhook, clock).await.unwrap().id;
    tx.commit().await.unwrap();
    id
}

/// Everything that waits is under way: queues are to be looked at when leases end.
async fn take_all(db: &TestDatabase, clock: &ManualClock) -> Vec<ClaimedDelivery> {
    let turn = Turn { limit: 64, lease: LEASE, shares: Shares::new(32, 64), freed: &[], under_way: &[] };
    db.store.system().claim_deliveries(&turn, clock).await.unwrap().work
}

/// The end of what began with noting the failure.
async fn postpone(mut tx: TenantTx, failed: ClaimedDelivery, clock: &ManualClock) {
    let attempt = Attempt { answer_status: Some(500), error: Some("500") };
    let due_at = clock.utc() + Duration::from_secs(1);
    webhooks::postpone_delivery(&mut tx, &failed, &attempt, due_at).await.unwrap();
    tx.commit().await.unwrap();
}

/// Each webhook is once the one whose attempt failed, so one of them is told last whatever the order.
#[tokio::test]
async fn a_message_is_stored_while_a_delivery_of_one_of_its_webhooks_fails() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let second = second_webhook(&db, &a, &clock).await;
    for (number, webhook) in [a.webhook, second].into_iter().enumerate() {
        receive(&db, a.account, a.channel, &format!("wamid.before.{number}"), &clock).await;
        let taken = take_all(&db, &clock).await;
        let failed = *taken.iter().find(|claim| claim.webhook == webhook).unwrap();
        let mut failing = db.store.tenant(a.account).await.unwrap();
        webhooks::note_failure(&mut failing, webhook, &clock).await.unwrap();
        let meanwhile = format!("wamid.meanwhile.{number}");
        tokio::join!(receive(&db, a.account, a.channel, &meanwhile, &clock), async {
            db.until_one_waits().await;
            postpone(failing, failed, &clock).await;
        });
        assert_eq!(take_all(&db, &clock).await.len(), 2, "both webhooks are told of it");
        clock.advance(LEASE * 2);
        take_all(&db, &clock).await;
    }
}

#[tokio::test]
async fn a_webhook_is_deleted_while_a_delivery_of_it_fails() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let failed = take_all(&db, &clock).await[0];
    let mut failing = db.store.tenant(a.account).await.unwrap();
    webhooks::note_failure(&mut failing, a.webhook, &clock).await.unwrap();
    let delete = async {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        webhooks::delete(&mut tx, a.webhook).await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(delete, async {
        db.until_one_waits().await;
        postpone(failing, failed, &clock).await;
    });
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(webhooks::find(&mut tx, a.webhook).await.unwrap().is_none());
}

/// Its machine has no power, or is cut off: its end of the connection says nothing more, and nobody says so to Postgres.
#[tokio::test]
async fn a_room_is_free_again_after_an_instance_that_wrote_to_it_has_fallen_silent() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut silent = db.store.tenant(a.account).await.unwrap();
    rooms::send(&mut silent, &said(a.room, a.user, "never committed"), &clock).await.unwrap().unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let next = said(a.room, a.user, "by another instance");
    let sent = timeout(PATIENCE, rooms::send(&mut tx, &next, &clock)).await.expect("the room is free");
    sent.unwrap().unwrap();
    tx.commit().await.unwrap();
    // Where it goes on after all, it finds out, and may try again.
    let late = rooms::send(&mut silent, &said(a.room, a.user, "too late"), &clock).await.unwrap_err();
    assert!(late.is_away(), "{late:?}");
}
