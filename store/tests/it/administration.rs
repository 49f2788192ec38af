//! Idempotency, locks, sign-ins and roles.

use crate::fixture::tenant;
use common::{clock::Clock, permission::Permissions, secret::Secret, token::Role};
use std::time::Duration;
use store::{
    ChangeError, Named as _,
    idempotency::{self, Answer, Claim, Keyed},
    roles, sign_ins,
    testing::TestDatabase,
    users::{self, NewUser, UpdateError, UserChange},
};

#[tokio::test]
async fn a_request_is_done_once_and_answered_the_same_and_a_failed_one_may_be_tried_again() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let keyed = Keyed { actor: a.user.as_uuid().into(), key: "key", fingerprint: [7; 32] };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(matches!(idempotency::claim(&mut tx, &keyed, &clock).await.unwrap(), Claim::New));
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(matches!(idempotency::claim(&mut tx, &keyed, &clock).await.unwrap(), Claim::New), "rolled back");
    let answer = Answer { status: 201, body: Secret::new("{\"key\":\"sbk_x\"}".to_owned()) };
    idempotency::record_answer(&mut tx, &keyed, &answer).await.unwrap();
    // The second of two at once waits for the first, and then hears its answer.
    let second = async {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        idempotency::claim(&mut tx, &keyed, &clock).await.unwrap()
    };
    let (committed, second) = tokio::join!(tx.commit(), second);
    committed.unwrap();
    let Claim::Done(again) = second else { panic!("{second:?}") };
    assert_eq!((again.status, again.body.expose()), (201, answer.body.expose()));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let other = Keyed { fingerprint: [8; 32], ..keyed };
    assert!(matches!(idempotency::claim(&mut tx, &other, &clock).await.unwrap(), Claim::Mismatch));
    let somebody_else = Keyed { actor: a.room.as_uuid().into(), ..other };
    assert!(matches!(idempotency::claim(&mut tx, &somebody_else, &clock).await.unwrap(), Claim::New));
}

#[tokio::test]
async fn twenty_wrong_passwords_lock_a_user_for_a_while() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for _ in 0..19 {
        assert!(!users::note_wrong_password(&mut tx, a.user, &clock).await.unwrap());
    }
    assert!(users::note_wrong_password(&mut tx, a.user, &clock).await.unwrap());
    tx.commit().await.unwrap();
    let locked = async || db.store.system().users_by_email("a@example.com").await.unwrap()[0].locked_until;
    assert!(locked().await.is_some_and(|until| until > clock.utc()));
    clock.advance(Duration::from_secs(15 * 60));
    assert!(locked().await.is_some_and(|until| until <= clock.utc()), "it passes by itself");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    users::forgive_wrong_passwords(&mut tx, a.user).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(locked().await, None);
}

#[tokio::test]
async fn an_own_role_decides_and_losing_permissions_ends_sign_ins() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new = NewUser { email: "v@example.com", name: "V", role: Role::User, password_hash: "x" };
    let user = users::create(&mut tx, &new, &clock).await.unwrap();
    assert_eq!(user.permissions, Role::User.permissions());
    let viewer = Permissions::of(&[common::permission::Permission::ConversationsRead]);
    let role = roles::create(&mut tx, "viewer", viewer, &clock).await.unwrap();
    sign_ins::start(&mut tx, user.id, &[3; 32], &sign_ins::Device::default(), &clock).await.unwrap();
    let rename = UserChange { name: Some("Vi"), ..UserChange::default() };
    users::update(&mut tx, user.id, &rename, &clock).await.unwrap();
    assert_eq!(sign_ins::of_user(&mut tx, user.id, &clock).await.unwrap().len(), 1);
    let narrow = UserChange { role_id: Some(Some(role.id)), ..UserChange::default() };
    let (changed, ended) = users::update(&mut tx, user.id, &narrow, &clock).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!((changed.permissions, changed.name.as_str()), (viewer, "Vi"));
    assert_eq!(sign_ins::of_user(&mut tx, user.id, &clock).await.unwrap(), []);
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(matches!(roles::NamedRole::delete(&mut tx, role.id).await, Err(ChangeError::Referenced)));
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let again = roles::create(&mut tx, "viewer", viewer, &clock).await;
    assert!(matches!(again, Err(ChangeError::Taken)));
}

#[tokio::test]
async fn the_last_administrator_stays_and_who_is_deactivated_cannot_sign_in() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let leave = UserChange { active: Some(false), ..UserChange::default() };
    let refused = users::update(&mut tx, a.user, &leave, &clock).await;
    assert!(matches!(refused, Err(UpdateError::LastAdministrator)), "{refused:?}");
    drop(tx);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new = NewUser { email: "second@example.com", name: "S", role: Role::Admin, password_hash: "x" };
    users::create(&mut tx, &new, &clock).await.unwrap();
    users::update(&mut tx, a.user, &leave, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(db.store.system().users_by_email("a@example.com").await.unwrap().is_empty());
}
