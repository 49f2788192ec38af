//! What is kept as it was: audit entries, calls, answers to requests, notes.

use crate::fixture::{Dice, kill_transactions, new_call, secret, tenant};
use common::{
    clock::Clock,
    id::{ActorId, ApiKeyId, CallId, ObjectId, RoomId, UserId},
    protocol::{call::EndReason, inbox::InboxEvent},
};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use std::{collections::BTreeSet, time::Duration};
use store::{
    ChangeError,
    audit::{self, Actor, AuditRecord, Filter, Object},
    calls::{self, NewCall},
    idempotency::{self, Answer, Claim, Keyed},
    notes, outbox, rooms,
    testing::TestDatabase,
};
use uuid::Uuid;

#[tokio::test]
async fn an_audit_entry_can_neither_be_changed_nor_deleted_by_either_role_of_the_server() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let before = db.contents(a.account).await["audit_entries"].clone();
    for url in [db.app_url(), db.system_url()] {
        let mut connection = PgConnection::connect(url.expose()).await.unwrap();
        let account = format!("SELECT set_config('app.account_id', '{}', false)", a.account);
        connection.execute(sqlx::AssertSqlSafe(account)).await.unwrap();
        for attempt in [
            "UPDATE audit_entries SET action = 'x'",
            "UPDATE audit_entries SET after = NULL",
            "DELETE FROM audit_entries",
            "TRUNCATE audit_entries",
            "INSERT INTO audit_entries SELECT * FROM audit_entries ON CONFLICT (account_id, id) DO UPDATE SET action = 'x'",
            "ALTER TABLE audit_entries DISABLE ROW LEVEL SECURITY",
        ] {
            let refused = connection.execute(attempt).await.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code());
            assert_eq!(code.as_deref(), Some("42501"), "{attempt}: {refused}");
        }
    }
    assert_eq!(db.contents(a.account).await["audit_entries"], before);
}

#[tokio::test]
async fn the_audit_log_is_paged_by_what_is_asked_for_without_loss_and_says_what_was_recorded() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let key = ApiKeyId::generate(&clock);
    let actors = [Actor::User(a.user), Actor::ApiKey(key), Actor::System];
    let other = RoomId::generate(&clock);
    let (objects, actions) = ([Object::from(a.room), other.into()], ["room.updated", "room.closed"]);
    let (mut dice, mut made) = (Dice(5), Vec::new());
    for number in 0..40 {
        let value = json!({ "name": "nul \0", "number": number });
        let entry = AuditRecord {
            actor: *dice.pick(&actors),
            address: Some([192, 0, 2, number].into()),
            action: dice.pick::<&str>(&actions),
            object: *dice.pick(&objects),
            before: None,
            after: Some(&value),
        };
        audit::record(&mut tx, &entry, &clock).await.unwrap();
        made.push((entry.object.id(), entry.actor.id(), entry.action, i64::from(number)));
    }
    for object in [None, Some(objects[0].id())] {
        for actor in [None, actors[1].id()] {
            for action in [None, Some(actions[1])] {
                let filter = Filter { object, actor, action };
                let (mut found, mut before) = (BTreeSet::new(), None);
                loop {
                    let page = audit::list(&mut tx, filter, before, 3).await.unwrap();
                    let Some(last) = page.last() else { break };
                    before = Some(last.id);
                    for entry in page.into_iter().filter(|entry| entry.object_kind == "room") {
                        let after = entry.after.unwrap();
                        assert_eq!(after["name"], "nul \u{fffd}");
                        assert_eq!(entry.address, Some(format!("192.0.2.{}", after["number"])));
                        assert!(found.insert(after["number"].as_i64().unwrap()), "twice");
                    }
                }
                let is_asked = |made: &&(ObjectId, Option<ActorId>, &str, i64)| {
                    object.is_none_or(|object| made.0 == object)
                        && (actor.is_none() || made.1 == actor)
                        && action.is_none_or(|action| made.2 == action)
                };
                let expected = made.iter().filter(is_asked).map(|made| made.3).collect::<BTreeSet<_>>();
                assert!(!expected.is_empty());
                assert_eq!(found, expected, "{filter:?}");
            }
        }
    }
}

#[tokio::test]
async fn calls_of_one_moment_are_paged_without_loss_and_stay_when_their_room_goes() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let second = rooms::create(&mut tx, "second", false, &clock).await.unwrap().id;
    for number in 0..6 {
        let room = if number % 2 == 0 { a.room } else { second };
        let call = NewCall {
            callee: UserId::generate(&clock),
            ..new_call(CallId::generate(&clock), room, a.user, &clock)
        };
        calls::start(&mut tx, &call, &clock).await.unwrap();
    }
    rooms::delete(&mut tx, second).await.unwrap();
    for (room, count) in [(None, 7), (Some(a.room), 4), (Some(second), 3)] {
        let whole = calls::list(&mut tx, room, None, 99).await.unwrap();
        assert_eq!(whole.len(), count);
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = calls::list(&mut tx, room, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.started_at, last.id));
            paged.extend(page);
        }
        assert_eq!(paged, whole);
    }
}

