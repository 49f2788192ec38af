//! Users and what they may do: the last administrator, locks, elevations.

use crate::fixture::{Dice, tenant, user};
use common::{
    clock::Clock,
    permission::{Permission, Permissions},
    token::Role,
};
use std::{sync::Arc, time::Duration};
use store::{
    elevations::{self, NewElevation},
    testing::TestDatabase,
    users::{self, FAILURES_MAX, LOCK_TIME, UpdateError, UserChange},
};
use tokio::task::JoinSet;

const LEAVE: UserChange<'static> = UserChange { name: None, role: None, role_id: None, active: Some(false) };

#[tokio::test]
async fn two_administrators_cannot_deactivate_each_other_at_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let second = user(&db, a.account, "second@example.com", &clock).await;
    let deactivate = async |id| {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let done = users::update(&mut tx, id, &LEAVE, &clock).await;
        if done.is_ok() {
            tx.commit().await.unwrap();
        }
        done
    };
    let (one, other) = tokio::join!(deactivate(a.user), deactivate(second));
    let refused: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert!(matches!(refused[..], [UpdateError::LastAdministrator]), "{refused:?}");
}

/// All of an outside issuer's users: who administers such an account is said by their tokens.
#[tokio::test]
async fn where_nobody_is_administrator_users_can_be_changed_all_the_same() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("outside", &clock).await;
    let id = common::id::UserId::generate(&clock);
    let mut tx = db.store.tenant(account).await.unwrap();
    users::create_if_absent(&mut tx, id, "Grace", Role::User, &clock).await.unwrap();
    let rename = UserChange { name: Some("Hopper"), ..UserChange::default() };
    let (changed, ended) = users::update(&mut tx, id, &rename, &clock).await.unwrap();
    assert_eq!((changed.name.as_str(), ended.len()), ("Hopper", 0));
    let (left, _) = users::update(&mut tx, id, &LEAVE, &clock).await.unwrap();
    assert!(left.deactivated_at.is_some());
}

#[tokio::test]
async fn wrong_passwords_that_come_at_once_are_all_counted_and_lock_once() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut guesses = JoinSet::new();
    for _ in 0..FAILURES_MAX + 3 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        guesses.spawn(async move {
            let mut tx = store.tenant(a.account).await.unwrap();
            let locked = users::note_wrong_password(&mut tx, a.user, &*clock).await.unwrap();
            tx.commit().await.unwrap();
            locked
        });
    }
    let locks = guesses.join_all().await.into_iter().filter(|locked| *locked).count();
    assert_eq!(locks, 1);
    let found = db.store.system().users_by_email("A@example.com ").await.unwrap();
    assert_eq!(found[0].locked_until, Some(clock.utc() + LOCK_TIME));
    let kept = &db.contents(a.account).await["users"][0];
    assert_eq!(kept["failed_sign_ins"], 3, "those after the lock count towards the next");
}

#[tokio::test]
async fn elevations_that_are_asked_for_at_once_are_no_more_than_may_wait() {
    let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
    let a = tenant(&db, "a", &*clock).await;
    let mut requests = JoinSet::new();
    for _ in 0..elevations::PENDING_MAX + 4 {
        let (store, clock) = (db.store.clone(), Arc::clone(&clock));
        requests.spawn(async move {
            let new = NewElevation {
                user: a.user,
                role_name: "r",
                permissions: Permissions::ALL,
                reason: "x",
                minutes: 1,
            };
            let mut tx = store.tenant(a.account).await.unwrap();
            let made = elevations::request(&mut tx, &new, &*clock).await.unwrap();
            tx.commit().await.unwrap();
            made.is_some()
        });
    }
    let made = requests.join_all().await.into_iter().filter(|made| *made).count();
    // One is the fixture's.
    assert_eq!(i64::try_from(made).unwrap(), elevations::PENDING_MAX - 1);
    clock.advance(elevations::DECIDED_WITHIN);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new =
        NewElevation { user: a.user, role_name: "r", permissions: Permissions::ALL, reason: "x", minutes: 1 };
    let later = elevations::request(&mut tx, &new, &*clock).await.unwrap();
    assert!(later.is_some(), "what nobody decides on in time waits no more");
}

/// What is granted, refused and ended at random, against what its documentation says.
#[tokio::test]
async fn elevations_add_up_while_they_last() {
    const GRANTED: [Permission; 4] = [
        Permission::ConversationsRead,
        Permission::ContactsRead,
        Permission::AuditEntriesRead,
        Permission::ApiKeysManage,
    ];
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let other = user(&db, a.account, "other@example.com", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (mut dice, mut granted) = (Dice(7), Vec::new());
    for round in 0..60 {
        match dice.below(4) {
            0 | 1 => {
                let permissions = Permissions::of(&[*dice.pick(&GRANTED)]);
                let new = NewElevation { user: a.user, role_name: "r", permissions, reason: "x", minutes: 1 };
                if let Some(made) = elevations::request(&mut tx, &new, &clock).await.unwrap() {
                    let until = clock.utc() + Duration::from_secs(60 * u64::try_from(dice.below(5)).unwrap());
                    let until = (dice.below(3) > 0).then_some(until);
                    elevations::decide(&mut tx, made.id, other, until, &clock).await.unwrap();
                    granted.extend(until.map(|until| (made.id, permissions, until)));
                }
            }
            2 if !granted.is_empty() => {
                let (id, ..) = granted.swap_remove(dice.below(granted.len()));
                elevations::end(&mut tx, id, &clock).await.unwrap();
            }
            _ => clock.advance(Duration::from_secs(30)),
        }
        let lasting = granted.iter().filter(|(_, _, until)| *until > clock.utc());
        let expected = lasting
            .map(|(_, permissions, until)| (*permissions, *until))
            .reduce(|(some, first), (more, second)| (some.or(more), first.min(second)));
        assert_eq!(elevations::active(&mut tx, a.user, &clock).await.unwrap(), expected, "round {round}");
    }
}
