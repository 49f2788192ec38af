//! Roles, database and tables, made under the owner's URL.

use crate::{connect::ABANDONED_TIMEOUT, error::StoreError};
use aws_lc_rs::digest;
use common::{error::Chain, secret::Secret};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection,
    migrate::{Migrate, Migrator},
    postgres::PgConnectOptions,
    query, query_scalar, raw_sql,
};
use std::time::Duration;
use tokio::time::sleep;
use tracing::warn;

/// Every change to the tables there ever was, in order.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Every function that the database has, as it is meant to be: unlike a migration such a file is changed in place.
/// Applied in this order after the migrations, whenever one of them has changed.
pub(crate) const FUNCTIONS: [(&str, &str); 6] = [
    ("feed.sql", include_str!("../sql/feed.sql")),
    ("feed_rows.sql", include_str!("../sql/feed_rows.sql")),
    ("queues.sql", include_str!("../sql/queues.sql")),
    ("reviews.sql", include_str!("../sql/reviews.sql")),
    ("search.sql", include_str!("../sql/search.sql")),
    ("tables.sql", include_str!("../sql/tables.sql")),
];

/// The SHA-256 of [`FUNCTIONS`], by which a database tells which it has.
pub(crate) fn functions_checksum() -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    for (_, text) in FUNCTIONS {
        context.update(text.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// The two roles that the server connects as. Created without a password: where
/// the server asks for one, the administrator sets it.
const ROLES: &str = "
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['switchboard_app', 'switchboard_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', wanted);
        END IF;
    END LOOP;
EXCEPTION
    -- Somebody else was a moment faster.
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$";

/// How long a migration waits for a table, and with it everybody who comes to that table after it.
///
/// Longer gets past longer transactions at once; shorter holds others up for less long.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '1s'";

/// How long others go on until a migration that had to wait is tried again.
const LOCK_PAUSE: Duration = Duration::from_secs(4);

/// How often it is tried: for three minutes. What holds a table for longer is for the operator to end.
const LOCK_TRIES: u32 = 36;

/// The version that [`MIGRATIONS`] lead to.
pub(crate) fn latest_version() -> Option<i64> {
    MIGRATIONS.iter().map(|migration| migration.version).max()
}

/// Brings the database of `owner_url` up to date, creating the two roles where they are missing.
///
/// May be run at any time and by several at once: what is up to date already is left alone. A table that a long
/// transaction holds is waited for in short turns, so that others get to it in between.
///
/// # Errors
/// [`StoreError::Database`] or [`StoreError::Migrate`], also if a table is not to be had for some minutes.
pub async fn migrate(owner_url: &Secret) -> Result<(), StoreError> {
    let options: PgConnectOptions = owner_url.expose().parse()?;
    migrate_with(&options).await
}

/// Prepares a private Postgres: creates `database` if it is not there yet, then does what [`migrate`] does.
///
/// `superuser_url` names any database of the server.
///
/// # Errors
/// As [`migrate`].
pub async fn embedded(superuser_url: &Secret, database: &str) -> Result<(), StoreError> {
    let options: PgConnectOptions = superuser_url.expose().parse()?;
    let mut connection = options.connect().await?;
    let exists =
        query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "exists!""#, database)
            .fetch_one(&mut connection)
            .await?;
    if !exists {
        let statement = format!("CREATE DATABASE {}", quoted(database));
        raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await?;
    migrate_with(&options.database(database)).await
}

/// [`migrate`] for options instead of a URL.
pub(crate) async fn migrate_with(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection: PgConnection = options.connect().await?;
    // What a migration drops where it may exist is no news for the operator's log.
    raw_sql("SET client_min_messages = warning").execute(&mut connection).await?;
    raw_sql(ROLES).execute(&mut connection).await?;
    // One after the other, for as long as that takes: who waits here holds nobody up. Given back with the connection.
    connection.lock().await?;
    let before = applied(&mut connection).await?;
    raw_sql(LOCK_TIMEOUT).execute(&mut connection).await?;
    raw_sql(ABANDONED_TIMEOUT).execute(&mut connection).await?;
    bring_up_to_date(&mut connection).await?;
    raw_sql("RESET lock_timeout").execute(&mut connection).await?;
    if applied(&mut connection).await? != before {
        raw_sql(TAKE_STATISTICS).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Migrates in turns: what was done in one stays done, and what could not be begun changes nothing.
async fn bring_up_to_date(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut tries = 1;
    while let Err(error) = migrate_now(connection).await {
        if !error.is_held_up() || tries >= LOCK_TRIES {
            return Err(error);
        }
        warn!(
            error = %Chain(&error), tries,
            "A migration cannot have a table that another transaction holds; it is tried again in {} s, up to {LOCK_TRIES} times",
            LOCK_PAUSE.as_secs()
        );
        sleep(LOCK_PAUSE).await;
        tries += 1;
    }
    Ok(())
}

async fn migrate_now(connection: &mut PgConnection) -> Result<(), StoreError> {
    MIGRATIONS.run(&mut *connection).await?;
    apply_functions(connection).await
}

/// Puts [`FUNCTIONS`] in place, all of them or none, unless they are.
async fn apply_functions(connection: &mut PgConnection) -> Result<(), StoreError> {
    let checksum = functions_checksum();
    let mut tx = connection.begin().await?;
    // One after the other: two at once would be in each other's way.
    raw_sql("LOCK TABLE sql_functions IN EXCLUSIVE MODE").execute(&mut *tx).await?;
    let present = query_scalar!("SELECT checksum FROM sql_functions").fetch_optional(&mut *tx).await?;
    if present.as_ref() == Some(&checksum) {
        return Ok(());
    }
    for (_, text) in FUNCTIONS {
        raw_sql(text).execute(&mut *tx).await?;
    }
    raw_sql("DELETE FROM sql_functions").execute(&mut *tx).await?;
    query("INSERT INTO sql_functions VALUES ($1)").bind(checksum).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Statistics of all tables that have rows: what a migration has changed or added has none otherwise until autovacuum
/// comes by. Of an empty table they would do harm: Postgres takes a table that was never looked at for one of some
/// pages, but one that was seen empty for empty, for which any plan is as good as another.
const TAKE_STATISTICS: &str = "
DO $$
DECLARE source regclass;
BEGIN
    FOR source IN SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('ANALYZE %s', source);
    END LOOP;
END $$";

/// How many migrations the database has seen.
async fn applied(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let table = query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "exists!""#)
        .fetch_one(&mut *connection)
        .await?;
    if !table {
        return Ok(0);
    }
    Ok(query_scalar!(r#"SELECT count(*) AS "count!" FROM _sqlx_migrations WHERE success"#)
        .fetch_one(connection)
        .await?)
}

/// A name as an identifier in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn every_file_of_functions_is_applied() {
        let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, FUNCTIONS.map(|(name, _)| name));
    }
}
