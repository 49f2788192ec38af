//! What becomes of what was said in rooms: changed, answered, mentioned, read.

use crate::fixture::{Dice, message, owner, revised, said, tenant};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
    protocol::room::{MemberRole, Reaction, RoomMessage, UNREAD_MAX, Unread},
    room::FollowedRoom,
};
use sqlx::{AssertSqlSafe, PgConnection, query_scalar};
use std::collections::{BTreeMap, BTreeSet};
use store::{
    TenantTx,
    rooms::{self, NewRoomMessage, Position, Reactor, Repeats, Revised, Unsent},
    testing::TestDatabase,
    users,
};

#[tokio::test]
async fn changes_take_numbers_between_messages_and_show_the_message_as_it_is() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "Other", false, &clock).await.unwrap().id;
    rooms::send(&mut tx, &said(other, a.user, "elsewhere"), &clock).await.unwrap().unwrap();
    rooms::send(&mut tx, &said(a.room, a.user, "two"), &clock).await.unwrap().unwrap();
    let mut first = message(&mut tx, a.room, 1).await;
    first.text = "edited\0".to_owned();
    first.edited_at = Some(clock.utc());
    let second = message(&mut tx, a.room, 2).await;
    let elsewhere = message(&mut tx, other, 1).await;
    let group = [revised(a.room, first.clone()), revised(other, elsewhere), revised(a.room, second)];
    let entries = rooms::revise(&mut tx, &group).await.unwrap();
    let numbers = |entries: &[common::room::RoomEntry]| -> Vec<_> {
        entries.iter().map(|entry| (entry.seq, entry.message.seq)).collect()
    };
    assert_eq!(numbers(&entries), [(3, 1), (2, 1), (4, 2)]);
    rooms::send(&mut tx, &said(a.room, a.user, "five"), &clock).await.unwrap().unwrap();
    first.text = "again".to_owned();
    rooms::revise(&mut tx, &[revised(a.room, first.clone())]).await.unwrap();
    let all = rooms::after(&mut tx, a.room, 0, 100).await.unwrap();
    assert_eq!(numbers(&all), [(1, 1), (2, 2), (3, 1), (4, 2), (5, 5), (6, 1)]);
    assert!([0, 2, 5].iter().all(|at| all[*at].message == first), "the same state at each of its numbers");
    for limit in 1..4 {
        let mut seen = 0;
        let mut read = Vec::new();
        while let Some(last) = {
            let page = rooms::after(&mut tx, a.room, seen, limit).await.unwrap();
            read.extend(numbers(&page));
            page.last().map(|entry| entry.seq)
        } {
            seen = last;
        }
        assert_eq!(read, numbers(&all));
    }
    let history = rooms::latest(&mut tx, a.room, 10).await.unwrap();
    assert_eq!(history.iter().map(|message| message.seq).collect::<Vec<_>>(), [1, 2, 5]);
    assert_eq!(rooms::last_seq(&mut tx, a.room).await.unwrap(), Some(6));
}

