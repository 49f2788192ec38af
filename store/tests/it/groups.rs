//! What members are in rooms, who may not speak or enter, rooms of two, and rooms of a name.

use crate::fixture::tenant;
use common::{
    clock::{Clock, SystemClock},
    id::{RoomId, UserId},
    protocol::room::MemberRole,
    room_name::RoomName,
    token::Role,
};
use std::{sync::Arc, time::Duration};
use store::{
    rooms::{self, MemberRow, Opened, Restrictions},
    testing::TestDatabase,
    users,
};

#[tokio::test]
async fn two_users_have_one_room_whoever_opens_it_and_however_often_at_once() {
    let (db, clock) = (Arc::new(TestDatabase::create().await), TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let other = UserId::generate(&clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    users::create_if_absent(&mut tx, other, "Ben", Role::AgentUser, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let mut opening = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (db, account) = (Arc::clone(&db), a.account);
        let pair = if n % 2 == 0 { (a.user, other) } else { (other, a.user) };
        opening.spawn(async move {
            let mut tx = db.store.tenant(account).await.unwrap();
            let room = rooms::open_direct(&mut tx, pair, "Ada, Ben", &SystemClock).await.unwrap();
            tx.commit().await.unwrap();
            room
        });
    }
    let opened = opening.join_all().await;
    let room = opened[0].clone();
    assert!(room.is_direct && room.is_private && opened.iter().all(|other| *other == room));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let members = rooms::members(&mut tx, room.id, None, 9).await.unwrap();
    assert_eq!(members.iter().map(|row| row.user).collect::<Vec<_>>(), {
        let mut two = [a.user, other];
        two.sort_unstable();
        two
    });
    let with = rooms::direct_with(&mut tx, a.user, &[room.id, a.room]).await.unwrap();
    let with: Vec<_> = with.into_iter().map(|(id, with)| (id, with.user_id, with.name)).collect();
    assert_eq!(with, [(room.id, other, "Ben".to_owned())]);
    let third = UserId::generate(&clock);
    assert!(rooms::direct_with(&mut tx, third, &[room.id]).await.unwrap().is_empty());
    let next = rooms::open_direct(&mut tx, (a.user, third), "x", &clock).await.unwrap();
    assert_ne!(next.id, room.id);
    rooms::delete(&mut tx, room.id).await.unwrap();
    assert_ne!(rooms::open_direct(&mut tx, (other, a.user), "x", &clock).await.unwrap().id, room.id);
}

#[tokio::test]
async fn a_room_that_others_belong_to_keeps_an_owner() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let room = rooms::create(&mut tx, "den", true, &clock).await.unwrap().id;
    let mut two = [UserId::generate(&clock), UserId::generate(&clock)];
    two.sort_unstable();
    let [ada, ben] = two;
    rooms::add_member(&mut tx, room, ada, &clock).await.unwrap();
    assert!(rooms::set_role(&mut tx, room, ada, MemberRole::Owner).await.unwrap());
    assert!(!rooms::set_role(&mut tx, room, ben, MemberRole::Owner).await.unwrap(), "they are no member");
    assert!(rooms::has_other_owner(&mut tx, room, ada).await.unwrap(), "nobody is left to own it for");
    rooms::add_member(&mut tx, room, ben, &clock).await.unwrap();
    assert!(!rooms::has_other_owner(&mut tx, room, ada).await.unwrap());
    rooms::set_role(&mut tx, room, ben, MemberRole::Owner).await.unwrap();
    assert!(rooms::has_other_owner(&mut tx, room, ada).await.unwrap());
    // Made a member again, they stay what they are.
    rooms::add_member(&mut tx, room, ben, &clock).await.unwrap();
    assert_eq!(rooms::role_of(&mut tx, room, ben).await.unwrap(), Some(MemberRole::Owner));
    let all = rooms::members(&mut tx, room, Some(ada), 9).await.unwrap();
    assert_eq!(all, [MemberRow { user: ben, role: MemberRole::Owner }]);
    rooms::remove(&mut tx, room, ben, &clock).await.unwrap();
    rooms::add_member(&mut tx, room, ben, &clock).await.unwrap();
    assert_eq!(rooms::role_of(&mut tx, room, ben).await.unwrap(), Some(MemberRole::Member));
}

#[tokio::test]
async fn who_is_muted_is_so_until_then_and_who_is_banned_until_somebody_ends_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (now, second) = (clock.utc(), Duration::from_secs(1));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let room: RoomId = rooms::create(&mut tx, "den", false, &clock).await.unwrap().id;
    let ada = UserId::generate(&clock);
    rooms::mute(&mut tx, room, ada, None, &clock).await.unwrap();
    rooms::mute(&mut tx, room, ada, Some(now + second), &clock).await.unwrap();
    rooms::ban(&mut tx, room, ada, &clock).await.unwrap();
    rooms::ban(&mut tx, room, ada, &clock).await.unwrap();
    for (at, is_muted) in [(now, true), (now + second, false)] {
        let muted_until = is_muted.then_some(now + second);
        let expected = Restrictions { is_muted, muted_until, is_banned: true };
        assert_eq!(rooms::restrictions(&mut tx, room, ada, at).await.unwrap(), expected);
        let (_, facts) = rooms::find(&mut tx, room, Some(ada), at).await.unwrap().unwrap();
        assert_eq!((facts.is_muted, facts.is_banned), (is_muted, true));
        assert_eq!(rooms::mutes(&mut tx, room, None, 9, at).await.unwrap().len(), usize::from(is_muted));
    }
    assert_eq!(rooms::bans(&mut tx, room, None, 9).await.unwrap()[0].user_id, ada);
    assert!(rooms::bans(&mut tx, room, Some(ada), 9).await.unwrap().is_empty());
    rooms::unmute(&mut tx, room, ada).await.unwrap();
    rooms::unban(&mut tx, room, ada).await.unwrap();
    assert_eq!(rooms::restrictions(&mut tx, room, ada, now).await.unwrap(), Restrictions::default());
}

