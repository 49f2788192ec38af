//! What people are notified of: queued with its cause, one for each topic, and judged when it is sent.

use crate::fixture::{Tenant, message, new_call, revised, said, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::{CallId, UserId},
    protocol::{call::EndReason, room::RoomMessage},
    secret::Secret,
    token::Role,
};
use std::time::Duration;
use store::{
    TenantTx, calls,
    notifications::{
        self, About, NewSubscription, Notice, NoticeKind, Outgoing, PushKeys, SUBSCRIPTIONS_MAX, Target,
    },
    rooms::{self, Position},
    system::ClaimedNotification,
    testing::TestDatabase,
    users,
};

const LEASE: Duration = Duration::from_secs(20);

async fn subscribe(tx: &mut TenantTx, user: UserId, byte: u8, clock: &ManualClock) {
    let secret = Secret::new(format!("device {byte}"));
    let new = NewSubscription {
        user,
        sign_in: None,
        endpoint_sha256: [byte; 32],
        service: "push.example",
        secret: &secret,
    };
    notifications::subscribe(tx, &new, clock).await.unwrap();
}

/// Somebody of the account with a device.
async fn with_device(db: &TestDatabase, a: &Tenant, byte: u8, clock: &ManualClock) -> UserId {
    let user = UserId::generate(clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    users::create_if_absent(&mut tx, user, "Ben", Role::User, clock).await.unwrap();
    subscribe(&mut tx, user, byte, clock).await;
    tx.commit().await.unwrap();
    user
}

async fn claim(db: &TestDatabase, clock: &ManualClock) -> Vec<ClaimedNotification> {
    db.store.system().claim_notifications(100, &[], LEASE, clock).await.unwrap()
}

async fn queue(db: &TestDatabase, a: &Tenant, user: UserId, about: About, clock: &ManualClock) {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let notice = Notice { user, about, from: a.user, name: "a".to_owned(), room: a.room };
    notifications::queue(&mut tx, &[notice], clock).await.unwrap();
    tx.commit().await.unwrap();
}

async fn open(db: &TestDatabase, claim: &ClaimedNotification, clock: &ManualClock) -> Option<Outgoing> {
    let mut tx = db.store.tenant(claim.account).await.unwrap();
    notifications::open(&mut tx, claim, clock).await.unwrap()
}

async fn finish(db: &TestDatabase, claim: &ClaimedNotification, was_sent: bool, clock: &ManualClock) {
    let mut tx = db.store.tenant(claim.account).await.unwrap();
    notifications::finish(&mut tx, claim, was_sent, clock).await.unwrap();
    tx.commit().await.unwrap();
}

async fn delete(db: &TestDatabase, a: &Tenant, seq: u64, clock: &ManualClock) {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let there = message(&mut tx, a.room, seq).await;
    let gone = RoomMessage { text: String::new(), deleted_at: Some(clock.utc()), ..there };
    rooms::revise(&mut tx, &[revised(a.room, gone)]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn messages_of_a_room_gather_and_come_no_more_often_than_after_a_while() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let ben = with_device(&db, &a, 1, &clock).await;
    for _ in 0..3 {
        queue(&db, &a, ben, About::Mention(1), &clock).await;
        clock.advance(Duration::from_millis(900));
    }
    assert!(claim(&db, &clock).await.is_empty(), "who reads on another device meanwhile is not disturbed");
    clock.advance(Duration::from_millis(400));
    let claims = claim(&db, &clock).await;
    let [first] = &claims[..] else { panic!("{claims:?}") };
    let notice = open(&db, first, &clock).await.unwrap();
    assert_eq!((notice.kind, notice.message_seq, notice.name.as_str()), (NoticeKind::Mention, Some(1), "a"));
    let Target::Push(device) = &notice.target else { panic!("{:?}", notice.target) };
    assert_eq!(device.expose(), "device 1");
    finish(&db, first, true, &clock).await;
    queue(&db, &a, ben, About::Mention(1), &clock).await;
    clock.advance(Duration::from_secs(29));
    assert!(claim(&db, &clock).await.is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(claim(&db, &clock).await.len(), 1);
}

#[tokio::test]
async fn a_calls_end_takes_the_place_of_its_ringing_and_only_where_that_may_be_shown() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let ben = with_device(&db, &a, 1, &clock).await;
    for (is_claimed, outcome, expected) in [
        (true, EndReason::Rejected, Some(NoticeKind::CallEnded)),
        (false, EndReason::Rejected, None),
        (true, EndReason::Missed, Some(NoticeKind::CallMissed)),
        (false, EndReason::Cancelled, Some(NoticeKind::CallMissed)),
    ] {
        let call =
            calls::NewCall { callee: ben, ..new_call(CallId::generate(&clock), a.room, a.user, &clock) };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
        calls::notify_rung(&mut tx, call.id, ben, Duration::from_secs(45), &clock).await.unwrap();
        tx.commit().await.unwrap();
        let ring = if is_claimed { claim(&db, &clock).await.pop() } else { None };
        if let Some(ring) = &ring {
            assert_eq!(open(&db, ring, &clock).await.unwrap().kind, NoticeKind::CallIncoming);
        }
        let mut tx = db.store.tenant(a.account).await.unwrap();
        calls::end(&mut tx, tenure, outcome, &clock).await.unwrap();
        tx.commit().await.unwrap();
        // The sender of the ringing says only now that it is done: what took its place waits on.
        if let Some(ring) = &ring {
            assert!(open(&db, ring, &clock).await.is_none());
            finish(&db, ring, true, &clock).await;
        }
        let end = claim(&db, &clock).await.pop();
        let Some(end) = end else {
            assert_eq!(expected, None, "{outcome:?}");
            continue;
        };
        let notice = open(&db, &end, &clock).await.unwrap();
        assert_eq!((Some(notice.kind), notice.is_shown, notice.call), (expected, is_claimed, Some(call.id)));
        finish(&db, &end, true, &clock).await;
    }
    // Nobody is called back to a call that does not ring any more.
    queue(&db, &a, ben, About::Ring(CallId::generate(&clock), Duration::from_secs(45)), &clock).await;
    clock.advance(Duration::from_secs(45));
    let late = claim(&db, &clock).await;
    assert!(open(&db, &late[0], &clock).await.is_none());
}

#[tokio::test]
async fn nobody_is_notified_of_what_they_have_read_or_may_not_know_any_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let ben = with_device(&db, &a, 1, &clock).await;
    queue(&db, &a, ben, About::Mention(1), &clock).await;
    clock.advance(Duration::from_secs(3));
    let taken = claim(&db, &clock).await.pop().unwrap();
    assert!(open(&db, &taken, &clock).await.is_some());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    rooms::ban(&mut tx, a.room, ben, &clock).await.unwrap();
    assert!(notifications::open(&mut tx, &taken, &clock).await.unwrap().is_none(), "banned");
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let change = users::UserChange { active: Some(false), ..users::UserChange::default() };
    users::update(&mut tx, ben, &change, &clock).await.unwrap();
    assert!(notifications::open(&mut tx, &taken, &clock).await.unwrap().is_none(), "deactivated");
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    rooms::read_to(&mut tx, &[Position { room: a.room, user: ben, seq: 1 }]).await.unwrap();
    assert!(notifications::open(&mut tx, &taken, &clock).await.unwrap().is_none(), "read");
    drop(tx);
    assert!(open(&db, &taken, &clock).await.is_some(), "all of that was undone");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    notifications::forget_target(&mut tx, &taken).await.unwrap();
    assert!(notifications::list(&mut tx, ben).await.unwrap().is_empty());
    assert!(!notifications::reach(&mut tx, ben, &clock).await.unwrap());
    tx.commit().await.unwrap();
    clock.advance(LEASE);
    let again = claim(&db, &clock).await.pop().unwrap();
    assert!(open(&db, &again, &clock).await.is_none(), "there is nothing to send it to");
}

#[tokio::test]
async fn of_what_was_deleted_nobody_is_notified_but_of_what_came_before_unless_they_were() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let ben = with_device(&db, &a, 1, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut seqs = Vec::new();
    for (user, text) in [(a.user, "one"), (a.user, "two"), (ben, "mine"), (a.user, "three")] {
        let sent = rooms::send(&mut tx, &said(a.room, user, text), &clock).await.unwrap().unwrap();
        seqs.push(sent.message.seq);
    }
    tx.commit().await.unwrap();
    let [one, two, _, three] = seqs[..] else { panic!("{seqs:?}") };
    for seq in [one, two, three] {
        queue(&db, &a, ben, About::Message(seq), &clock).await;
    }
    clock.advance(Duration::from_secs(3));
    let taken = claim(&db, &clock).await.pop().unwrap();
    let shown = async |claim| open(&db, claim, &clock).await.map(|notice| (notice.message_seq, notice.text));
    assert_eq!(shown(&taken).await, Some((Some(three), Some("three".to_owned()))));
    delete(&db, &a, three, &clock).await;
    assert_eq!(shown(&taken).await, Some((Some(two), Some("two".to_owned()))));
    finish(&db, &taken, true, &clock).await;

    queue(&db, &a, ben, About::Message(three), &clock).await;
    clock.advance(Duration::from_secs(30));
    let taken = claim(&db, &clock).await.pop().unwrap();
    assert_eq!(shown(&taken).await, None, "they were notified of the room");
}

#[tokio::test]
async fn what_is_taken_is_taken_by_one_and_comes_back_after_its_lease_whoevers_accounts_are_busy() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    for (tenant, byte) in [(&a, 1), (&b, 2)] {
        let user = with_device(&db, tenant, byte, &clock).await;
        for _ in 0..5 {
            queue(&db, tenant, user, About::Missed(CallId::generate(&clock)), &clock).await;
        }
    }
    let system = db.store.system();
    let of_b = system.claim_notifications(100, &[a.account], LEASE, &clock).await.unwrap();
    assert!(of_b.len() == 5 && of_b.iter().all(|claim| claim.account == b.account));
    let (one, other) = tokio::join!(claim(&db, &clock), claim(&db, &clock));
    assert_eq!(one.len() + other.len(), 5);
    clock.advance(LEASE);
    let again = claim(&db, &clock).await;
    assert!(again.len() == 10 && again.iter().all(|claim| claim.attempt == 2));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let theirs = ClaimedNotification { account: a.account, ..of_b[0] };
    assert!(notifications::open(&mut tx, &theirs, &clock).await.unwrap().is_none(), "another account's");
    notifications::forget_target(&mut tx, &theirs).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        open(&db, &again.iter().copied().find(|claim| claim.account == b.account).unwrap(), &clock)
            .await
            .is_some()
    );
}