/// Instances that hold the same rooms in different orders wait for each other, and the numbers have no holes.
#[tokio::test]
async fn messages_and_changes_of_many_at_once_are_numbered_without_gaps() {
    let (db, clock) = (TestDatabase::create().await, std::sync::Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "Other", false, &*clock).await.unwrap().id;
    rooms::send(&mut tx, &said(other, a.user, "hello"), &*clock).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let (store, clock) = (db.store.clone(), std::sync::Arc::clone(&clock));
        writers.spawn(async move {
            for round in 0..15 {
                let mut both = [a.room, other];
                both.rotate_left((writer + round) % 2);
                let mut tx = store.tenant(a.account).await.unwrap();
                rooms::hold_open(&mut tx, &both.into()).await.unwrap();
                rooms::post(&mut tx, &[said(both[0], a.user, "x")], Repeats::LookedFor, &*clock)
                    .await
                    .unwrap()
                    .unwrap();
                let change = revised(both[1], message(&mut tx, both[1], 1).await);
                rooms::revise(&mut tx, &[change]).await.unwrap();
                if round % 5 != 4 {
                    tx.commit().await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut count = 0;
    for room in [a.room, other] {
        let all = rooms::after(&mut tx, room, 0, 300).await.unwrap();
        assert!(all.iter().map(|entry| entry.seq).eq(1..=u64::try_from(all.len()).unwrap()));
        count += all.len();
    }
    assert_eq!(count, 2 + 6 * 12 * 2);
}

/// Every row of every table that holds the word.
async fn rows_with(owner: &mut PgConnection, word: &str) -> Vec<String> {
    let tables: Vec<String> = query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let rows = format!("SELECT '{table}: ' || t::text FROM {table} t WHERE t::text LIKE '%{word}%'");
        found.extend(query_scalar::<_, String>(AssertSqlSafe(rows)).fetch_all(&mut *owner).await.unwrap());
    }
    found
}

#[tokio::test]
async fn of_a_deleted_message_no_table_has_anything_any_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut owner = owner(&db).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new = NewRoomMessage {
        reply_to: Some(1),
        mentions: &[a.user],
        attachments: rooms::Uploads::default(),
        ..said(a.room, UserId::generate(&clock), "xylophone")
    };
    let mut kept = rooms::send(&mut tx, &new, &clock).await.unwrap().unwrap().message;
    assert_eq!((kept.reply_to, &kept.mentions), (Some(1), &vec![a.user]));
    let added = vec![("🎻".to_owned(), a.user), ("🎻".to_owned(), UserId::generate(&clock))];
    kept.reactions = vec![Reaction { emoji: "🎻".to_owned(), count: 2, user_ids: vec![a.user] }];
    let reacted = Revised { added, ..revised(a.room, kept.clone()) };
    rooms::revise(&mut tx, &[reacted]).await.unwrap();
    assert_eq!(message(&mut tx, a.room, 2).await, kept);
    tx.commit().await.unwrap();
    assert_eq!(rows_with(&mut owner, "xylophone").await.len(), 1);
    assert_eq!(rows_with(&mut owner, "🎻").await.len(), 3);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let gone = RoomMessage {
        text: String::new(),
        reply_to: None,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        deleted_at: Some(clock.utc()),
        ..kept
    };
    let deleted = Revised { unmentioned: vec![a.user], ..revised(a.room, gone.clone()) };
    rooms::revise(&mut tx, &[deleted]).await.unwrap();
    assert_eq!(message(&mut tx, a.room, 2).await, gone);
    tx.commit().await.unwrap();
    for word in ["xylophone", "🎻"] {
        assert_eq!(rows_with(&mut owner, word).await, Vec::<String>::new());
    }
    let mentions: i64 =
        query_scalar("SELECT count(*) FROM unread_mentions").fetch_one(&mut owner).await.unwrap();
    assert_eq!(mentions, 0);
}

#[tokio::test]
async fn reactions_are_found_and_taken_back_one_by_one() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let people: Vec<UserId> = (0..4).map(|_| UserId::generate(&clock)).collect();
    let all: Vec<_> =
        people.iter().flat_map(|user| ["👍", "🎉"].map(|emoji| (emoji.to_owned(), *user))).collect();
    let first = message(&mut tx, a.room, 1).await;
    let react = Revised { added: all.clone(), ..revised(a.room, first.clone()) };
    rooms::revise(&mut tx, &[react]).await.unwrap();
    let mut model: BTreeSet<_> = all.into_iter().collect();
    let mut dice = Dice(4);
    for _ in 0..6 {
        let gone = model.iter().nth(dice.below(model.len())).unwrap().clone();
        model.remove(&gone);
        let back = Revised { removed: vec![gone], ..revised(a.room, first.clone()) };
        rooms::revise(&mut tx, &[back]).await.unwrap();
        let asked = people.iter().flat_map(|user| {
            ["👍", "🎉", "🐌"].map(|emoji| Reactor {
                room: a.room,
                seq: 1,
                emoji: emoji.to_owned(),
                user: *user,
            })
        });
        let found = rooms::reacted(&mut tx, &asked.collect()).await.unwrap();
        let found: BTreeSet<_> = found.into_iter().map(|reactor| (reactor.emoji, reactor.user)).collect();
        assert_eq!(found, model);
    }
}

#[tokio::test]
async fn what_answers_nothing_that_is_there_is_not_stored_and_takes_no_number() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "Other", false, &clock).await.unwrap().id;
    let first = message(&mut tx, a.room, 1).await;
    rooms::revise(&mut tx, &[revised(a.room, first)]).await.unwrap();
    let reply = |room, to| NewRoomMessage { reply_to: Some(to), ..said(room, a.user, "yes") };
    // The second number is that of a change.
    let group =
        [reply(a.room, 2), reply(other, 1), reply(b.room, 1), reply(a.room, 0), reply(a.room, u64::MAX)];
    let posted = rooms::post(&mut tx, &group, Repeats::LookedFor, &clock).await.unwrap().unwrap();
    let no_message = Err(Unsent::NoSuchMessage);
    assert_eq!(
        posted,
        [no_message.clone(), no_message.clone(), Err(Unsent::NoRoom), no_message.clone(), no_message]
    );
    let posted =
        rooms::post(&mut tx, &[reply(a.room, 1)], Repeats::LookedFor, &clock).await.unwrap().unwrap();
    assert_eq!(posted[0].as_ref().unwrap().message.seq, 3);
    let last = rooms::latest(&mut tx, a.room, 1).await.unwrap();
    assert_eq!(last[0].reply_to, Some(1));
}

