//! Links by which guests come into a room.

use crate::fixture::{Tenant, join_link, tenant};
use common::{
    clock::{Clock as _, ManualClock},
    guest::Right,
};
use std::time::Duration;
use store::{
    join_links::{self, JoinLink, JoinLinkHash},
    rooms,
    testing::TestDatabase,
};
use tokio::task::JoinSet;

const FIRST: JoinLinkHash = [201; 32];
const SECOND: JoinLinkHash = [202; 32];
const UNKNOWN: JoinLinkHash = [203; 32];

async fn make(
    db: &TestDatabase,
    a: &Tenant,
    hash: &JoinLinkHash,
    max: Option<u16>,
    clock: &ManualClock,
) -> JoinLink {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let link = join_link(&mut tx, (a.room, a.user), hash, max, clock).await;
    tx.commit().await.unwrap();
    link
}

async fn redeem(db: &TestDatabase, a: &Tenant, hash: &JoinLinkHash, clock: &ManualClock) -> Option<JoinLink> {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let redeemed = join_links::redeem(&mut tx, hash, clock).await.unwrap();
    tx.commit().await.unwrap();
    redeemed
}

#[tokio::test]
async fn a_link_lets_in_as_many_as_it_is_for_though_more_come_at_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let made = make(&db, &a, &FIRST, Some(3), &clock).await;
    assert_eq!(made.rights, [Right::SendMedia, Right::ReceiveMedia].into());
    assert_eq!((made.uses, made.uses_max, made.is_open(clock.utc())), (0, Some(3), true));
    let guests: JoinSet<_> = (0..8)
        .map(|_| {
            let (store, account, clock) = (db.store.clone(), a.account, TestDatabase::clock());
            async move {
                let mut tx = store.tenant(account).await.unwrap();
                let redeemed = join_links::redeem(&mut tx, &FIRST, &clock).await.unwrap();
                tx.commit().await.unwrap();
                redeemed
            }
        })
        .collect();
    let mut uses: Vec<u32> = guests.join_all().await.into_iter().flatten().map(|link| link.uses).collect();
    uses.sort_unstable();
    assert_eq!(uses, [1, 2, 3]);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(!join_links::find(&mut tx, &FIRST).await.unwrap().unwrap().is_open(clock.utc()));
    assert_eq!(join_links::find(&mut tx, &UNKNOWN).await.unwrap(), None);
}

#[tokio::test]
async fn a_link_ends_in_time_when_it_is_taken_back_and_with_its_room_for_good() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    make(&db, &a, &FIRST, None, &clock).await;
    clock.advance(Duration::from_secs(60 * 60 - 1));
    assert!(redeem(&db, &a, &FIRST, &clock).await.is_some());
    clock.advance(Duration::from_secs(1));
    assert!(redeem(&db, &a, &FIRST, &clock).await.is_none(), "it is over");

    let second = make(&db, &a, &SECOND, None, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let elsewhere = common::id::RoomId::generate(&clock);
    assert_eq!(join_links::revoke(&mut tx, elsewhere, second.id, &clock).await.unwrap(), None);
    let revoked = join_links::revoke(&mut tx, a.room, second.id, &clock).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(clock.utc()));
    assert_eq!(join_links::revoke(&mut tx, a.room, second.id, &clock).await.unwrap(), None, "once");
    tx.commit().await.unwrap();
    assert!(redeem(&db, &a, &SECOND, &clock).await.is_none());

    // Later ones sort later.
    clock.advance(Duration::from_millis(1));
    let third = make(&db, &a, &UNKNOWN, None, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    rooms::close(&mut tx, a.room, Some(clock.utc())).await.unwrap();
    rooms::close(&mut tx, a.room, None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(redeem(&db, &a, &UNKNOWN, &clock).await.is_none(), "though the room is open again");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let links = join_links::list(&mut tx, a.room, Some(second.id), 9).await.unwrap();
    assert_eq!(links.iter().map(|link| link.id).collect::<Vec<_>>(), [third.id]);
    rooms::delete(&mut tx, a.room).await.unwrap();
    assert_eq!(join_links::list(&mut tx, a.room, None, 9).await.unwrap(), []);
}

/// A token says whose it is, and nothing of it opens another account.
#[tokio::test]
async fn a_link_is_found_in_its_own_account_alone() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let link = make(&db, &b, &FIRST, None, &clock).await;
    let system = db.store.system();
    assert_eq!(system.account_of_join_link(&FIRST).await.unwrap(), Some(b.account));
    assert_eq!(system.account_of_join_link(&UNKNOWN).await.unwrap(), None);
    assert!(redeem(&db, &a, &FIRST, &clock).await.is_none());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(join_links::find(&mut tx, &FIRST).await.unwrap(), None);
    assert_eq!(join_links::list(&mut tx, b.room, None, 9).await.unwrap(), []);
    assert_eq!(join_links::revoke(&mut tx, b.room, link.id, &clock).await.unwrap(), None);
    let into_theirs = join_links::NewJoinLink {
        room: b.room,
        rights: &link.rights,
        hash: &SECOND,
        created_by: a.user,
        good_for: Duration::from_secs(1),
        uses_max: None,
    };
    let refused = join_links::create(&mut tx, &into_theirs, &clock).await;
    assert!(matches!(refused, Err(store::ChangeError::Referenced)), "a room of another account");
}
