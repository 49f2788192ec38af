//! What Postgres does for each of our statements once there is much in the tables.

mod drain;
mod keys;
mod parameters;
mod reading;
mod statements;
mod subjects;

use crate::fixture::{LONG_TRANSACTIONS, desk, owner, tenant};
use parameters::Call;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use statements::{Role, Statement};
use std::fmt::Write as _;
use store::testing::TestDatabase;
use subjects::Subjects;

/// Nothing may be analyzed but by us.
const NO_AUTOVACUUM: &str = "
    DO $$ DECLARE source regclass; BEGIN
        FOR source IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', source);
        END LOOP;
    END $$";

/// As a database is until somebody looks at it for the first time.
const FORGET: &str = "
    DELETE FROM pg_statistic;
    UPDATE pg_class SET reltuples = -1, relpages = 0, relallvisible = 0 WHERE relnamespace = 'public'::regnamespace";

/// The connections that statements run on: one for each role, as the server has them.
struct Roles {
    app: PgConnection,
    system: PgConnection,
}

impl Roles {
    async fn of(db: &TestDatabase, mode: &str, account: &str) -> Self {
        let mut app = PgConnection::connect(db.app_url().expose()).await.unwrap();
        let account = format!("SELECT set_config('app.account_id', '{account}', false)");
        app.execute(AssertSqlSafe(account)).await.unwrap();
        let mut system = PgConnection::connect(db.system_url().expose()).await.unwrap();
        for connection in [&mut app, &mut system] {
            // A plan that is bad enough never ends.
            let mode = format!("SET plan_cache_mode = {mode}; SET statement_timeout = '60s'");
            // Last: the server itself has each statement planned once, whatever it is asked.
            connection.execute(store::connect::PLANNER).await.unwrap();
            connection.execute(AssertSqlSafe(mode)).await.unwrap();
        }
        Self { app, system }
    }

    fn connection(&mut self, role: Role) -> &mut PgConnection {
        match role {
            Role::App => &mut self.app,
            Role::System => &mut self.system,
        }
    }
}

/// Whether there is time for everything.
fn is_long() -> bool {
    std::env::var_os("SWITCHBOARD_TEST_LONG").is_some()
}

/// A database with a large account, a hundred small ones, and a backlog in every queue, statistics of which were
/// taken before there was anything of that but the small accounts.
async fn loaded() -> (TestDatabase, PgConnection, String) {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    desk(&db, &a, &clock).await;
    let mut owner = owner(&db).await;
    let large = include_str!("plans/large.sql");
    // Of ten messages in each conversation three are enough to tell a look at all of them from a look at some.
    let large = if is_long() { large.to_owned() } else { large.replace("/* messages from */ 0", "7") };
    for statements in [NO_AUTOVACUUM, include_str!("plans/small.sql"), "ANALYZE", &large] {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut owner).await.unwrap();
    }
    (db, owner, a.account.to_string())
}

/// Every statement of the crate is run, and undone, with what a large account would ask: as the role that runs it,
/// under Row-Level Security, with statistics from before the load, with none, and with those from after it, with plans for all parameters
/// and for these. It would pass for the wrong reason if the parameters found nothing, so each must find something.
#[tokio::test]
async fn no_statement_reads_much_more_than_it_returns_or_changes() {
    let _alone = LONG_TRANSACTIONS.lock().await;
    let (db, mut owner, account) = loaded().await;
    let subjects = Subjects::read(&mut owner).await;
    let statements = statements::all();
    assert!(statements.len() > 230, "only {} statements were found", statements.len());
    let mut complaints = reading::stale_exemptions(&statements);
    let mut calls: Vec<(&Statement, Call)> = Vec::new();
    for statement in &statements {
        match parameters::calls(statement, &subjects) {
            Ok(found) => calls.extend(found.into_iter().map(|call| (statement, call))),
            Err(why) => writeln!(complaints, "{why}: {}\n", statement.text).unwrap(),
        }
    }
    for (statistics, next) in
        [("from before the load", FORGET), ("that were never taken", "ANALYZE"), ("from after it", "")]
    {
        for mode in ["force_generic_plan", "force_custom_plan"] {
            let mut roles = Roles::of(&db, mode, &account).await;
            for (statement, call) in &calls {
                if let Err(why) = reading::check(roles.connection(statement.role), statement, call).await {
                    writeln!(
                        complaints,
                        "{why}\n  with statistics {statistics}, {mode}, {}\n  {}\n",
                        call.arguments(),
                        statement.text
                    )
                    .unwrap();
                }
            }
        }
        sqlx::raw_sql(next).execute(&mut owner).await.unwrap();
    }
    assert!(complaints.is_empty(), "{complaints}");
}