#[tokio::test]
async fn a_name_is_one_room_however_many_open_it_at_once_and_each_account_has_its_own() {
    let (db, clock) = (Arc::new(TestDatabase::create().await), TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let name = RoomName::parse("board 7").unwrap();
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, account, name) = (Arc::clone(&db), a.account, name.clone());
        opening.spawn(async move {
            let mut tx = db.store.tenant(account).await.unwrap();
            let opened = rooms::open_by_name(&mut tx, &name, 2, &SystemClock).await.unwrap();
            tx.commit().await.unwrap();
            opened
        });
    }
    let opened = opening.join_all().await;
    let Opened::Room(room) = opened[0] else { panic!("it has none") };
    assert!(opened.iter().all(|other| *other == Opened::Room(room)));
    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert_eq!(rooms::find_by_name(&mut tx, &name).await.unwrap(), None, "another account's is not there");
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(rooms::find_by_name(&mut tx, &name).await.unwrap(), Some(room));
    let (found, _) = rooms::find(&mut tx, room, None, clock.utc()).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.is_private, found.is_direct), ("board 7", false, false));
    let other = |text: &str| RoomName::parse(text).unwrap();
    let long = rooms::open_by_name(&mut tx, &other(&"x".repeat(255)), 2, &clock).await.unwrap();
    assert!(matches!(long, Opened::Room(_)));
    assert_eq!(rooms::open_by_name(&mut tx, &other("third"), 2, &clock).await.unwrap(), Opened::TooMany);
    assert_eq!(
        rooms::open_by_name(&mut tx, &name, 2, &clock).await.unwrap(),
        Opened::Room(room),
        "it is there"
    );
    rooms::delete(&mut tx, room).await.unwrap();
    let again = rooms::open_by_name(&mut tx, &name, 2, &clock).await.unwrap();
    assert!(matches!(again, Opened::Room(next) if next != room));
}
