//! Files of messages: counted, sent once, and removed when nobody wants them any more.

use crate::fixture::tenant;
use common::{
    clock::Clock,
    id::{AccountId, AttachmentId, RoomId, UserId},
};
use std::{collections::BTreeSet, time::Duration};
use store::{
    TenantTx,
    rooms::{
        self, NewAttachment, NewRoomMessage, Quota, Repeats, Revised, Sent, Unreserved, Unsent, Uploads,
    },
    testing::TestDatabase,
};
use tokio::task::JoinSet;
use uuid::Uuid;

const QUOTA: Quota = Quota { bytes_max: 1000, unsent_max: 5 };

fn new(room: RoomId, user: UserId, size_bytes: u64) -> NewAttachment<'static> {
    NewAttachment {
        room,
        user,
        file_name: "photo.jpg",
        mime_type: "image/jpeg",
        size_bytes,
        sha256: &[7; 32],
        size: Some((640, 480)),
    }
}

/// A file that may be sent.
async fn file(tx: &mut TenantTx, room: RoomId, user: UserId, clock: &dyn Clock) -> AttachmentId {
    let id = rooms::reserve(tx, &new(room, user, 10), QUOTA, clock).await.unwrap().unwrap();
    rooms::stored(tx, id, true).await.unwrap().unwrap();
    id
}

fn said<'a>(room: RoomId, user: UserId, ids: &'a [AttachmentId]) -> NewRoomMessage<'a> {
    NewRoomMessage {
        room,
        user,
        name: "A",
        client_id: Uuid::new_v4().into(),
        text: "",
        reply_to: None,
        mentions: &[],
        attachments: Uploads { ids, by: None },
    }
}

async fn due(db: &TestDatabase, clock: &dyn Clock) -> BTreeSet<(AccountId, AttachmentId)> {
    let lease = Duration::from_secs(60);
    db.store.system().claim_attachments(100, lease, clock).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn a_file_is_in_one_message_of_its_uploader_in_its_room() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "Other", false, &clock).await.unwrap().id;
    let (one, two) =
        (file(&mut tx, a.room, a.user, &clock).await, file(&mut tx, a.room, a.user, &clock).await);
    let half = rooms::reserve(&mut tx, &new(a.room, a.user, 10), QUOTA, &clock).await.unwrap().unwrap();
    let stranger = UserId::generate(&clock);
    let refused = |sent: Result<Sent, Unsent>| assert_eq!(sent.unwrap_err(), Unsent::NoSuchAttachment);
    for wrong in [
        said(other, a.user, &[one]),
        said(a.room, stranger, &[one]),
        said(a.room, a.user, &[one, AttachmentId::generate(&clock)]),
        said(a.room, a.user, &[half]),
    ] {
        refused(rooms::send(&mut tx, &wrong, &clock).await.unwrap());
    }
    let ids = [two, one];
    let message = said(a.room, a.user, &ids);
    let sent = rooms::send(&mut tx, &message, &clock).await.unwrap().unwrap().message;
    let names: Vec<_> = sent.attachments.iter().map(|file| file.id).collect();
    assert_eq!(names, ids, "in the order of the sender");
    assert_eq!((sent.attachments[0].width, sent.attachments[0].has_thumbnail), (Some(640), true));
    refused(rooms::send(&mut tx, &said(a.room, a.user, &[one]), &clock).await.unwrap());
    // Sent again, it is the same message, though its files are in a message already.
    let again = rooms::send(&mut tx, &message, &clock).await.unwrap().unwrap();
    assert_eq!((again.new, again.message), (false, sent.clone()));
    assert_eq!(rooms::latest(&mut tx, a.room, 1).await.unwrap(), std::slice::from_ref(&sent));
    assert_eq!(rooms::after(&mut tx, a.room, sent.seq - 1, 9).await.unwrap()[0].message, sent);
    let stored = rooms::attachment(&mut tx, one).await.unwrap().unwrap();
    assert!(stored.is_sent && stored.room == a.room && stored.user == a.user);
    assert_eq!(rooms::attachment(&mut tx, half).await.unwrap(), None, "not all of it is there");
}

