//! Refresh tokens: good once, and a second use ends the sign-in, unless a second tab was as quick.

use crate::fixture::tenant;
use common::{clock::ManualClock, id::AccountId, token::REFRESH_TOKEN_TIME};
use std::{sync::Arc, time::Duration};
use store::{
    sign_ins::{self, REUSE_GRACE, Rotation, SUCCESSORS_MAX, TokenHash},
    testing::TestDatabase,
    users,
};
use tokio::task::JoinSet;

async fn rotate(
    db: &TestDatabase,
    account: AccountId,
    old: TokenHash,
    new: TokenHash,
    clock: &ManualClock,
) -> Rotation {
    assert_eq!(db.store.system().account_of_refresh_token(&old).await.unwrap(), Some(account));
    let mut tx = db.store.tenant(account).await.unwrap();
    let rotation = sign_ins::rotate(&mut tx, &old, &new, clock).await.unwrap();
    tx.commit().await.unwrap();
    rotation
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_sign_in_for_its_successor_too() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let first = a.refresh_token;
    let Rotation::Rotated { sign_in, user } = rotate(&db, a.account, first, [2; 32], &clock).await else {
        panic!("a fresh token is good");
    };
    assert_eq!(user, a.user);
    assert!(matches!(rotate(&db, a.account, [2; 32], [3; 32], &clock).await, Rotation::Rotated { .. }));
    assert_eq!(rotate(&db, a.account, first, [4; 32], &clock).await, Rotation::Reused { sign_in });
    assert_eq!(rotate(&db, a.account, [3; 32], [5; 32], &clock).await, Rotation::Invalid);
    assert_eq!(rotate(&db, a.account, first, [6; 32], &clock).await, Rotation::Invalid, "it is told once");
}

/// Who has mistyped signs in from two devices at once: both change the row that both hold.
#[tokio::test]
async fn two_who_sign_in_at_once_after_a_wrong_password_do_not_wait_for_each_other() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    users::note_wrong_password(&mut tx, a.user, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let mut first = db.store.tenant(a.account).await.unwrap();
    users::lock_for_sign_in(&mut first, a.user).await.unwrap();
    let second = async {
        let mut second = db.store.tenant(a.account).await.unwrap();
        users::lock_for_sign_in(&mut second, a.user).await.unwrap();
        users::forgive_wrong_passwords(&mut second, a.user).await.unwrap();
        second.commit().await.unwrap();
    };
    let first = async {
        db.until_one_waits().await;
        users::forgive_wrong_passwords(&mut first, a.user).await.unwrap();
        first.commit().await.unwrap();
    };
    tokio::join!(second, first);
}

/// As many tabs as there may be, and one more.
#[tokio::test]
async fn tabs_that_present_a_token_at_once_all_get_a_successor_but_for_one_too_many() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut tabs = JoinSet::new();
    for number in 0..=u8::try_from(SUCCESSORS_MAX).unwrap() {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        tabs.spawn(async move {
            let mut tx = store.tenant(a.account).await.unwrap();
            let rotation = sign_ins::rotate(&mut tx, &a.refresh_token, &[number; 32], &*clock).await.unwrap();
            tx.commit().await.unwrap();
            rotation
        });
    }
    let rotations = tabs.join_all().await;
    let good = rotations.iter().filter(|rotation| matches!(rotation, Rotation::Rotated { .. })).count();
    assert_eq!(i64::try_from(good).unwrap(), SUCCESSORS_MAX);
    assert_eq!(rotations.iter().filter(|rotation| matches!(rotation, Rotation::Reused { .. })).count(), 1);
}

async fn rotates(db: &TestDatabase, account: AccountId, old: u8, new: u8, clock: &ManualClock) -> bool {
    matches!(rotate(db, account, [old; 32], [new; 32], clock).await, Rotation::Rotated { .. })
}

#[tokio::test]
async fn a_token_may_be_presented_again_for_ten_seconds_until_a_successor_is_used() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    assert!(matches!(
        rotate(&db, a.account, a.refresh_token, [1; 32], &clock).await,
        Rotation::Rotated { .. }
    ));
    assert!(rotates(&db, a.account, 1, 2, &clock).await);
    clock.advance(REUSE_GRACE);
    assert!(rotates(&db, a.account, 1, 3, &clock).await, "the second tab was late, but in time");
    // Both tabs have gone on with what the second one was given.
    clock.advance(Duration::from_secs(600));
    assert!(rotates(&db, a.account, 3, 4, &clock).await);
    assert!(rotates(&db, a.account, 2, 5, &clock).await, "the first one had the other successor just then");
    assert!(rotates(&db, a.account, 5, 6, &clock).await);
    // Too soon to be late, but what it would replace has been replaced already.
    assert!(matches!(rotate(&db, a.account, [3; 32], [7; 32], &clock).await, Rotation::Reused { .. }));
    assert_eq!(rotate(&db, a.account, [6; 32], [8; 32], &clock).await, Rotation::Invalid);
}

/// The thief was as quick as a second tab would be. Whoever of the two comes second is noticed.
#[tokio::test]
async fn a_thief_who_was_quick_is_noticed_at_the_next_refresh() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    for (name, first, second) in [("a", 2, 3), ("b", 3, 2)] {
        let account = tenant(&db, name, &clock).await;
        let key = name.as_bytes()[0];
        let owners = [key; 32];
        let mark = |number: u8| [key ^ (number << 4); 32];
        assert!(matches!(
            rotate(&db, account.account, account.refresh_token, owners, &clock).await,
            Rotation::Rotated { .. }
        ));
        for successor in [2, 3] {
            let rotation = rotate(&db, account.account, owners, mark(successor), &clock).await;
            assert!(matches!(rotation, Rotation::Rotated { .. }));
        }
        clock.advance(Duration::from_secs(600));
        let rotation = rotate(&db, account.account, mark(first), mark(4), &clock).await;
        assert!(matches!(rotation, Rotation::Rotated { .. }));
        clock.advance(REUSE_GRACE + Duration::from_secs(1));
        let rotation = rotate(&db, account.account, mark(second), mark(5), &clock).await;
        assert!(matches!(rotation, Rotation::Reused { .. }));
        assert_eq!(rotate(&db, account.account, mark(4), mark(6), &clock).await, Rotation::Invalid);
    }
}

#[tokio::test]
async fn a_token_presented_again_after_the_grace_ends_the_sign_in() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    assert!(matches!(
        rotate(&db, a.account, a.refresh_token, [1; 32], &clock).await,
        Rotation::Rotated { .. }
    ));
    clock.advance(REUSE_GRACE + Duration::from_millis(1));
    let reused = rotate(&db, a.account, a.refresh_token, [2; 32], &clock).await;
    assert!(matches!(reused, Rotation::Reused { .. }));
    assert_eq!(rotate(&db, a.account, [1; 32], [3; 32], &clock).await, Rotation::Invalid);
}

#[tokio::test]
async fn a_token_expires_and_signing_out_ends_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(b.account).await.unwrap();
    sign_ins::revoke_by_token(&mut tx, &b.refresh_token, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rotate(&db, b.account, b.refresh_token, [8; 32], &clock).await, Rotation::Invalid);
    clock.advance(REFRESH_TOKEN_TIME);
    assert_eq!(rotate(&db, a.account, a.refresh_token, [9; 32], &clock).await, Rotation::Invalid);
}
