//! Room messages: numbered without gaps, stored once.

use crate::fixture::{Dice, new_call, tenant};
use common::{
    clock::Clock,
    id::{CallId, RoomId, UserId},
    identity::{GuestId, Identity},
    protocol::{call::EndReason, room::MemberRole},
    room::RoomFacts,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use store::{
    calls,
    rooms::{self, MemberRow, NewRoomMessage, Repeats, Unsent, Viewer, Visitor},
    testing::TestDatabase,
};
use tokio::task::JoinSet;
use uuid::Uuid;

#[tokio::test]
async fn messages_sent_at_once_are_numbered_without_gaps_though_some_roll_back() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut senders = JoinSet::new();
    for sender in 0..8 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        senders.spawn(async move {
            for round in 0..10 {
                let text = format!("{sender}/{round}");
                let new = NewRoomMessage {
                    room: a.room,
                    user: a.user,
                    name: "A",
                    client_id: Uuid::new_v4().into(),
                    text: &text,
                    reply_to: None,
                    mentions: &[],
                    attachments: rooms::Uploads::default(),
                };
                let mut tx = store.tenant(a.account).await.unwrap();
                rooms::send(&mut tx, &new, &*clock).await.unwrap().unwrap();
                if round % 5 == 4 {
                    drop(tx);
                } else {
                    tx.commit().await.unwrap();
                }
            }
        });
    }
    senders.join_all().await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let seqs: Vec<u64> =
        rooms::after(&mut tx, a.room, 0, 100).await.unwrap().iter().map(|message| message.seq).collect();
    // One of the fixture, and eight of ten from each sender.
    assert_eq!(seqs, (1..=65).collect::<Vec<_>>());
    assert_eq!(rooms::last_seq(&mut tx, a.room).await.unwrap(), Some(65));
}

#[tokio::test]
async fn a_message_sent_many_times_at_once_is_stored_once_and_costs_one_number() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let client_id = Uuid::new_v4().into();
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        senders.spawn(async move {
            let new = NewRoomMessage {
                room: a.room,
                user: a.user,
                name: "A",
                client_id,
                text: "once",
                reply_to: None,
                mentions: &[],
                attachments: rooms::Uploads::default(),
            };
            let mut tx = store.tenant(a.account).await.unwrap();
            let sent = rooms::send(&mut tx, &new, &*clock).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            sent
        });
    }
    let sent = senders.join_all().await;
    assert_eq!(sent.iter().filter(|sent| sent.new).count(), 1);
    assert!(sent.iter().all(|other| other.message == sent[0].message));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(rooms::last_seq(&mut tx, a.room).await.unwrap(), Some(2));
}

/// Several rooms, one of them closed and one of another account, and one message twice.
#[tokio::test]
async fn what_is_posted_together_is_numbered_per_room_and_refused_one_by_one() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = rooms::create(&mut tx, "Other", false, &clock).await.unwrap().id;
    let closed = rooms::create(&mut tx, "Closed", false, &clock).await.unwrap().id;
    rooms::close(&mut tx, closed, Some(clock.utc())).await.unwrap();
    tx.commit().await.unwrap();
    let twice = Uuid::new_v4();
    let said = |room, text, client_id: Uuid| NewRoomMessage {
        room,
        user: a.user,
        name: "A",
        client_id: client_id.into(),
        text,
        reply_to: None,
        mentions: &[],
        attachments: rooms::Uploads::default(),
    };
    let new = |room, text| said(room, text, Uuid::new_v4());
    let group = [
        new(a.room, "first"),
        new(closed, "too late"),
        said(other, "once", twice),
        new(b.room, "not ours"),
        new(a.room, "second"),
        said(other, "again", twice),
        new(other, "last"),
    ];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let posted = rooms::post(&mut tx, &group, Repeats::NotExpected, &clock).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let shown: Vec<_> = posted
        .iter()
        .map(|sent| sent.as_ref().map(|sent| (sent.message.seq, sent.message.text.as_str(), sent.new)))
        .collect();
    // The fixture has said something in the first room.
    let expected = [
        Ok((2, "first", true)),
        Err(&Unsent::NoRoom),
        Ok((1, "once", true)),
        Err(&Unsent::NoRoom),
        Ok((3, "second", true)),
        Ok((1, "once", false)),
        Ok((2, "last", true)),
    ];
    assert_eq!(shown, expected);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let unlooked = rooms::post(&mut tx, &group, Repeats::NotExpected, &clock).await.unwrap();
    assert_eq!(unlooked, None, "some were stored before");
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let again = rooms::post(&mut tx, &group, Repeats::LookedFor, &clock).await.unwrap().unwrap();
    let numbers = |posted: &[Result<rooms::Sent, Unsent>]| -> Vec<_> {
        posted.iter().map(|sent| sent.as_ref().ok().map(|sent| sent.message.clone())).collect()
    };
    assert_eq!(numbers(&again), numbers(&posted), "what is said again is what was stored");
    assert!(again.iter().flatten().all(|sent| !sent.new));
    for (room, last) in [(a.room, 3), (other, 2), (closed, 0)] {
        let seqs: Vec<_> =
            rooms::after(&mut tx, room, 0, 100).await.unwrap().iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=last).collect::<Vec<u64>>());
        assert_eq!(rooms::last_seq(&mut tx, room).await.unwrap(), Some(last));
    }
}