/// Of everybody whom a message names: who may come to read it.
#[tokio::test]
async fn those_are_mentioned_who_may_enter_the_room() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut people = Vec::new();
    for name in ["member", "stranger", "dismissed"] {
        let email = format!("{name}@a.example");
        let new = users::NewUser { email: &email, name, role: common::token::Role::User, password_hash: "x" };
        people.push(users::create(&mut tx, &new, &clock).await.unwrap().id);
    }
    let [member, stranger, dismissed] = people[..] else { panic!("three") };
    let private = rooms::create(&mut tx, "board", true, &clock).await.unwrap().id;
    for user in [member, dismissed] {
        rooms::add_member(&mut tx, private, user, &clock).await.unwrap();
    }
    tx.commit().await.unwrap();
    let dismiss = format!("UPDATE users SET deactivated_at = now() WHERE id = '{}'", dismissed.as_uuid());
    sqlx::query(AssertSqlSafe(dismiss)).execute(&mut owner(&db).await).await.unwrap();
    let named = [stranger, member, dismissed, member, b.user, UserId::generate(&clock)];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for (room, expected) in [(private, vec![member]), (a.room, vec![stranger, member])] {
        let new = NewRoomMessage { mentions: &named, ..said(room, a.user, "look") };
        let sent = rooms::send(&mut tx, &new, &clock).await.unwrap().unwrap().message;
        assert_eq!(sent.mentions, expected, "in the order of the message");
        let again = rooms::send(&mut tx, &new, &clock).await.unwrap().unwrap();
        assert_eq!((again.message, again.new), (sent, false));
    }
    let count = async |tx: &mut TenantTx, user| -> BTreeMap<RoomId, u32> {
        let unread = rooms::unread(tx, user, &[private, a.room]).await.unwrap();
        unread.into_iter().map(|(room, unread)| (room, unread.mentions)).collect()
    };
    assert_eq!(count(&mut tx, member).await, BTreeMap::from([(private, 1), (a.room, 1)]));
    assert_eq!(count(&mut tx, stranger).await, BTreeMap::from([(private, 0), (a.room, 1)]));
}

