//! Connecting, and getting the database ready for it.

use crate::fixture::owner;
use common::secret::Secret;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use std::{
    task::{Context, Waker},
    time::Duration,
};
use store::{
    SealKeyring, Store, StoreConfig, StoreError, bootstrap,
    testing::{SEAL_KEY, TestDatabase, URL_VARIABLE},
};
use tokio::time::timeout;

fn config(app_url: Secret, system_url: Secret) -> StoreConfig {
    let seal_keys = SealKeyring::from_base64([(1, Secret::new(SEAL_KEY.to_owned()))]).unwrap();
    StoreConfig { app_url, system_url, seal_keys }
}

#[tokio::test]
async fn a_superuser_is_refused_in_either_place() {
    let db = TestDatabase::create().await;
    for config in [config(db.owner_url(), db.system_url()), config(db.app_url(), db.owner_url())] {
        let refused = Store::connect(&config).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Privileged { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_role_that_may_bypass_row_level_security_is_refused() {
    let db = TestDatabase::create().await;
    let role = format!("bypass_{}", uuid::Uuid::new_v4().simple());
    let mut owner = owner(&db).await;
    owner.execute(AssertSqlSafe(format!("CREATE ROLE {role} LOGIN BYPASSRLS"))).await.unwrap();
    let options: PgConnectOptions = db.owner_url().expose().parse().unwrap();
    let url = Secret::new(sqlx::ConnectOptions::to_url_lossy(&options.username(&role)).into());
    let outcome = Store::connect(&config(url, db.system_url())).await;
    owner.execute(AssertSqlSafe(format!("DROP ROLE {role}"))).await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Privileged { role: refused }) if refused == role));
}

/// The owner is bound by the policies until it drops them; a member of the owner may do the same.
#[tokio::test]
async fn a_role_that_owns_the_tables_or_may_become_who_does_is_refused() {
    let db = TestDatabase::create().await;
    let [own, member] = ["owner", "member"].map(|name| format!("{name}_{}", uuid::Uuid::new_v4().simple()));
    let mut superuser = owner(&db).await;
    for statement in [
        format!("CREATE ROLE {own} LOGIN"),
        format!("CREATE ROLE {member} LOGIN NOINHERIT IN ROLE switchboard_app, {own}"),
        format!("ALTER TABLE users OWNER TO {own}"),
    ] {
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let options: PgConnectOptions = db.owner_url().expose().parse().unwrap();
    let url =
        |role: &str| Secret::new(sqlx::ConnectOptions::to_url_lossy(&options.clone().username(role)).into());
    let mut outcomes = Vec::new();
    for role in [&own, &member] {
        outcomes.push(Store::connect(&config(url(role), db.system_url())).await);
        outcomes.push(Store::connect(&config(db.app_url(), url(role))).await);
    }
    for statement in ["REASSIGN OWNED BY {own} TO CURRENT_USER", "DROP ROLE {member}", "DROP ROLE {own}"] {
        let statement = statement.replace("{own}", &own).replace("{member}", &member);
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::OwnsTables { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn an_empty_database_is_refused_until_it_is_migrated_by_however_many_at_once() {
    let db = TestDatabase::create().await;
    db.store.close().await;
    let name =
        db.owner_url().expose().parse::<PgConnectOptions>().unwrap().get_database().unwrap().to_owned();
    let server = Secret::new(std::env::var(URL_VARIABLE).unwrap());
    let mut connection = PgConnection::connect(server.expose()).await.unwrap();
    for statement in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let config = config(db.app_url(), db.system_url());
    assert!(matches!(Store::connect(&config).await, Err(StoreError::NotMigrated)));

    let owner_url = db.owner_url();
    let (first, second) = tokio::join!(bootstrap::migrate(&owner_url), bootstrap::embedded(&server, &name));
    first.unwrap();
    second.unwrap();
    let store = Store::connect(&config).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;

    let statement =
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    owner(&db).await.execute(statement).await.unwrap();
    assert!(matches!(Store::connect(&config).await, Err(StoreError::NotMigrated)));
}

#[tokio::test]
async fn embedded_mode_creates_its_database_once() {
    let db = TestDatabase::create().await;
    db.store.close().await;
    let name =
        db.owner_url().expose().parse::<PgConnectOptions>().unwrap().get_database().unwrap().to_owned();
    let server = Secret::new(std::env::var(URL_VARIABLE).unwrap());
    let mut connection = PgConnection::connect(server.expose()).await.unwrap();
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    for _ in 0..2 {
        bootstrap::embedded(&server, &name).await.unwrap();
    }
    Store::connect(&config(db.app_url(), db.system_url())).await.unwrap();
}

/// Whoever hangs up while a transaction begins leaves none open: what others then do on the connection would never be
/// committed.
#[tokio::test]
async fn a_transaction_that_nobody_waits_for_any_more_is_not_left_open() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("acme", &clock).await;
    let (mut unfinished, mut tries) = (0, 0);
    // On a busy machine Postgres has often answered before it is asked whether it has.
    while tries < 200 || unfinished <= 20 {
        let mut begun = Box::pin(db.store.tenant(account));
        let mut is_done = false;
        for _ in 0..=tries % 40 {
            is_done = begun.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            if is_done {
                break;
            }
            tokio::task::yield_now().await;
        }
        unfinished += u32::from(!is_done);
        tries += 1;
        assert!(tries < 10_000, "only {unfinished} were given up");
    }
    let mut owner = owner(&db).await;
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    let open = async {
        while sqlx::query_scalar::<_, i64>(open).fetch_one(&mut owner).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), open).await.expect("all are rolled back");
}
