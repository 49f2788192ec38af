//! Who writes is held to what the store says in that moment; who reads is told what ended.

use crate::fixture::{owner, tenant};
use common::{
    clock::Clock,
    id::{SignInId, UserId},
    permission::{Permission, Permissions},
    revocation::Ended,
    token::{Role, Standing},
};
use sqlx::{AssertSqlSafe, Executor};
use std::time::Duration;
use store::{
    StoreError, elevations, roles, rooms, sign_ins,
    standing::{self, Writer},
    testing::TestDatabase,
    users::{self, UserChange},
};

struct Person {
    db: TestDatabase,
    account: common::id::AccountId,
    standing: Standing,
    administrator: UserId,
}

/// A user beside the account's administrator, signed in.
async fn person(clock: &dyn Clock) -> Person {
    let db = TestDatabase::create().await;
    let a = tenant(&db, "a", clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new = users::NewUser { email: "ben@a.example", name: "Ben", role: Role::User, password_hash: "x" };
    let user = users::create(&mut tx, &new, clock).await.unwrap().id;
    let device = sign_ins::Device::default();
    let sign_in = sign_ins::start(&mut tx, user, &[7; 32], &device, clock).await.unwrap();
    tx.commit().await.unwrap();
    let permissions = Role::User.permissions();
    let standing =
        Standing { user, sign_in: Some(sign_in), permissions, lasting: permissions, issued_at: clock.utc() };
    Person { db, account: a.account, standing, administrator: a.user }
}

impl Person {
    async fn holds(&self, standing: Standing, clock: &dyn Clock) -> bool {
        let mut tx = self.db.store.tenant(self.account).await.unwrap();
        standing::holds(&mut tx, &Writer::Person(standing), clock).await.unwrap()
    }

    async fn change(&self, change: UserChange<'_>, clock: &dyn Clock) {
        let mut tx = self.db.store.tenant(self.account).await.unwrap();
        users::update(&mut tx, self.standing.user, &change, clock).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_holds_as_long_as_sign_in_and_user_do() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    assert!(ben.holds(ben.standing, &clock).await);
    let unknown = Standing { sign_in: Some(SignInId::generate(&clock)), ..ben.standing };
    assert!(!ben.holds(unknown, &clock).await, "a sign-in that never was");
    let anothers = Standing { user: ben.administrator, ..ben.standing };
    assert!(!ben.holds(anothers, &clock).await, "a sign-in of somebody else");
    ben.change(UserChange { active: Some(false), ..UserChange::default() }, &clock).await;
    assert!(!ben.holds(ben.standing, &clock).await);
}

/// Each end shows, though nothing but the one thing it is about has changed.
#[tokio::test]
async fn a_token_does_not_outlive_its_sign_in_nor_say_more_than_the_user_may() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    let mut owner = owner(&ben.db).await;
    let mut run = async |statement: String| {
        owner.execute(AssertSqlSafe(statement)).await.unwrap();
    };
    let user = ben.standing.user;
    run(format!("UPDATE users SET role = 'AGENT_USER' WHERE id = '{user}'")).await;
    assert!(!ben.holds(ben.standing, &clock).await, "the role is lower");
    run(format!("UPDATE users SET role = 'ADMIN' WHERE id = '{user}'")).await;
    assert!(ben.holds(ben.standing, &clock).await, "a greater role takes nothing away");
    run(format!("UPDATE users SET deactivated_at = now() WHERE id = '{user}'")).await;
    assert!(!ben.holds(ben.standing, &clock).await, "the user is deactivated");
    run(format!("UPDATE users SET deactivated_at = NULL WHERE id = '{user}'")).await;
    assert!(ben.holds(ben.standing, &clock).await);
    run(format!("UPDATE sign_ins SET revoked_at = now() WHERE user_id = '{user}'")).await;
    assert!(!ben.holds(ben.standing, &clock).await, "the sign-in is over");
}

#[tokio::test]
async fn a_role_of_the_accounts_own_is_read_as_it_is_now() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    let both = Permissions::of(&[Permission::RoomsRead, Permission::UsersRead]);
    let one = Permissions::of(&[Permission::RoomsRead]);
    let mut tx = ben.db.store.tenant(ben.account).await.unwrap();
    let role = roles::create(&mut tx, "watcher", both, &clock).await.unwrap().id;
    tx.commit().await.unwrap();
    let change =
        format!("UPDATE users SET role_id = '{}' WHERE id = '{}'", role.as_uuid(), ben.standing.user);
    owner(&ben.db).await.execute(AssertSqlSafe(change)).await.unwrap();
    let says = |permissions| Standing { permissions, lasting: permissions, ..ben.standing };
    assert!(ben.holds(says(both), &clock).await && !ben.holds(ben.standing, &clock).await);
    let before = clock.utc();
    clock.advance(Duration::from_secs(1));
    let mut tx = ben.db.store.tenant(ben.account).await.unwrap();
    roles::update(&mut tx, role, "watcher", one, &clock).await.unwrap();
    assert_eq!(roles::holders(&mut tx, role).await.unwrap(), [ben.standing.user]);
    tx.commit().await.unwrap();
    assert!(ben.holds(says(one), &clock).await && !ben.holds(says(both), &clock).await);
    let ended = ben.db.store.system().ended_since(before).await.unwrap();
    assert_eq!(ended.iter().map(|it| it.what).collect::<Vec<_>>(), [Ended::Permissions(ben.standing.user)]);
    // Giving it back, or another name, ends nothing.
    let before = clock.utc();
    let mut tx = ben.db.store.tenant(ben.account).await.unwrap();
    roles::update(&mut tx, role, "looker", both, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(ben.db.store.system().ended_since(before).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_elevation_holds_until_it_ends_by_itself_or_is_ended() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    let elevated = Standing { permissions: Permissions::ALL, ..ben.standing };
    assert!(!ben.holds(elevated, &clock).await);
    let grant = async || {
        let mut tx = ben.db.store.tenant(ben.account).await.unwrap();
        let new = elevations::NewElevation {
            user: ben.standing.user,
            role_name: "ADMIN",
            permissions: Permissions::ALL,
            reason: "a try",
            minutes: 5,
        };
        let id = elevations::request(&mut tx, &new, &clock).await.unwrap().unwrap().id;
        let until = clock.utc() + Duration::from_secs(300);
        elevations::decide(&mut tx, id, ben.administrator, Some(until), &clock).await.unwrap();
        tx.commit().await.unwrap();
        id
    };
    grant().await;
    assert!(ben.holds(elevated, &clock).await);
    clock.advance(Duration::from_secs(300));
    assert!(!ben.holds(elevated, &clock).await && ben.holds(ben.standing, &clock).await);
    let id = grant().await;
    let before = clock.utc();
    clock.advance(Duration::from_secs(1));
    let mut tx = ben.db.store.tenant(ben.account).await.unwrap();
    elevations::end(&mut tx, id, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!ben.holds(elevated, &clock).await && ben.holds(ben.standing, &clock).await);
    let ended = ben.db.store.system().ended_since(before).await.unwrap();
    assert_eq!(ended.iter().map(|it| it.what).collect::<Vec<_>>(), [Ended::Elevation(ben.standing.user)]);
}

#[tokio::test]
async fn every_sign_in_that_ended_lately_is_told() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    let before = clock.utc();
    clock.advance(Duration::from_secs(1));
    ben.change(UserChange { active: Some(false), ..UserChange::default() }, &clock).await;
    let ended = ben.db.store.system().ended_since(before).await.unwrap();
    assert_eq!(
        ended.iter().map(|it| it.what).collect::<Vec<_>>(),
        [Ended::SignIn(ben.standing.sign_in.unwrap())]
    );
    assert_eq!(ended[0].at, clock.utc());
    assert!(ben.db.store.system().ended_since(clock.utc()).await.unwrap().is_empty());
}

/// So that a handler which forgets that it writes does not get away with it.
#[tokio::test]
async fn what_was_begun_to_read_cannot_write() {
    let clock = TestDatabase::clock();
    let ben = person(&clock).await;
    let mut tx = ben.db.store.reading(ben.account).await.unwrap();
    assert!(users::find(&mut tx, ben.standing.user).await.unwrap().is_some());
    let Err(StoreError::Database(refused)) = rooms::create(&mut tx, "lobby", false, &clock).await else {
        panic!("the database lets a reader write");
    };
    let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    assert_eq!(code.as_deref(), Some("25006"), "read_only_sql_transaction: {refused}");
}