#[tokio::test]
async fn of_two_messages_that_are_stored_together_one_gets_the_file() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let ids = [file(&mut tx, a.room, a.user, &clock).await];
    let first = said(a.room, a.user, &ids);
    let group = [first, said(a.room, a.user, &ids), first, said(a.room, a.user, &[])];
    let sent = rooms::post(&mut tx, &group, Repeats::LookedFor, &clock).await.unwrap().unwrap();
    let [Ok(one), Err(Unsent::NoSuchAttachment), Ok(twin), Ok(_)] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!((one.new, twin.new, &one.message), (true, false, &twin.message));
}

/// Two transactions, one after the other by the rows they hold.
#[tokio::test]
async fn a_file_that_is_sent_twice_at_the_same_time_is_in_one_message() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let ids = [file(&mut tx, a.room, a.user, &clock).await];
    tx.commit().await.unwrap();
    let mut one = db.store.tenant(a.account).await.unwrap();
    rooms::send(&mut one, &said(a.room, a.user, &ids), &clock).await.unwrap().unwrap();
    let mut two = db.store.tenant(a.account).await.unwrap();
    let message = said(a.room, a.user, &ids);
    let (second, first) = tokio::join!(rooms::send(&mut two, &message, &clock), one.commit());
    first.unwrap();
    assert_eq!(second.unwrap().unwrap_err(), Unsent::NoSuchAttachment);
}

#[tokio::test]
async fn files_of_deleted_messages_and_rooms_are_to_be_removed_and_others_are_not() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let room = rooms::create(&mut tx, "Other", false, &clock).await.unwrap().id;
    let (kept, gone) =
        (file(&mut tx, a.room, a.user, &clock).await, file(&mut tx, a.room, a.user, &clock).await);
    let with_room = file(&mut tx, room, a.user, &clock).await;
    rooms::send(&mut tx, &said(a.room, a.user, &[kept]), &clock).await.unwrap().unwrap();
    rooms::send(&mut tx, &said(room, a.user, &[with_room]), &clock).await.unwrap().unwrap();
    let mut message =
        rooms::send(&mut tx, &said(a.room, a.user, &[gone]), &clock).await.unwrap().unwrap().message;
    let given_up = file(&mut tx, a.room, a.user, &clock).await;
    rooms::discard(&mut tx, given_up).await.unwrap();
    rooms::discard(&mut tx, kept).await.unwrap();
    message.attachments.clear();
    message.deleted_at = Some(clock.utc());
    let seq = message.seq;
    let revised =
        Revised { room: a.room, message, added: Vec::new(), removed: Vec::new(), unmentioned: Vec::new() };
    rooms::revise(&mut tx, &[revised]).await.unwrap();
    let found = rooms::find_messages(&mut tx, &BTreeSet::from([(a.room, seq)])).await.unwrap();
    assert!(found[&(a.room, seq)].attachments.is_empty());
    rooms::delete(&mut tx, room).await.unwrap();
    for removed in [gone, with_room, given_up] {
        assert_eq!(rooms::attachment(&mut tx, removed).await.unwrap(), None, "nobody sees it any more");
    }
    tx.commit().await.unwrap();
    let expected = [gone, with_room, given_up].map(|id| (a.account, id));
    assert_eq!(due(&db, &clock).await, BTreeSet::from(expected));
    assert_eq!(due(&db, &clock).await, BTreeSet::new(), "somebody removes them");
    clock.advance(Duration::from_secs(61));
    assert_eq!(due(&db, &clock).await.len(), 3, "whoever wanted to remove them is gone");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for (_, id) in expected {
        rooms::forget_attachment(&mut tx, id).await.unwrap();
        rooms::forget_attachment(&mut tx, id).await.unwrap();
    }
    rooms::forget_attachment(&mut tx, kept).await.unwrap();
    assert!(rooms::attachment(&mut tx, kept).await.unwrap().is_some());
    tx.commit().await.unwrap();
    clock.advance(Duration::from_secs(61));
    assert_eq!(due(&db, &clock).await, BTreeSet::new());
}