/// Groups of the same rooms in different orders, from several instances at once.
#[tokio::test]
async fn groups_that_meet_in_the_same_rooms_wait_for_each_other_and_never_for_ever() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut all = Vec::new();
    for name in ["one", "two", "three"] {
        all.push(rooms::create(&mut tx, name, false, &*clock).await.unwrap().id);
    }
    tx.commit().await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let (store, clock, mut order) = (db.store.clone(), Arc::clone(&clock), all.clone());
        order.rotate_left(writer % 3);
        if writer % 2 == 0 {
            order.reverse();
        }
        writers.spawn(async move {
            for _ in 0..20 {
                let group: Vec<_> = order
                    .iter()
                    .map(|&room| NewRoomMessage {
                        room,
                        user: a.user,
                        name: "A",
                        client_id: Uuid::new_v4().into(),
                        text: "x",
                        reply_to: None,
                        mentions: &[],
                        attachments: rooms::Uploads::default(),
                    })
                    .collect();
                let mut tx = store.tenant(a.account).await.unwrap();
                rooms::post(&mut tx, &group, Repeats::NotExpected, &*clock).await.unwrap().unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for room in all {
        let seqs: Vec<_> =
            rooms::after(&mut tx, room, 0, 200).await.unwrap().iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=120).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn history_is_read_from_either_end_oldest_first() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for text in ["two", "three", "f\0ur"] {
        let new = NewRoomMessage {
            room: a.room,
            user: a.user,
            name: "A",
            client_id: Uuid::new_v4().into(),
            text,
            reply_to: None,
            mentions: &[],
            attachments: rooms::Uploads::default(),
        };
        rooms::send(&mut tx, &new, &clock).await.unwrap().unwrap();
    }
    let texts = |messages: Vec<common::protocol::room::RoomMessage>| {
        messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(rooms::latest(&mut tx, a.room, 2).await.unwrap()), ["three", "f\u{fffd}ur"]);
    assert_eq!(texts(rooms::before(&mut tx, a.room, 3, 10).await.unwrap()), ["hello", "two"]);
    let after = rooms::after(&mut tx, a.room, 1, 2).await.unwrap();
    assert_eq!(texts(after.into_iter().map(|entry| entry.message).collect()), ["two", "three"]);
}

/// Whoever could be kept out of a room by what the store says is in doubt, and what is said of them is what is read of
/// one alone. Of those who are not, nothing that could keep them out is true.
#[tokio::test]
async fn whose_stay_has_to_be_decided_is_found_with_what_there_is_to_decide_by() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (mut dice, mut visitors, now) = (Dice(7), Vec::new(), clock.utc());
    for _ in 0..24 {
        let room = rooms::create(&mut tx, "r", dice.below(2) == 0, &clock).await.unwrap().id;
        for number in 0..4 {
            let guest = GuestId::of_digest([number; 16]);
            let who =
                if number == 0 { Identity::Guest(guest) } else { Identity::Person(UserId::generate(&clock)) };
            if dice.below(3) == 0 {
                rooms::remove(&mut tx, room, who.as_user(), &clock).await.unwrap();
            }
            if dice.below(2) == 0 {
                rooms::add_member(&mut tx, room, who.as_user(), &clock).await.unwrap();
            }
            if dice.below(6) == 0 {
                rooms::ban(&mut tx, room, who.as_user(), &clock).await.unwrap();
            }
            let until = [None, Some(now), Some(now + Duration::from_secs(1))][dice.below(3)];
            if dice.below(6) == 0 {
                rooms::mute(&mut tx, room, who.as_user(), until, &clock).await.unwrap();
            }
            visitors.push(Visitor { room, who });
        }
        match dice.below(6) {
            0 => rooms::delete(&mut tx, room).await.unwrap(),
            1 => drop(rooms::close(&mut tx, room, Some(clock.utc())).await.unwrap()),
            _ => {}
        }
    }
    let doubtful: BTreeMap<_, _> =
        rooms::doubtful(&mut tx, &visitors, now).await.unwrap().into_iter().collect();
    assert!(doubtful.len() > 24 && doubtful.len() < visitors.len() - 24, "both occur: {}", doubtful.len());
    for visitor in visitors {
        let found = rooms::find(&mut tx, visitor.room, Some(visitor.who.as_user()), now).await.unwrap();
        let facts = found.map(|(_, facts)| facts);
        let is_plain = facts.is_some_and(|facts| {
            let may_be_let_in = match visitor.who {
                Identity::Guest(_) => facts.removed_at.is_none(),
                Identity::Person(_) => facts.role.is_some() || !facts.is_private,
            };
            !facts.is_closed && !facts.is_banned && !facts.is_muted && may_be_let_in
        });
        assert_eq!(doubtful.get(&visitor), (!is_plain).then_some(&facts), "{visitor:?}");
    }
    assert!(rooms::doubtful(&mut tx, &[], now).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_connects_somebody_with_a_room_is_read_with_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let room = rooms::create(&mut tx, "board", true, &clock).await.unwrap();
    let mut facts = RoomFacts { is_private: true, ..RoomFacts::default() };
    let now = clock.utc();
    for user in [None, Some(a.user)] {
        assert_eq!(rooms::find(&mut tx, room.id, user, now).await.unwrap(), Some((room.clone(), facts)));
    }
    rooms::add_member(&mut tx, room.id, a.user, &clock).await.unwrap();
    facts.role = Some(MemberRole::Member);
    assert_eq!(rooms::find(&mut tx, room.id, Some(a.user), now).await.unwrap(), Some((room.clone(), facts)));
    rooms::remove(&mut tx, room.id, a.user, &clock).await.unwrap();
    let closed = rooms::close(&mut tx, room.id, Some(clock.utc())).await.unwrap();
    facts = RoomFacts {
        is_closed: true,
        role: None,
        removed_at: rooms::find(&mut tx, room.id, Some(a.user), now).await.unwrap().unwrap().1.removed_at,
        ..facts
    };
    assert!(facts.removed_at.is_some());
    assert_eq!(
        rooms::find(&mut tx, room.id, Some(a.user), now).await.unwrap(),
        Some((closed.clone(), facts))
    );
    facts.removed_at = None;
    let stranger = Some(UserId::generate(&clock));
    assert_eq!(rooms::find(&mut tx, room.id, stranger, now).await.unwrap(), Some((closed, facts)));
    assert_eq!(rooms::find(&mut tx, RoomId::generate(&clock), stranger, now).await.unwrap(), None);
}

#[tokio::test]
async fn a_calls_first_outcome_stays() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let id = CallId::generate(&clock);
    let call = new_call(id, a.room, a.user, &clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let tenure = calls::start(&mut tx, &call, &clock).await.unwrap();
    clock.advance(Duration::from_secs(5));
    calls::answer(&mut tx, tenure, a.user, call.device, &clock).await.unwrap();
    let answered_at = clock.utc();
    clock.advance(Duration::from_secs(60));
    calls::end(&mut tx, tenure, EndReason::HungUp, &clock).await.unwrap();
    calls::end(&mut tx, tenure, EndReason::Lost, &clock).await.unwrap();
    let call = calls::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!(call.answered_at, Some(answered_at));
    assert_eq!(call.outcome.as_deref(), Some("hungUp"));
}

/// Whoever comes back reads on from the number that they have seen, whatever is asked for at once.
#[tokio::test]
async fn a_room_is_replayed_from_any_number_in_pages_of_any_size_and_of_itself_only() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let rooms = [a.room, rooms::create(&mut tx, "second", false, &clock).await.unwrap().id];
    let mut dice = Dice(9);
    let mut said = [vec!["hello".to_owned()], Vec::new()];
    for number in 0..40 {
        let (at, text) = (dice.below(2), format!("nul \0{number}"));
        let client_id = Uuid::new_v4();
        let new = NewRoomMessage {
            room: rooms[at],
            user: a.user,
            name: "A",
            client_id: client_id.into(),
            text: &text,
            reply_to: None,
            mentions: &[],
            attachments: rooms::Uploads::default(),
        };
        // Sent twice now and then, with another text: what was stored first stays.
        for text in &[text.as_str(), "another"][..1 + dice.below(2)] {
            rooms::send(&mut tx, &NewRoomMessage { text, ..new }, &clock).await.unwrap().unwrap();
        }
        said[at].push(text.replace('\0', "\u{fffd}"));
    }
    for (room, said) in rooms.into_iter().zip(said) {
        assert_eq!(rooms::last_seq(&mut tx, room).await.unwrap(), Some(u64::try_from(said.len()).unwrap()));
        for limit in [1, 7, 100] {
            let (mut replayed, mut seen) = (Vec::new(), u64::try_from(dice.below(10)).unwrap());
            let missed = said[usize::try_from(seen).unwrap()..].to_vec();
            loop {
                let page = rooms::after(&mut tx, room, seen, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.iter().map(|message| message.seq).eq(seen + 1..=last.seq), "a gap");
                seen = last.seq;
                replayed.extend(page.into_iter().map(|entry| entry.message.text));
            }
            assert_eq!(replayed, missed);
        }
        assert!(rooms::after(&mut tx, room, u64::MAX, 9).await.unwrap().is_empty());
        assert!(rooms::before(&mut tx, room, 0, 9).await.unwrap().is_empty());
    }
}

/// A room is closed while somebody speaks: what waited for it is not said, and what was said stays.
#[tokio::test]
async fn nothing_is_said_in_a_room_once_it_is_closed_and_it_goes_on_where_it_was() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let say = async || {
        let new = NewRoomMessage {
            room: a.room,
            user: a.user,
            name: "A",
            client_id: Uuid::new_v4().into(),
            text: "x",
            reply_to: None,
            mentions: &[],
            attachments: rooms::Uploads::default(),
        };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let sent = rooms::send(&mut tx, &new, &clock).await.unwrap();
        tx.commit().await.unwrap();
        sent.map(|sent| sent.message.seq).ok()
    };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let since = clock.utc();
    rooms::close(&mut tx, a.room, Some(since)).await.unwrap();
    let close = async {
        db.until_one_waits().await;
        tx.commit().await.unwrap();
    };
    let (said, ()) = tokio::join!(say(), close);
    assert_eq!((said, say().await), (None, None));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let again = rooms::close(&mut tx, a.room, Some(since + Duration::from_secs(9))).await.unwrap();
    assert_eq!((again.closed_at, again.last_seq), (Some(since), 1), "closed since the first time");
    rooms::close(&mut tx, a.room, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(say().await, Some(2));
}

/// Private rooms of others neither show nor take places of a page.
#[tokio::test]
async fn rooms_are_listed_to_who_may_see_them_without_loss() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (guest, mut dice) = (UserId::generate(&clock), Dice(2));
    let (mut all, mut seen) = (BTreeSet::from([a.room]), BTreeSet::from([a.room]));
    for _ in 0..24 {
        let (is_private, is_member) = (dice.below(3) > 0, dice.below(3) == 0);
        let id = rooms::create(&mut tx, "r", is_private, &clock).await.unwrap().id;
        if is_member {
            rooms::add_member(&mut tx, id, guest, &clock).await.unwrap();
            rooms::add_member(&mut tx, id, guest, &clock).await.unwrap();
            let member = MemberRow { user: guest, role: MemberRole::Member };
            assert_eq!(rooms::members(&mut tx, id, None, 9).await.unwrap(), [member]);
        }
        all.insert(id);
        if is_member || !is_private {
            seen.insert(id);
        }
    }
    for (viewer, expected) in [(Viewer::Anybody, &all), (Viewer::User(guest), &seen)] {
        for limit in [1, 5, 100] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = rooms::list(&mut tx, viewer, after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                listed.extend(page.into_iter().map(|room| room.id));
            }
            assert!(listed.iter().eq(expected), "{viewer:?} {limit}");
        }
    }
}