#[tokio::test]
async fn a_position_only_goes_forward_and_no_further_than_the_room() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (ada, ben) = (UserId::generate(&clock), UserId::generate(&clock));
    for _ in 0..4 {
        let new = NewRoomMessage { mentions: &[a.user], ..said(a.room, ada, "x") };
        rooms::send(&mut tx, &new, &clock).await.unwrap().unwrap();
    }
    let at = |room, user, seq| Position { room, user, seq };
    let group = [at(a.room, ada, 2), at(a.room, ben, 9), at(a.room, ada, 3), at(b.room, ada, 1)];
    let mut moved = rooms::read_to(&mut tx, &group).await.unwrap().moved;
    moved.sort();
    let mut expected = [at(a.room, ada, 3), at(a.room, ben, 5)];
    expected.sort();
    assert_eq!(moved, expected);
    for (seq, moves) in [(1, false), (3, false), (4, true)] {
        let read = rooms::read_to(&mut tx, &[at(a.room, ada, seq)]).await.unwrap();
        let position = if moves { read.moved } else { read.unmoved };
        assert_eq!(position, [at(a.room, ada, seq.max(3))]);
    }
    rooms::read_to(&mut tx, &[at(a.room, a.user, 3)]).await.unwrap();
    let unread = rooms::unread(&mut tx, a.user, &[a.room]).await.unwrap();
    assert_eq!(unread[&a.room], Unread { seq: 3, unread: 2, mentions: 2 });
}

#[tokio::test]
async fn unread_is_what_others_said_since_and_did_not_take_back() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (reader, other) = (UserId::generate(&clock), UserId::generate(&clock));
    let room = rooms::create(&mut tx, "open", false, &clock).await.unwrap().id;
    let unread = async |tx: &mut TenantTx| rooms::unread(tx, reader, &[room]).await.unwrap()[&room];
    for user in [other, reader, other, other] {
        rooms::send(&mut tx, &said(room, user, "x"), &clock).await.unwrap().unwrap();
    }
    assert_eq!(unread(&mut tx).await, Unread { seq: 0, unread: 0, mentions: 0 }, "they never read there");
    rooms::add_member(&mut tx, room, reader, &clock).await.unwrap();
    assert_eq!(unread(&mut tx).await.unread, 3, "who has to know of it");
    rooms::read_to(&mut tx, &[Position { room, user: reader, seq: 1 }]).await.unwrap();
    assert_eq!(unread(&mut tx).await, Unread { seq: 1, unread: 2, mentions: 0 });
    let deleted = RoomMessage { deleted_at: Some(clock.utc()), ..message(&mut tx, room, 3).await };
    rooms::revise(&mut tx, &[revised(room, deleted)]).await.unwrap();
    assert_eq!(unread(&mut tx).await.unread, 1);
    for _ in 0..120 {
        rooms::send(&mut tx, &said(room, other, "x"), &clock).await.unwrap().unwrap();
    }
    assert_eq!(unread(&mut tx).await.unread, UNREAD_MAX);
    let last = rooms::last_seq(&mut tx, room).await.unwrap().unwrap();
    rooms::read_to(&mut tx, &[Position { room, user: reader, seq: last }]).await.unwrap();
    assert_eq!(unread(&mut tx).await, Unread { seq: last, unread: 0, mentions: 0 });
    assert_eq!(rooms::unread(&mut tx, reader, &[]).await.unwrap().len(), 0);
}