/// A process that is killed between a file's row and its last byte leaves a row like that.
#[tokio::test]
async fn what_is_in_no_message_after_a_day_is_removed_whether_all_of_it_came_or_not() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let whole = file(&mut tx, a.room, a.user, &clock).await;
    let half = rooms::reserve(&mut tx, &new(a.room, a.user, 10), QUOTA, &clock).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    clock.advance(rooms::UNSENT_KEPT_FOR - Duration::from_secs(1));
    assert_eq!(due(&db, &clock).await, BTreeSet::new());
    clock.advance(Duration::from_secs(1));
    assert_eq!(due(&db, &clock).await, BTreeSet::from([(a.account, whole), (a.account, half)]));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let late = rooms::send(&mut tx, &said(a.room, a.user, &[whole]), &clock).await.unwrap();
    assert_eq!(late.unwrap_err(), Unsent::NoSuchAttachment);
    assert_eq!(rooms::stored(&mut tx, half, false).await.unwrap(), None, "too late");
}

#[tokio::test]
async fn an_accounts_files_have_no_more_bytes_than_they_may_however_many_come_at_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let quota = Quota { bytes_max: 1000, unsent_max: u16::MAX };
    let one = |account, room, size| {
        let store = db.store.clone();
        async move {
            let clock = TestDatabase::clock();
            let mut tx = store.tenant(account).await.unwrap();
            let file = new(room, UserId::generate(&clock), size);
            let reserved = rooms::reserve(&mut tx, &file, quota, &clock).await.unwrap();
            if reserved.is_ok() {
                tx.commit().await.unwrap();
            }
            reserved
        }
    };
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        tasks.spawn(one(a.account, a.room, 150));
    }
    let all = tasks.join_all().await;
    let (kept, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((kept.len(), refused[0]), (6, Err(Unreserved::QuotaExceeded)));
    assert!(one(a.account, a.room, 100).await.is_ok(), "to the last byte");
    assert!(one(a.account, a.room, 1).await.is_err());
    assert!(one(b.account, b.room, 1000).await.is_ok(), "another's are counted apart");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let gone = kept[0].unwrap();
    rooms::discard(&mut tx, gone).await.unwrap();
    rooms::forget_attachment(&mut tx, gone).await.unwrap();
    tx.commit().await.unwrap();
    assert!(one(a.account, a.room, 150).await.is_ok(), "what is removed makes room");
}

#[tokio::test]
async fn a_user_has_no_more_files_in_no_message_than_they_may() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut mine = Vec::new();
    for _ in 0..QUOTA.unsent_max {
        mine.push(file(&mut tx, a.room, a.user, &clock).await);
    }
    let more = new(a.room, a.user, 1);
    let refused = rooms::reserve(&mut tx, &more, QUOTA, &clock).await.unwrap();
    assert_eq!(refused, Err(Unreserved::TooManyUnsent));
    let other = new(a.room, UserId::generate(&clock), 1);
    assert!(rooms::reserve(&mut tx, &other, QUOTA, &clock).await.unwrap().is_ok());
    rooms::send(&mut tx, &said(a.room, a.user, &mine[..1]), &clock).await.unwrap().unwrap();
    assert!(rooms::reserve(&mut tx, &more, QUOTA, &clock).await.unwrap().is_ok());
}

#[tokio::test]
async fn another_accounts_file_is_none() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let theirs = file(&mut tx, a.room, a.user, &clock).await;
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert_eq!(rooms::attachment(&mut tx, theirs).await.unwrap(), None);
    assert_eq!(rooms::stored(&mut tx, theirs, false).await.unwrap(), None);
    let sent = rooms::send(&mut tx, &said(b.room, b.user, &[theirs]), &clock).await.unwrap();
    assert_eq!(sent.unwrap_err(), Unsent::NoSuchAttachment);
    rooms::discard(&mut tx, theirs).await.unwrap();
    rooms::forget_attachment(&mut tx, theirs).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(rooms::attachment(&mut tx, theirs).await.unwrap().is_some());
}