#[tokio::test]
async fn a_user_has_so_many_devices_an_endpoint_is_one_and_an_accounts_key_stays() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (ben, carl) = (UserId::generate(&clock), UserId::generate(&clock));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for byte in 0..30 {
        clock.advance(Duration::from_millis(1));
        subscribe(&mut tx, ben, byte, &clock).await;
    }
    let kept = notifications::list(&mut tx, ben).await.unwrap();
    assert_eq!(kept.len(), usize::try_from(SUBSCRIPTIONS_MAX).unwrap());
    subscribe(&mut tx, carl, 29, &clock).await;
    assert_eq!(
        notifications::list(&mut tx, ben).await.unwrap(),
        kept[1..],
        "the browser is somebody else's now"
    );
    assert!(!notifications::delete(&mut tx, carl, kept[1].id).await.unwrap());
    assert!(notifications::delete(&mut tx, ben, kept[1].id).await.unwrap());
    let keys = |text: &str| PushKeys { public_key: text.into(), private_key: Secret::new(text.to_owned()) };
    for text in ["one", "two"] {
        notifications::insert_keys(&mut tx, &keys(text), &clock).await.unwrap();
    }
    let kept = notifications::keys(&mut tx).await.unwrap().unwrap();
    assert_eq!((kept.public_key.as_slice(), kept.private_key.expose().as_str()), (b"one".as_slice(), "one"));
}
