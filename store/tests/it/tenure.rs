//! Which instance runs a call: one at a time, and none is written for by one that did before.

use crate::fixture::{new_call, owner, tenant};
use common::{
    clock::Clock,
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
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
    assert!(calls::answer(&mut tx, first, a.user, phone, &clock).await.unwrap());
    assert!(calls::answer(&mut tx, first, a.user, phone, &clock).await.unwrap(), "once more changes nothing");
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
    assert_eq!(open.parties.iter().map(|party| party.device).collect::<Vec<_>>(), [Some(phone)]);
    assert_eq!((open.started_at, open.media), (started_at, Media::Video));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(!calls::answer(&mut tx, first, a.user, call.device, &clock).await.unwrap());
    assert!(!calls::move_to(&mut tx, first, a.user, phone).await.unwrap());
    assert!(calls::end(&mut tx, first, EndReason::Cancelled, &clock).await.unwrap().is_none());
    let standing = calls::standing(&mut tx, call.id, a.user).await.unwrap().unwrap();
    assert_eq!((standing.runner, standing.tenure), (Some(*node), open.tenure));
    let own = standing.own.unwrap();
    assert_eq!((own.device, own.outcome, standing.outcome), (Some(phone), None, None));
    assert!(calls::end(&mut tx, open.tenure, EndReason::HungUp, &clock).await.unwrap().is_some());
    assert!(calls::end(&mut tx, open.tenure, EndReason::Lost, &clock).await.unwrap().is_some());
    let standing = calls::standing(&mut tx, call.id, a.user).await.unwrap().unwrap();
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
    // Of one moment, they are in no order.
    tenures.sort_by_key(|tenure| tenure.call);
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

/// Each is recorded as far as they came: who was in it, who missed it, and who was rung in vain when it ended.
#[tokio::test]
async fn everybody_who_is_rung_into_a_call_is_recorded_with_an_outcome_of_their_own() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let [ben, carl, dora] = [(); 3].map(|()| UserId::generate(&clock));
    let [phone, tablet] = [(); 2].map(|()| ConnectionId::generate(&clock));
    let call = calls::NewCall { callee: ben, ..new_call(CallId::generate(&clock), a.room, a.user, &clock) };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
    assert!(calls::answer(&mut tx, tenure, ben, phone, &clock).await.unwrap());
    let wait = || clock.advance(Duration::from_secs(10));
    for (user, by) in [(carl, ben), (dora, a.user)] {
        wait();
        assert!(calls::invite(&mut tx, tenure, user, (by, user == dora), &clock).await.unwrap());
    }
    assert!(calls::leave(&mut tx, tenure, carl, EndReason::Missed, &clock).await.unwrap().is_some());
    wait();
    assert!(calls::leave(&mut tx, tenure, ben, EndReason::HungUp, &clock).await.unwrap().is_some());
    let ben_left = clock.utc();
    assert!(calls::move_to(&mut tx, tenure, a.user, tablet).await.unwrap());
    let node = NodeId::generate(&clock);
    let open = calls::take_over(&mut tx, tenure, node).await.unwrap().unwrap();
    let seen = open.parties.iter().map(|party| (party.user, party.device, party.outcome, party.is_transfer));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (a.user, Some(tablet), None, false),
            (ben, Some(phone), Some(EndReason::HungUp), false),
            (carl, None, Some(EndReason::Missed), false),
            (dora, None, None, true),
        ]
    );
    let before = [
        calls::invite(&mut tx, tenure, carl, (ben, false), &clock).await.unwrap(),
        calls::leave(&mut tx, tenure, dora, EndReason::Missed, &clock).await.unwrap().is_some(),
    ];
    assert_eq!(before, [false; 2], "who ran it before writes nothing more");
    wait();
    assert!(calls::end(&mut tx, open.tenure, EndReason::HungUp, &clock).await.unwrap().is_some());
    let record = calls::find(&mut tx, call.id).await.unwrap().unwrap();
    let seen = record.participants.iter().map(|part| (part.user_id, part.left_at, part.outcome.as_deref()));
    let end = Some(clock.utc());
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (a.user, end, Some("hungUp")),
            (ben, Some(ben_left), Some("hungUp")),
            (carl, None, Some("missed")),
            (dora, None, Some("cancelled")),
        ]
    );
    assert!(calls::list(&mut tx, Some(a.room), None, 10).await.unwrap().contains(&record));
    let own = calls::standing(&mut tx, call.id, carl).await.unwrap().unwrap().own.unwrap();
    assert_eq!((own.device, own.outcome), (None, Some(EndReason::Missed)));
    let stranger = calls::standing(&mut tx, call.id, UserId::generate(&clock)).await.unwrap().unwrap();
    assert_eq!(stranger.own, None);
}

#[tokio::test]
async fn where_a_call_is_handed_over_to_is_known_to_who_takes_it_over_and_to_its_record() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let [ben, carl, dora] = [(); 3].map(|()| UserId::generate(&clock));
    let call = calls::NewCall { callee: ben, ..new_call(CallId::generate(&clock), a.room, a.user, &clock) };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
    for user in [carl, dora] {
        assert!(calls::invite(&mut tx, tenure, user, (a.user, false), &clock).await.unwrap());
    }
    for user in [ben, carl] {
        let device = ConnectionId::generate(&clock);
        assert!(calls::answer(&mut tx, tenure, user, device, &clock).await.unwrap());
    }
    let room = RoomId::generate(&clock);
    let until = clock.utc() + Duration::from_secs(20);
    let to = |room, awaited| calls::Transfer { by: a.user, room, awaited, until };
    assert!(calls::note_transfer(&mut tx, tenure, Some(&to(room, vec![ben, carl]))).await.unwrap());
    assert!(calls::note_transfer(&mut tx, tenure, Some(&to(room, vec![ben]))).await.unwrap());
    assert!(calls::leave(&mut tx, tenure, ben, EndReason::Transferred, &clock).await.unwrap().is_some());
    let node = NodeId::generate(&clock);
    let open = calls::take_over(&mut tx, tenure, node).await.unwrap().unwrap();
    assert_eq!(open.transfer, Some(to(room, vec![ben])), "Carl has said that she cannot go");
    assert!(!calls::note_transfer(&mut tx, tenure, None).await.unwrap(), "by who ran it before");
    // Carl could not go there; she hands him over once more, and Dora has not picked up.
    assert!(calls::note_transfer(&mut tx, open.tenure, None).await.unwrap());
    let again = calls::take_over(&mut tx, open.tenure, node).await.unwrap().unwrap();
    assert_eq!(again.transfer, None);
    let other = RoomId::generate(&clock);
    assert!(calls::note_transfer(&mut tx, again.tenure, Some(&to(other, vec![carl]))).await.unwrap());
    let missed = calls::end(&mut tx, again.tenure, EndReason::Transferred, &clock).await.unwrap().unwrap();
    assert_eq!(missed.iter().map(|entry| entry.user).collect::<Vec<_>>(), [dora]);
    let record = calls::find(&mut tx, call.id).await.unwrap().unwrap();
    let seen = record.participants.iter();
    let seen = seen.map(|part| (part.user_id, part.outcome.as_deref(), part.transferred_to));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (a.user, Some("transferred"), Some(other)),
            (ben, Some("transferred"), Some(room)),
            (carl, Some("transferred"), Some(other)),
            (dora, Some("cancelled"), None),
        ]
    );
}