#[tokio::test]
async fn a_call_is_answered_before_it_ends_or_not_at_all() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let call = new_call(CallId::generate(&clock), a.room, a.user, &clock);
    for (answered, again) in [(false, true), (true, true)] {
        let call = NewCall { id: if answered { call.id } else { CallId::generate(&clock) }, ..call };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
        let begun = clock.utc();
        clock.advance(Duration::from_secs(1));
        // Told twice, as by two nodes: the first stays.
        calls::start(&mut tx, &call, &clock).await.unwrap();
        if answered {
            calls::answer(&mut tx, tenure, call.device, &clock).await.unwrap();
            clock.advance(Duration::from_secs(1));
            calls::answer(&mut tx, tenure, call.device, &clock).await.unwrap();
        }
        tx.commit().await.unwrap();
        let end = async |outcome| {
            let mut tx = db.store.tenant(a.account).await.unwrap();
            calls::end(&mut tx, tenure, outcome, &clock).await.unwrap();
            tx.commit().await.unwrap();
        };
        tokio::join!(end(EndReason::HungUp), end(EndReason::Cancelled));
        let ended_at = clock.utc();
        clock.advance(Duration::from_secs(1));
        let mut tx = db.store.tenant(a.account).await.unwrap();
        if again {
            calls::answer(&mut tx, tenure, call.device, &clock).await.unwrap();
            calls::end(&mut tx, tenure, EndReason::Rejected, &clock).await.unwrap();
        }
        let kept = calls::find(&mut tx, call.id).await.unwrap().unwrap();
        assert_eq!((kept.started_at, kept.ended_at), (begun, Some(ended_at)));
        assert_eq!(kept.answered_at, answered.then(|| begun + Duration::from_secs(1)));
        assert_ne!(kept.outcome.as_deref(), Some("rejected"));
        let [caller, callee] = &kept.participants[..] else { panic!("two") };
        assert_eq!((caller.joined_at, caller.left_at), (Some(begun), Some(ended_at)));
        assert_eq!(
            (callee.joined_at, callee.left_at),
            (kept.answered_at, kept.answered_at.and(kept.ended_at))
        );
        tx.commit().await.unwrap();
    }
}

/// The same key at once: for the same request, for another, and by somebody else.
#[tokio::test]
async fn requests_with_one_key_at_once_are_done_once_even_if_the_first_one_dies() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let keyed = Keyed { actor: a.user.as_uuid().into(), key: "order 66", fingerprint: [7; 32] };
    let claim = async |keyed: Keyed<'static>| {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let claim = idempotency::claim(&mut tx, &keyed, &clock).await.unwrap();
        if matches!(claim, Claim::New) {
            let answer = Answer { status: 201, body: secret("sbk_once") };
            idempotency::record_answer(&mut tx, &keyed, &answer).await.unwrap();
            tx.commit().await.unwrap();
        }
        claim
    };
    let mut first = db.store.tenant(a.account).await.unwrap();
    assert!(matches!(idempotency::claim(&mut first, &keyed, &clock).await.unwrap(), Claim::New));
    let die = async {
        db.until_one_waits().await;
        kill_transactions(&db).await;
    };
    let (second, ()) = tokio::join!(claim(keyed), die);
    assert!(matches!(second, Claim::New), "the first has done nothing");
    drop(first);
    let other = Keyed { fingerprint: [8; 32], ..keyed };
    let another = Keyed { actor: Uuid::nil().into(), ..other };
    let (same, mismatch, new) = tokio::join!(claim(keyed), claim(other), claim(another));
    let Claim::Done(answer) = same else { panic!("it was done") };
    assert_eq!((answer.status, answer.body.expose().as_str()), (201, "sbk_once"));
    assert!(matches!((mismatch, new), (Claim::Mismatch, Claim::New)));
    let kept = db.contents(a.account).await["idempotent_requests"].to_string();
    let shown: String = b"sbk_once".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!kept.contains(&shown), "what is shown once is sealed");
}

#[tokio::test]
async fn notes_are_told_as_they_change_and_paged_the_latest_first() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut transaction = db.store.tenant(a.account).await.unwrap();
    let tx = &mut transaction;
    let before = outbox::last_seq(tx).await.unwrap();
    let note = notes::create(tx, a.conversation, a.user, "one \0", &clock).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let changed = notes::update(tx, note.id, "two", &clock).await.unwrap();
    assert_eq!((changed.created_at, changed.updated_at), (note.created_at, clock.utc()));
    notes::delete(tx, &note, &clock).await.unwrap();
    assert!(matches!(notes::delete(tx, &note, &clock).await, Err(ChangeError::NotFound)));
    assert!(matches!(notes::update(tx, note.id, "x", &clock).await, Err(ChangeError::NotFound)));
    let told: Vec<_> = outbox::after(tx, before, 9).await.unwrap().into_iter().map(|one| one.event).collect();
    let gone = InboxEvent::NoteDeleted { note_id: note.id, conversation_id: a.conversation };
    assert_eq!(told, [InboxEvent::NoteCreated { note }, InboxEvent::NoteUpdated { note: changed }, gone]);
    for number in 0..5 {
        notes::create(tx, a.conversation, a.user, &format!("{number}"), &clock).await.unwrap();
    }
    let whole = notes::list(tx, a.conversation, None, 9).await.unwrap();
    let first = notes::list(tx, a.conversation, None, 3).await.unwrap();
    let rest = notes::list(tx, a.conversation, Some(first[2].id), 3).await.unwrap();
    assert_eq!([first, rest].concat(), whole);
    assert!(whole.iter().rev().map(|note| note.id).is_sorted() && whole.len() == 5);
}
