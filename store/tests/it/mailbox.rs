//! Mailboxes: what is in them, in which order, and for how long.

use crate::fixture::{new_call, tenant};
use common::{
    clock::Clock,
    id::{CallId, RoomId, UserId},
    protocol::{
        call::EndReason,
        mailbox::{ENTRIES_MAX, Entry, EntryKind},
    },
};
use std::time::Duration;
use store::{
    TenantTx, calls,
    mailbox::{self, Cause, MailboxPosition, NewEntry},
    privacy,
    rooms::{self, NewRoomMessage, Position},
    testing::TestDatabase,
    users,
};
use tokio::task::JoinSet;
use uuid::Uuid;

fn missed(user: UserId, room: RoomId, call: CallId) -> NewEntry {
    NewEntry { user, cause: Cause::CallMissed(call), from: user, name: "A\0da".to_owned(), room }
}

async fn all(tx: &mut TenantTx, user: UserId) -> Vec<Entry> {
    mailbox::latest(tx, user, None, 2000).await.unwrap()
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

#[tokio::test]
async fn a_message_tells_those_whom_it_mentions_once_and_reading_it_in_the_room_is_enough() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let writer = UserId::generate(&clock);
    let stranger = UserId::generate(&clock);
    let mentions = [a.user, a.user, stranger, writer];
    let message = NewRoomMessage {
        room: a.room,
        user: writer,
        name: "Grace",
        client_id: Uuid::new_v4().into(),
        text: "Look",
        reply_to: None,
        mentions: &mentions,
        attachments: rooms::Uploads::default(),
    };
    users::create_if_absent(&mut tx, writer, "Grace", common::token::Role::User, &clock).await.unwrap();
    let sent = rooms::send(&mut tx, &message, &clock).await.unwrap().unwrap();
    let [told] = &sent.entries[..] else { panic!("{:?}", sent.entries) };
    let expected = Entry {
        seq: 1,
        kind: EntryKind::Mention,
        from: writer,
        name: "Grace".to_owned(),
        room_id: a.room,
        message_seq: Some(sent.message.seq),
        call_id: None,
        created_at: clock.utc(),
        is_read: false,
    };
    assert_eq!((told.user, &told.entry), (a.user, &expected));
    let again = rooms::send(&mut tx, &message, &clock).await.unwrap().unwrap();
    assert!(again.entries.is_empty() && !again.new);
    assert_eq!(all(&mut tx, a.user).await, [expected]);
    assert_eq!(all(&mut tx, stranger).await, []);
    let read = Position { room: a.room, user: a.user, seq: sent.message.seq };
    rooms::read_to(&mut tx, &[read]).await.unwrap();
    assert!(all(&mut tx, a.user).await[0].is_read);
    assert_eq!(mailbox::position(&mut tx, a.user).await.unwrap().acknowledged_seq, 0);
}

#[tokio::test]
async fn whoever_was_rung_and_did_not_pick_up_finds_it_and_whoever_declined_does_not() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut expected = Vec::new();
    for (outcome, is_told) in [
        (EndReason::Missed, true),
        (EndReason::Cancelled, true),
        (EndReason::Rejected, false),
        (EndReason::Lost, true),
        (EndReason::Busy, true),
    ] {
        let ben = UserId::generate(&clock);
        let call =
            calls::NewCall { callee: ben, ..new_call(CallId::generate(&clock), a.room, a.user, &clock) };
        let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
        let told = calls::end(&mut tx, tenure, outcome, &clock).await.unwrap().unwrap();
        assert_eq!(told.len(), usize::from(is_told), "{outcome:?}");
        assert_eq!(
            calls::end(&mut tx, tenure, outcome, &clock).await.unwrap(),
            Some(Vec::new()),
            "told once"
        );
        expected.extend(told.into_iter().map(|told| (told.user, told.entry)));
        if let Some((user, entry)) = expected.last().filter(|_| is_told) {
            assert_eq!((*user, entry.kind, entry.call_id), (ben, EntryKind::CallMissed, Some(call.id)));
            assert_eq!((entry.from, entry.room_id), (a.user, a.room));
        }
    }
    assert_eq!(all(&mut tx, a.user).await, [], "the caller has missed nothing");
    // Somebody who is rung into a call, twice.
    let call = new_call(CallId::generate(&clock), a.room, a.user, &clock);
    let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
    let carl = UserId::generate(&clock);
    for seq in 1..3 {
        assert!(calls::invite(&mut tx, tenure, carl, (a.user, false), &clock).await.unwrap());
        for expected in [1, 0] {
            let told = calls::leave(&mut tx, tenure, carl, EndReason::Missed, &clock).await.unwrap().unwrap();
            assert_eq!(told.len(), expected);
        }
        assert_eq!(all(&mut tx, carl).await[0].seq, seq);
    }
}

