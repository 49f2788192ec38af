//! What channels say, said twice, at once, in the wrong order or before anybody knows what it is about.

use crate::fixture::{Dice, Tenant, contact, kill_transactions, phone, tenant, text};
use common::{
    clock::{Clock, ManualClock},
    id::MessageId,
    protocol::inbox::{DeliveryStatus, InboxEvent},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    contacts::{self, Identity},
    conversations,
    messages::{self, NewReply, Received, StatusOutcome, StatusReport},
    outbox, raw_events,
    testing::TestDatabase,
};
use tokio::task::JoinSet;

async fn reply(db: &TestDatabase, a: &Tenant, clock: &ManualClock) -> MessageId {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let reply = NewReply { conversation: a.conversation, author: a.user, text: "yes" };
    let id = messages::reply(&mut tx, &reply, clock).await.unwrap().id;
    tx.commit().await.unwrap();
    id
}

async fn report(
    db: &TestDatabase,
    a: &Tenant,
    id: &str,
    status: DeliveryStatus,
    clock: &ManualClock,
) -> StatusOutcome {
    let report = StatusReport { channel: a.channel, external_id: id, status, error: None, at: clock.utc() };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let outcome = messages::apply_status(&mut tx, &report, clock).await.unwrap();
    tx.commit().await.unwrap();
    outcome
}

/// The first messages of a customer whom nobody knows yet, each several times, by workers who know nothing of each
/// other.
#[tokio::test]
async fn messages_of_a_stranger_that_come_many_times_at_once_make_one_contact_and_one_conversation() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let before = db.contents(a.account).await["contacts"].as_array().unwrap().len();
    let mut workers = JoinSet::new();
    for worker in 0..9 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        workers.spawn(async move {
            let (id, from) = (format!("wamid.s{}", worker % 3), [phone("4930111")]);
            let mut tx = store.tenant(a.account).await.unwrap();
            let received = messages::receive(&mut tx, &text(a.channel, &id, &from, &id, &*clock), &*clock)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            match received {
                Received::New { conversation, .. } => Some(conversation.id),
                Received::Duplicate => None,
            }
        });
    }
    let stored: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(stored.len(), 3, "each once");
    assert!(stored.windows(2).all(|pair| pair[0] == pair[1]));
    let contents = db.contents(a.account).await;
    assert_eq!(contents["contacts"].as_array().unwrap().len(), before + 1);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let conversation = conversations::find(&mut tx, stored[0]).await.unwrap().unwrap();
    assert_eq!(conversation.unread, 3);
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 5);
}

/// The provider tells what became of a message while the answer to sending it is still on its way.
#[tokio::test]
async fn a_report_and_the_answer_that_explains_it_may_cross_and_nothing_is_lost() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for round in 0..12 {
        let id = reply(&db, &a, &clock).await;
        let external_id = format!("wamid.x{round}");
        let sent = async {
            let mut tx = db.store.tenant(a.account).await.unwrap();
            messages::sent(&mut tx, id, &external_id, &clock).await.unwrap();
            tx.commit().await.unwrap();
        };
        tokio::join!(
            report(&db, &a, &external_id, DeliveryStatus::Read, &clock),
            sent,
            report(&db, &a, &external_id, DeliveryStatus::Delivered, &clock),
            report(&db, &a, &external_id, DeliveryStatus::Read, &clock)
        );
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let message = messages::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(message.status, DeliveryStatus::Read, "round {round}");
        assert!(message.sent_at.is_some() && message.delivered_at.is_some() && message.read_at.is_some());
    }
    let waiting = &db.contents(a.account).await["pending_statuses"];
    assert_eq!(waiting.as_array().unwrap().len(), 1, "the fixture's, which nobody explains: {waiting}");
}

/// Many messages, every kind of report, twice and in any order, at times that run backwards too.
#[tokio::test]
async fn a_message_never_goes_back_and_its_times_are_the_earliest_that_were_told() {
    use DeliveryStatus::{Delivered, Failed, Queued, Read, Sent};
    // In the order in which proof outweighs proof.
    const ORDER: [DeliveryStatus; 5] = [Queued, Sent, Failed, Delivered, Read];
    let rank = |status| ORDER.iter().position(|other| *other == status).unwrap();
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let start = clock.utc();
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let id = reply(&db, &a, &clock).await;
        let external_id = format!("wamid.t{seed}");
        let mut tx = db.store.tenant(a.account).await.unwrap();
        messages::sent(&mut tx, id, &external_id, &clock).await.unwrap();
        let mut status = Sent;
        let mut times = BTreeMap::from([(rank(Sent), clock.utc())]);
        for step in 0..14 {
            let told = *dice.pick(&[Sent, Delivered, Read, Failed]);
            let at = start + Duration::from_secs(u64::try_from(dice.below(100)).unwrap());
            let error = Some("131026: undeliverable");
            let report =
                StatusReport { channel: a.channel, external_id: &external_id, status: told, error, at };
            let before = outbox::last_seq(&mut tx).await.unwrap();
            let outcome = messages::apply_status(&mut tx, &report, &clock).await.unwrap();
            let advances = rank(told) > rank(status);
            status = if advances { told } else { status };
            times.entry(rank(told)).and_modify(|first| *first = at.min(*first)).or_insert(at);
            let message = messages::find(&mut tx, id).await.unwrap().unwrap();
            assert_eq!(message.status, status, "{seed} {step}");
            assert_eq!(message.error.is_some(), status == Failed, "{seed} {step}");
            let shown = [None, message.sent_at, message.failed_at, message.delivered_at, message.read_at];
            let expected: Vec<_> = (0..5).map(|rank| times.get(&rank).copied()).collect();
            assert_eq!(shown.to_vec(), expected, "{seed} {step}");
            let events = outbox::after(&mut tx, before, 9).await.unwrap();
            if advances {
                assert_eq!(outcome, StatusOutcome::Advanced(Box::new(message.clone())));
                assert_eq!(events[0].event, InboxEvent::MessageUpdated { message });
            } else {
                assert_eq!((outcome, events.len()), (StatusOutcome::Unchanged, 0));
            }
        }
        tx.commit().await.unwrap();
    }
}

