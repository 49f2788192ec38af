//! Nothing that an account can do gives it more than its share of what is in flight.

use crate::{
    fair::{LEASE, deliveries, say, webhooks},
    fixture::{owner, tenant},
};
use common::{
    clock::{Clock, ManualClock},
    id::{AccountId, WebhookId},
};
use sqlx::query_scalar;
use std::time::Duration;
use store::{
    Store,
    system::{ClaimedDelivery, Shares, Turn},
    testing::TestDatabase,
    webhooks::{self as hooks, Attempt, FAILURES_MAX, WebhookChange},
};

const TAKEN: Attempt<'_> = Attempt { answer_status: Some(204), error: None };

/// Nothing is ever done here: what is taken hangs.
#[tokio::test]
async fn what_hangs_counts_however_often_it_is_wanted_again() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    say(&db, &a, 9, &clock).await;
    let hanging = deliveries(&db.store, 64, &[], &clock).await;
    assert_eq!(hanging.len(), 4);
    let freed = [(a.account, a.webhook)];
    for claim in &hanging {
        clock.advance(Duration::from_millis(40));
        let mut tx = db.store.tenant(a.account).await.unwrap();
        hooks::replay(&mut tx, a.webhook, claim.seq, &clock).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert!(deliveries(&db.store, 64, &freed, &clock).await.is_empty());
    }
    // Neither does it help to switch it off and on.
    for enabled in [false, true] {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let change = WebhookChange { enabled: Some(enabled), ..Default::default() };
        hooks::update(&mut tx, a.webhook, &change, &clock).await.unwrap();
        tx.commit().await.unwrap();
    }
    say(&db, &a, 5, &clock).await;
    assert!(deliveries(&db.store, 64, &freed, &clock).await.is_empty());

    // What was switched off stays done, but nobody has it any more.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::finish_delivery(&mut tx, &hanging[0], &TAKEN, &clock).await.unwrap();
    assert!(hooks::open_delivery(&mut tx, a.webhook, hanging[0].seq, &clock).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(deliveries(&db.store, 64, &freed, &clock).await.len(), 1);
}

async fn with_under_way(
    store: &Store,
    freed: &[(AccountId, WebhookId)],
    under_way: &[(AccountId, u16)],
    clock: &ManualClock,
) -> (Vec<ClaimedDelivery>, bool) {
    let turn = Turn { limit: 64, lease: LEASE, shares: Shares::new(4, 8), freed, under_way };
    let taken = store.system().claim_deliveries(&turn, clock).await.unwrap();
    (taken.work, taken.more)
}

#[tokio::test]
async fn what_a_sender_has_under_way_counts_although_its_webhook_is_gone() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let others = webhooks(&db, &a, 2, &clock).await;
    say(&db, &a, 4, &clock).await;
    let (hanging, _) = with_under_way(&db.store, &[], &[], &clock).await;
    assert_eq!(hanging.len(), 8);
    for gone in hanging.iter().map(|claim| claim.webhook) {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        // Those of it that are met again are deleted already.
        let _deleted = hooks::delete(&mut tx, gone).await;
        tx.commit().await.unwrap();
    }
    webhooks(&db, &a, 2, &clock).await;
    say(&db, &a, 4, &clock).await;
    let full = [(a.account, 8)];
    assert_eq!(with_under_way(&db.store, &[], &full, &clock).await, (Vec::new(), false));
    let freed = [(a.account, others[0])];
    let (two, _) = with_under_way(&db.store, &freed, &[(a.account, 6)], &clock).await;
    assert_eq!(two.len(), 2);
}

/// Each that ends asks for one more, naming the account that has all places: not that one gets it.
#[tokio::test]
async fn a_place_that_is_freed_goes_to_who_has_the_least_in_flight() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let mut tenants = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    tenants.sort_by_key(|tenant| tenant.account);
    // A tie would go to the lower id.
    let [busy, patient] = tenants;
    let mut owner = owner(&db).await;
    let idle = "DELETE FROM webhook_deliveries; UPDATE delivery_queues SET due_at = 'infinity';
                UPDATE delivery_accounts SET due_at = 'infinity'";
    sqlx::raw_sql(idle).execute(&mut owner).await.unwrap();
    webhooks(&db, &busy, 3, &clock).await;
    say(&db, &busy, 8, &clock).await;
    let mut under_way = deliveries(&db.store, 8, &[], &clock).await;
    assert_eq!(under_way.len(), 8);
    clock.advance(Duration::from_secs(1));
    say(&db, &patient, 8, &clock).await;
    let mut given = Vec::new();
    for _ in 0..4 {
        let ended = under_way.remove(0);
        let mut tx = db.store.tenant(ended.account).await.unwrap();
        hooks::finish_delivery(&mut tx, &ended, &TAKEN, &clock).await.unwrap();
        tx.commit().await.unwrap();
        let freed = [(ended.account, ended.webhook)];
        given.extend(deliveries(&db.store, 1, &freed, &clock).await.iter().map(|claim| claim.account));
    }
    assert_eq!(given, [patient.account; 4], "until both have as much");
}

#[tokio::test]
async fn what_waits_for_a_webhook_that_failed_for_too_long_is_given_up() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    say(&db, &a, 20, &clock).await;
    let hanging = deliveries(&db.store, 64, &[], &clock).await;
    clock.advance(Duration::from_secs(60));
    say(&db, &a, 1, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for _ in 0..FAILURES_MAX {
        hooks::note_failure(&mut tx, a.webhook, &clock).await.unwrap();
    }
    let before = clock.utc() - Duration::from_secs(45);
    assert_eq!(hooks::give_up_waiting(&mut tx, a.webhook, before, &clock).await.unwrap(), 17);
    assert_eq!(hooks::give_up_waiting(&mut tx, a.webhook, before, &clock).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let mut owner = owner(&db).await;
    let waiting = "SELECT count(*) FROM webhook_deliveries WHERE done_at IS NULL";
    let waiting: i64 = query_scalar(waiting).fetch_one(&mut owner).await.unwrap();
    assert_eq!(waiting, 5, "those in flight, and the latest");
    assert_eq!(hanging.len(), 4);
}
