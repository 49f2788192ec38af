//! Which instance runs a call: one at a time, and none is written for by one that did before.

use crate::fixture::{new_call, owner, tenant};
use common::{
    clock::Clock,
    id::{CallId, ConnectionId, NodeId},
    protocol::call::{EndReason, Media},
};
use sqlx::Executor;
use std::time::Duration;
use store::{
    calls::{self, Tenure},
    testing::TestDatabase,
};
use tokio::task::JoinSet;

#[tokio::test]
async fn of_many_who_take_a_call_over_one_does_and_whoever_ran_it_before_writes_nothing_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let call = new_call(CallId::generate(&clock), a.room, a.user, &clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let first = calls::start(&mut tx, &call, &clock).await.unwrap();
    let started_at = clock.utc();
    clock.advance(Duration::from_secs(3));
    let phone = ConnectionId::generate(&clock);
    assert!(calls::answer(&mut tx, first, phone, &clock).await.unwrap());
    assert!(calls::answer(&mut tx, first, phone, &clock).await.unwrap(), "once more changes nothing");
    tx.commit().await.unwrap();
    let nodes: Vec<NodeId> = (0..8).map(|_| NodeId::generate(&clock)).collect();
    let mut takers = JoinSet::new();
    for node in nodes {
        let (store, account) = (db.store.clone(), a.account);
        takers.spawn(async move {
            let mut tx = store.tenant(account).await.unwrap();
            let open = calls::take_over(&mut tx, first, node).await.unwrap();
            tx.commit().await.unwrap();
            open.map(|open| (node, open))
        });
    }
    let taken: Vec<_> = takers.join_all().await.into_iter().flatten().collect();
    let [(node, open)] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(open.tenure, Tenure { call: call.id, epoch: 1 });
    assert_eq!((open.caller_device, open.callee_device), (Some(call.device), Some(phone)));
    assert_eq!((open.started_at, open.media), (started_at, Media::Video));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(!calls::answer(&mut tx, first, call.device, &clock).await.unwrap());
    assert!(!calls::move_to(&mut tx, first, phone, None).await.unwrap());
    assert!(!calls::end(&mut tx, first, EndReason::Cancelled, &clock).await.unwrap());
    let standing = calls::standing(&mut tx, call.id).await.unwrap().unwrap();
    assert_eq!((standing.runner, standing.tenure), (Some(*node), open.tenure));
    assert_eq!((standing.callee_device, standing.outcome), (Some(phone), None));
    assert!(calls::end(&mut tx, open.tenure, EndReason::HungUp, &clock).await.unwrap());
    assert!(calls::end(&mut tx, open.tenure, EndReason::Lost, &clock).await.unwrap());
    let standing = calls::standing(&mut tx, call.id).await.unwrap().unwrap();
    assert_eq!(standing.outcome, Some(EndReason::HungUp), "the first outcome stays");
    assert_eq!(calls::take_over(&mut tx, open.tenure, *node).await.unwrap(), None, "it is over");
}

#[tokio::test]
async fn an_instance_that_stops_or_is_silent_is_gone_with_its_calls_and_one_that_beats_is_not() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let [beating, stopped, silent] = [(); 3].map(|()| NodeId::generate(&clock));
    let system = db.store.system();
    for node in [beating, stopped, silent] {
        system.beat(node).await.unwrap();
    }
    assert_eq!(system.silent_nodes().await.unwrap(), []);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut tenures = Vec::new();
    for _ in 0..3 {
        let call = new_call(CallId::generate(&clock), a.room, a.user, &clock);
        tenures
            .push(calls::start(&mut tx, &calls::NewCall { runner: silent, ..call }, &clock).await.unwrap());
    }
    let ended = new_call(CallId::generate(&clock), a.room, a.user, &clock);
    calls::note_busy(&mut tx, &calls::NewCall { runner: silent, ..ended }, &clock).await.unwrap();
    tx.commit().await.unwrap();
    system.stop_beating(stopped).await.unwrap();
    let longer =
        format!("UPDATE hub_nodes SET seen_at = seen_at - interval '2 minutes' WHERE id = '{silent}'");
    owner(&db).await.execute(sqlx::AssertSqlSafe(longer)).await.unwrap();
    let mut gone = system.silent_nodes().await.unwrap();
    gone.sort();
    let mut expected = [stopped, silent];
    expected.sort();
    assert_eq!(gone, expected);
    let first = system.calls_of(silent, None, 2).await.unwrap();
    let rest = system.calls_of(silent, first.last().map(|(_, tenure)| tenure.call), 2).await.unwrap();
    let all: Vec<_> = first.into_iter().chain(rest).collect();
    assert_eq!(all, tenures.into_iter().map(|tenure| (a.account, tenure)).collect::<Vec<_>>());
    for node in gone {
        system.forget_node(node).await.unwrap();
    }
    assert_eq!(system.silent_nodes().await.unwrap(), [silent], "not while it has calls");
    system.beat(silent).await.unwrap();
    assert_eq!(system.silent_nodes().await.unwrap(), [], "it lives after all");
}
