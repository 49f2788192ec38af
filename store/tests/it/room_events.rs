//! Events of rooms: written once for whoever asks, each with its deliveries, and never another account's.

use crate::fixture::{Tenant, secret, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::{ConnectionId, NodeId, RoomId, UserId, WebhookId},
    session_record::{ParticipantRecord, SessionRecord, SessionReport, SessionStanding},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::{
    TenantTx, privacy,
    room_events::{self, GRACE},
    testing::TestDatabase,
    webhooks::{self as hooks, EventName, NewWebhook, WebhookChange, WebhookKind, WebhookSubject},
};

/// A webhook that is told of everything about rooms.
pub(crate) async fn told_of_rooms(tx: &mut TenantTx, clock: &dyn Clock) -> WebhookId {
    let secret = secret("whsec_1");
    let new = NewWebhook {
        kind: WebhookKind::Standard,
        url: "https://example.com/",
        header: "",
        secret: &secret,
        events: &[EventName::RoomStarted, EventName::ParticipantJoined, EventName::RoomEnded],
    };
    hooks::create(tx, &new, clock).await.unwrap().id
}

/// A call in the room with one participant.
pub(crate) fn call(tenant: &Tenant, clock: &dyn Clock) -> SessionReport {
    let participant = ParticipantRecord {
        user_id: UserId::generate(clock),
        name: "Ada".to_owned(),
        joined_at: clock.utc(),
        tracks: Vec::new(),
    };
    let participants = BTreeMap::from([(ConnectionId::generate(clock), participant)]);
    let session = SessionRecord { started_at: clock.utc(), participants };
    SessionReport {
        account: tenant.account,
        room: tenant.room,
        started_at: clock.utc(),
        facts: Vec::new(),
        standing: SessionStanding::GoesOn(session),
    }
}

async fn tell(db: &TestDatabase, news: &SessionReport, node: NodeId, clock: &ManualClock) {
    let mut tx = db.store.tenant(news.account).await.unwrap();
    room_events::tell(&mut tx, node, std::slice::from_ref(news), clock).await.unwrap();
    tx.commit().await.unwrap();
}

async fn told(db: &TestDatabase, a: &Tenant, webhook: WebhookId) -> Vec<(u64, &'static str)> {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut deliveries = hooks::deliveries(&mut tx, webhook, None, 99).await.unwrap();
    deliveries.reverse();
    deliveries.iter().map(|one| (one.seq, one.event.name())).collect()
}

async fn hook(db: &TestDatabase, a: &Tenant, clock: &ManualClock) -> WebhookId {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let webhook = told_of_rooms(&mut tx, clock).await;
    tx.commit().await.unwrap();
    webhook
}

#[tokio::test]
async fn a_webhook_of_rooms_is_told_what_it_asks_for_with_numbers_of_their_own_and_nothing_twice() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let system = db.store.system();
    assert!(system.told_of_rooms(&[a.account]).await.unwrap().is_empty());
    let webhook = hook(&db, &a, &clock).await;
    assert!(system.told_of_rooms(&[a.account]).await.unwrap().contains(&a.account));
    let node = NodeId::generate(&clock);
    let news = call(&a, &clock);
    for _ in 0..2 {
        tell(&db, &news, node, &clock).await;
    }
    let over = SessionReport { standing: SessionStanding::Over(clock.utc()), ..news };
    for _ in 0..2 {
        tell(&db, &over, node, &clock).await;
    }
    // Who has left it does not ask for.
    assert_eq!(
        told(&db, &a, webhook).await,
        [(1, "roomStarted"), (2, "participantJoined"), (3, "roomEnded")]
    );
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let found = hooks::find(&mut tx, webhook).await.unwrap().unwrap();
    assert_eq!(found.subject, WebhookSubject::Rooms);
    let delivery = hooks::open_delivery(&mut tx, webhook, 1, &clock).await.unwrap().unwrap();
    assert_eq!((delivery.event.seq, delivery.event.event.name()), (1, "roomStarted"));
    let inbox = hooks::deliveries(&mut tx, a.webhook, None, 9).await.unwrap();
    assert_eq!(inbox.iter().map(|one| one.event.name()).collect::<Vec<_>>(), ["messageCreated"]);
    drop(tx);
    let off = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::update(&mut tx, webhook, &off, &clock).await.unwrap();
    tx.commit().await.unwrap();
    tell(&db, &call(&a, &clock), node, &clock).await;
    assert_eq!(told(&db, &a, webhook).await.len(), 3);
}