#[tokio::test]
async fn numbers_of_a_user_have_no_gaps_whoever_writes_at_the_same_time() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let people: Vec<UserId> = (0..4).map(|_| UserId::generate(&clock)).collect();
    let mut writers = JoinSet::new();
    for turn in 0..8 {
        let (store, clock, room, account) = (db.store.clone(), TestDatabase::clock(), a.room, a.account);
        let mut people = people.clone();
        // Each in an order of their own, as messages mention.
        people.rotate_left(turn % 4);
        writers.spawn(async move {
            for _ in 0..10 {
                let mut tx = store.tenant(account).await.unwrap();
                let new: Vec<NewEntry> =
                    people.iter().map(|user| missed(*user, room, CallId::generate(&clock))).collect();
                mailbox::add(&mut tx, &new, &clock).await.unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for user in people {
        assert_eq!(numbers(&all(&mut tx, user).await), (1..=80).rev().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_is_acknowledged_goes_neither_back_nor_beyond_the_end() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let user = UserId::generate(&clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(mailbox::acknowledge(&mut tx, user, 7).await.unwrap(), (0, false), "there is nothing yet");
    let new: Vec<NewEntry> = (0..5).map(|_| missed(user, a.room, CallId::generate(&clock))).collect();
    mailbox::add(&mut tx, &new, &clock).await.unwrap();
    for (said, expected) in
        [(3, (3, true)), (2, (3, false)), (0, (3, false)), (u64::MAX, (5, true)), (9, (5, false))]
    {
        assert_eq!(mailbox::acknowledge(&mut tx, user, said).await.unwrap(), expected, "{said}");
    }
    mailbox::add(&mut tx, &new[..1], &clock).await.unwrap();
    let read: Vec<bool> = all(&mut tx, user).await.iter().map(|entry| entry.is_read).collect();
    assert_eq!(read, [false, true, true, true, true, true], "what comes later is new");
    let position = mailbox::position(&mut tx, user).await.unwrap();
    assert_eq!(position, MailboxPosition { last_seq: 6, acknowledged_seq: 5 });
}

#[tokio::test]
async fn so_many_entries_are_kept_and_for_so_long() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (busy, quiet) = (UserId::generate(&clock), UserId::generate(&clock));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let call = CallId::generate(&clock);
    mailbox::add(&mut tx, &[missed(quiet, a.room, call)], &clock).await.unwrap();
    clock.advance(mailbox::KEPT_FOR);
    let new = vec![missed(busy, a.room, call); 1000];
    for _ in 0..3 {
        mailbox::add(&mut tx, &new, &clock).await.unwrap();
    }
    mailbox::add(&mut tx, &new[..1], &clock).await.unwrap();
    let kept = numbers(&all(&mut tx, busy).await);
    assert_eq!(kept.len(), usize::try_from(ENTRIES_MAX).unwrap());
    assert_eq!((kept[0], kept[999]), (3001, 2002));
    assert_eq!(numbers(&mailbox::latest(&mut tx, busy, Some(2500), 2).await.unwrap()), [2499, 2498]);
    privacy::prune(&mut tx, &clock).await.unwrap();
    assert_eq!(all(&mut tx, quiet).await.len(), 1);
    clock.advance(Duration::from_secs(1));
    privacy::prune(&mut tx, &clock).await.unwrap();
    assert_eq!(all(&mut tx, quiet).await, []);
    assert_eq!(mailbox::position(&mut tx, quiet).await.unwrap().last_seq, 1, "numbers are never used again");
    assert_eq!(all(&mut tx, busy).await.len(), 1000);
}
