//! Roles, database and tables, made under the owner's URL.

use crate::error::StoreError;
use common::secret::Secret;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
    query_scalar, raw_sql,
};

/// Every change to the tables there ever was, in order.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

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

/// The version that [`MIGRATIONS`] lead to.
pub(crate) fn latest_version() -> Option<i64> {
    MIGRATIONS.iter().map(|migration| migration.version).max()
}

/// Brings the database of `owner_url` up to date, creating the two roles where they are missing.
///
/// May be run at any time and by several at once.
///
/// # Errors
/// [`StoreError::Database`] or [`StoreError::Migrate`].
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
    raw_sql(ROLES).execute(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await?;
    Ok(connection.close().await?)
}

/// A name as an identifier in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