/// Who begins to listen, or does so again, is told of the calls that go on from their beginning.
#[tokio::test]
async fn a_session_of_which_nobody_was_told_is_found_and_whoever_stops_listening_is_as_one_who_never_did() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let [node, next] = [NodeId::generate(&clock), NodeId::generate(&clock)];
    let going = [(a.account, a.room), (b.account, b.room)];
    let untold = async |node| db.store.system().untold_sessions(node, &going).await.unwrap();
    assert!(untold(node).await.is_empty(), "nobody asks");
    let news = call(&a, &clock);
    tell(&db, &news, node, &clock).await;
    let webhook = hook(&db, &a, &clock).await;
    let room = BTreeSet::from([a.room]);
    assert_eq!(untold(node).await, room, "that was before");
    tell(&db, &news, node, &clock).await;
    assert!(untold(node).await.is_empty());
    assert_eq!(untold(next).await, room, "it is another node's by now");
    assert_eq!(told(&db, &a, webhook).await.len(), 2);
    for enabled in [false, true] {
        let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        hooks::update(&mut tx, webhook, &change, &clock).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(untold(node).await, room);
    tell(&db, &news, node, &clock).await;
    let again = [(1, "roomStarted"), (2, "participantJoined"), (3, "roomStarted"), (4, "participantJoined")];
    assert_eq!(told(&db, &a, webhook).await, again);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    hooks::delete(&mut tx, webhook).await.unwrap();
    tx.commit().await.unwrap();
    hook(&db, &a, &clock).await;
    assert_eq!(untold(node).await, room);
}

#[tokio::test]
async fn a_session_that_nobody_confirms_is_found_and_ended_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let webhook = hook(&db, &a, &clock).await;
    let [dead, alive] = [NodeId::generate(&clock), NodeId::generate(&clock)];
    tell(&db, &call(&a, &clock), dead, &clock).await;
    let look = async |own, living: &[NodeId], rooms: &[RoomId]| {
        let found = db.store.system().lost_sessions(own, living, rooms, &clock).await.unwrap();
        found.iter().map(|one| (one.room, one.node)).collect::<Vec<_>>()
    };
    let lost = async || look(alive, &[alive], &[]).await;
    assert!(lost().await.is_empty(), "it has just begun");
    clock.advance(GRACE);
    assert_eq!(lost().await, [(a.room, dead)]);
    assert_eq!(look(alive, &[alive, dead], &[]).await, []);
    // It has not died, and knows of it, or not.
    assert_eq!(look(dead, &[alive, dead], &[a.room]).await, []);
    assert_eq!(look(dead, &[alive, dead], &[b.room]).await, [(a.room, dead)]);
    for (node, count) in [(alive, 2), (dead, 3), (dead, 3)] {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        room_events::expire(&mut tx, a.room, node, false, &clock).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(told(&db, &a, webhook).await.len(), count);
    }
    assert!(lost().await.is_empty());
}

#[tokio::test]
async fn events_of_rooms_are_one_accounts_alone_and_forgotten_in_time() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let (of_a, of_b) = (hook(&db, &a, &clock).await, hook(&db, &b, &clock).await);
    let node = NodeId::generate(&clock);
    tell(&db, &call(&b, &clock), node, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(hooks::open_delivery(&mut tx, of_b, 1, &clock).await.unwrap().is_none());
    assert!(hooks::replay(&mut tx, of_b, 1, &clock).await.unwrap().is_none());
    clock.advance(GRACE);
    room_events::expire(&mut tx, b.room, node, false, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told(&db, &b, of_b).await.len(), 2, "another's session is not ended");
    assert!(told(&db, &a, of_a).await.is_empty());
    // A room that is none of theirs is nothing to them, whatever a node says.
    let mistaken = SessionReport { room: RoomId::generate(&clock), ..call(&a, &clock) };
    tell(&db, &mistaken, node, &clock).await;
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let mut tx = db.store.tenant(b.account).await.unwrap();
    privacy::prune(&mut tx, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(told(&db, &b, of_b).await.is_empty());
    assert_eq!(told(&db, &a, of_a).await.len(), 2);
}