/// Neither the message without the end of its event, nor the end of the event without the message.
#[tokio::test]
async fn a_worker_killed_between_a_message_and_the_end_of_its_event_has_done_nothing() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let claim = db.store.system().claim_raw_events(9, &clock).await.unwrap();
    let event = claim.events[0].id;
    let before = db.contents(a.account).await;
    let from = [phone("4930222")];
    let inbound = text(a.channel, "wamid.killed", &from, "hello", &clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    messages::receive(&mut tx, &inbound, &clock).await.unwrap();
    kill_transactions(&db).await;
    let finished = raw_events::finish(&mut tx, event, None, &clock).await;
    assert!(finished.unwrap_err().is_away(), "the same may work soon");
    drop(tx);
    assert_eq!(db.contents(a.account).await, before);
    // The worker's claim was a transaction too: another one has the event at once.
    drop(claim);
    let again = db.store.system().claim_raw_events(9, &clock).await.unwrap();
    assert_eq!(again.events.iter().map(|event| event.id).collect::<Vec<_>>(), [event]);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let received = messages::receive(&mut tx, &inbound, &clock).await.unwrap();
    assert!(matches!(received, Received::New { .. }));
    assert!(raw_events::finish(&mut tx, event, None, &clock).await.unwrap());
    assert!(!raw_events::finish(&mut tx, event, None, &clock).await.unwrap(), "once");
}

/// Part of a transaction is undone, as the worker does with one bad message of a webhook: the rest keeps its numbers.
#[tokio::test]
async fn what_is_undone_of_a_batch_leaves_no_gap_and_holds_nobody_up() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let from = [phone("4930333")];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mark = tx.mark().await.unwrap();
    messages::receive(&mut tx, &text(a.channel, "wamid.1a", &from, "x", &clock), &clock).await.unwrap();
    tx.undo(mark).await.unwrap();
    // The inbox was held since the mark, and is free again: who has it now is waited for.
    let mut other = db.store.tenant(a.account).await.unwrap();
    let theirs =
        messages::receive(&mut other, &text(a.channel, "wamid.2a", &from, "x", &clock), &clock).await;
    let commit = async {
        db.until_one_waits().await;
        other.commit().await.unwrap();
    };
    let mark = tx.mark().await.unwrap();
    let inbound = text(a.channel, "wamid.3a", &from, "y", &clock);
    let (ours, ()) = tokio::join!(messages::receive(&mut tx, &inbound, &clock), commit);
    tx.keep(mark).await.unwrap();
    let of = |received| match received {
        Received::New { conversation, .. } => conversation.id,
        Received::Duplicate => panic!("it is new"),
    };
    assert_eq!(of(ours.unwrap()), of(theirs.unwrap()), "they are the same customer's");
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let events = outbox::after(&mut tx, 0, 99).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn odd_names_and_a_clock_that_runs_ahead_do_no_harm() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let from = [Identity { scheme: "phone\0".to_owned(), value: "49\0 30".to_owned() }];
    let mut inbound = text(a.channel, "wamid.\0", &from, "\0", &clock);
    inbound.name = Some("  ");
    inbound.created_at = clock.utc() + Duration::from_secs(1_000_000);
    let Received::New { conversation, message } = messages::receive(&mut tx, &inbound, &clock).await.unwrap()
    else {
        panic!("it is new");
    };
    assert_eq!(conversation.contact.name, "49\u{fffd} 30", "who has no name is called by their number");
    assert_eq!(conversation.last_message_at, clock.utc(), "it is not on top for days");
    assert_eq!(message.created_at, inbound.created_at, "as the channel said");
    assert_eq!(messages::receive(&mut tx, &inbound, &clock).await.unwrap(), Received::Duplicate);
    inbound.external_id = "wamid.later";
    inbound.name = Some("Ada\0");
    inbound.created_at = clock.utc() - Duration::from_secs(1_000_000);
    messages::receive(&mut tx, &inbound, &clock).await.unwrap();
    let found = conversations::find(&mut tx, conversation.id).await.unwrap().unwrap();
    assert_eq!((found.contact.name.as_str(), found.unread), ("Ada\u{fffd}", 2));
    assert_eq!(found.last_message_at, clock.utc(), "it does not run backwards");
    let stranger = contact(&mut tx, "Nobody", &clock).await;
    assert!(contacts::identities(&mut tx, stranger, a.channel).await.unwrap().is_empty());
}
