//! Refresh tokens: good once, and a second use ends the sign-in.

use crate::fixture::tenant;
use common::{clock::ManualClock, id::AccountId, token::REFRESH_TOKEN_TIME};
use std::sync::Arc;
use store::{
    sessions::{self, Rotation, TokenHash},
    testing::TestDatabase,
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
    let rotation = sessions::rotate(&mut tx, &old, &new, clock).await.unwrap();
    tx.commit().await.unwrap();
    rotation
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_sign_in_for_its_successor_too() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let first = a.refresh_token;
    let Rotation::Rotated { session, user } = rotate(&db, a.account, first, [2; 32], &clock).await else {
        panic!("a fresh token is good");
    };
    assert_eq!(user, a.user);
    assert!(matches!(rotate(&db, a.account, [2; 32], [3; 32], &clock).await, Rotation::Rotated { .. }));
    assert_eq!(rotate(&db, a.account, first, [4; 32], &clock).await, Rotation::Reused { session });
    assert_eq!(rotate(&db, a.account, [3; 32], [5; 32], &clock).await, Rotation::Invalid);
}

#[tokio::test]
async fn of_two_who_present_a_token_at_once_only_one_is_first() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut thieves = JoinSet::new();
    for number in 0..4 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        thieves.spawn(async move {
            let mut tx = store.tenant(a.account).await.unwrap();
            let rotation = sessions::rotate(&mut tx, &a.refresh_token, &[number; 32], &*clock).await.unwrap();
            tx.commit().await.unwrap();
            rotation
        });
    }
    let rotations = thieves.join_all().await;
    assert_eq!(rotations.iter().filter(|rotation| matches!(rotation, Rotation::Rotated { .. })).count(), 1);
    assert_eq!(rotations.iter().filter(|rotation| matches!(rotation, Rotation::Reused { .. })).count(), 3);
}

#[tokio::test]
async fn a_token_expires_and_signing_out_ends_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut tx = db.store.tenant(b.account).await.unwrap();
    sessions::revoke_by_token(&mut tx, &b.refresh_token, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rotate(&db, b.account, b.refresh_token, [8; 32], &clock).await, Rotation::Invalid);
    clock.advance(REFRESH_TOKEN_TIME);
    assert_eq!(rotate(&db, a.account, a.refresh_token, [9; 32], &clock).await, Rotation::Invalid);
}