/// The two are asked by the same page: a list that is read, and then kept up to date.
#[tokio::test]
async fn what_is_unread_for_many_at_once_is_what_it_is_for_each_alone() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let open = rooms::create(&mut tx, "open", false, &clock).await.unwrap().id;
    let private = rooms::create(&mut tx, "private", true, &clock).await.unwrap().id;
    let [member, reader, banned, stranger, author] = [(); 5].map(|()| UserId::generate(&clock));
    for room in [open, private] {
        rooms::add_member(&mut tx, room, member, &clock).await.unwrap();
        for at in 0..320_u32 {
            let user = if at % 3 == 0 { reader } else { author };
            let mentions: &[UserId] = if at < 2 { &[a.user] } else { &[] };
            rooms::send(&mut tx, &NewRoomMessage { mentions, ..said(room, user, "x") }, &clock)
                .await
                .unwrap()
                .unwrap();
        }
    }
    let at = |user, seq| Position { room: open, user, seq };
    let read = [at(reader, 300), at(author, 1), at(banned, 310), at(a.user, 1)];
    rooms::read_to(&mut tx, &read).await.unwrap();
    let deleted = RoomMessage { deleted_at: Some(clock.utc()), ..message(&mut tx, open, 318).await };
    rooms::revise(&mut tx, &[revised(open, deleted)]).await.unwrap();
    rooms::ban(&mut tx, open, banned, &clock).await.unwrap();
    let users = [member, reader, banned, stranger, author, a.user];
    let all = [(open, None), (private, None), (b.room, None)];
    let by_id = |rooms: Vec<FollowedRoom>| -> BTreeMap<RoomId, FollowedRoom> {
        rooms.into_iter().map(|room| (room.id, room)).collect()
    };
    let followed = by_id(rooms::followed(&mut tx, &all).await.unwrap());
    assert_eq!(followed.len(), 2, "none of another account");
    assert_eq!((followed[&open].last_seq, followed[&private].facts.is_private), (321, true));
    for (id, room) in &followed {
        for user in users {
            let alone = rooms::unread(&mut tx, user, &[*id]).await.unwrap()[id];
            let together = room.users.get(&user).and_then(|connected| connected.unread);
            assert_eq!(together.unwrap_or(Unread { seq: 0, unread: 0, mentions: 0 }), alone, "{user}");
        }
    }
    let of_some = [(open, Some(reader)), (private, Some(stranger)), (open, Some(banned))];
    let of_some = by_id(rooms::followed(&mut tx, &of_some).await.unwrap());
    let asked: BTreeSet<UserId> = of_some[&open].users.keys().copied().collect();
    assert_eq!((asked, of_some[&private].users.len()), ([reader, banned].into(), 0));
    let (open, private) = (&followed[&open].users, &followed[&private].users);
    assert_eq!(of_some.values().find_map(|room| room.users.get(&reader)), open.get(&reader));
    assert!(open[&banned].facts.is_banned && !open.contains_key(&stranger));
    assert_eq!(private[&member].facts.role, Some(MemberRole::Member));
    assert_eq!(open[&member].unread.unwrap().unread, UNREAD_MAX);
    assert_eq!(open[&reader].unread.unwrap().unread, 12);
    assert_eq!(open[&a.user].unread.unwrap().mentions, 1);
}

#[tokio::test]
async fn the_numbers_of_all_rooms_are_read_page_by_page() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "other", true, &clock).await.unwrap().id;
    let third = rooms::create(&mut tx, "third", false, &clock).await.unwrap().id;
    rooms::send(&mut tx, &said(other, a.user, "x"), &clock).await.unwrap().unwrap();
    let mut seqs: Vec<(RoomId, u64)> = Vec::new();
    loop {
        let after = seqs.last().map(|(room, _)| *room);
        let page = rooms::all_last_seqs(&mut tx, after, 2).await.unwrap();
        seqs.extend(page.iter().copied());
        if page.len() < 2 {
            break;
        }
    }
    let ids: Vec<RoomId> = seqs.iter().map(|(room, _)| *room).collect();
    assert!([a.room, other, third].iter().all(|room| ids.contains(room)));
    assert!(seqs.is_sorted() && seqs.contains(&(other, 1)) && seqs.contains(&(third, 0)));
    let mut expected = rooms::last_seqs(&mut tx, &ids).await.unwrap();
    expected.sort();
    assert_eq!(seqs, expected, "each once, and none of another account");
}

/// Everything goes with the room.
#[tokio::test]
async fn a_deleted_room_takes_changes_reactions_and_positions_along() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    crate::fixture::desk(&db, &a, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let listed = rooms::list(&mut tx, rooms::Viewer::Anybody, None, 9).await.unwrap();
    for room in listed {
        rooms::delete(&mut tx, room.id).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut owner = owner(&db).await;
    for table in ["room_messages", "room_changes", "room_reactions", "room_reads", "unread_mentions"] {
        let count = format!("SELECT count(*) FROM {table}");
        let count: i64 = query_scalar(AssertSqlSafe(count)).fetch_one(&mut owner).await.unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
