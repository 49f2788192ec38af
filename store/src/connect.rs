//! The connection to Postgres under two roles, neither of which can bypass Row-Level Security.

use crate::{
    bootstrap,
    error::StoreError,
    seal::SealKeyring,
    system::System,
    tenant::{Access, TenantTx},
};
use common::{id::AccountId, secret::Secret};
use sqlx::{Connection, Executor, PgPool, postgres::PgPoolOptions, query, query_scalar};
use std::time::Duration;

/// Connections for requests. More let more requests wait inside Postgres instead of here.
const APP_CONNECTIONS_MAX: u32 = 24;

/// Connections for queues: each busy worker holds one.
const SYSTEM_CONNECTIONS_MAX: u32 = 12;

/// How long a request waits for a connection before it fails as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// URL for requests, role `switchboard_app` or a member of it.
    pub app_url: Secret,
    /// URL for queues and look-ups across accounts, role `switchboard_system` or a member of it.
    pub system_url: Secret,
    /// The keys for channel secrets.
    pub seal_keys: SealKeyring,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    app: PgPool,
    system: PgPool,
    keyring: SealKeyring,
}

impl Store {
    /// Connects both roles and checks that they, the server and the tables are fit for use.
    ///
    /// # Errors
    /// [`StoreError::Privileged`], [`StoreError::OwnsTables`], [`StoreError::TooOld`], [`StoreError::NotMigrated`],
    /// or [`StoreError::Database`] if it cannot be reached.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let app = pool(&config.app_url, APP_CONNECTIONS_MAX).await?;
        let system = pool(&config.system_url, SYSTEM_CONNECTIONS_MAX).await?;
        for pool in [&app, &system] {
            refuse_privileged(pool).await?;
        }
        refuse_outdated(&app).await?;
        Ok(Self { app, system, keyring: config.seal_keys.clone() })
    }

    /// Begins a transaction that sees `account`'s rows and no others.
    ///
    /// # Errors
    /// [`StoreError::Database`] if no connection can be had.
    pub async fn tenant(&self, account: AccountId) -> Result<TenantTx, StoreError> {
        TenantTx::begin(&self.app, self.keyring.clone(), account, Access::Write).await
    }

    /// Begins a transaction that sees `account`'s rows, and in which the database refuses every change.
    ///
    /// # Errors
    /// As for [`tenant`](Self::tenant).
    pub async fn reading(&self, account: AccountId) -> Result<TenantTx, StoreError> {
        TenantTx::begin(&self.app, self.keyring.clone(), account, Access::Read).await
    }

    pub(crate) const fn app_pool(&self) -> &PgPool {
        &self.app
    }

    /// The few functions that cross accounts.
    pub fn system(&self) -> System {
        System::new(self.system.clone(), self.keyring.clone())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Database`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        query_scalar!("SELECT 1").fetch_one(&self.app).await?;
        Ok(())
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
    }
}

/// How long an idle connection is taken for alive without asking it.
///
/// Longer saves a round trip per request where there are few; shorter notices sooner that the database was away.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// The planner's settings on every connection of the server: go by an index, in its order, row by row.
///
/// Each statement has an index that fits and returns few rows, so nothing else is ever right but for tables that are
/// small. Whether they are is told from statistics, which are old while a table grows; and plans are kept per
/// connection: one that was made while a table was small goes on reading it from one end to the other, for every row
/// of another table even, when it is not small any more.
///
/// What is ruled out counts as very expensive where there is nothing else, and what is expensive Postgres translates into
/// machine code first, which takes it a hundred times longer than to read those few rows. And each statement is planned
/// once per connection: Postgres would otherwise plan most of them whenever they run, because they look cheaper with
/// short lists, and to plan takes longer than to run.
pub const PLANNER: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
                           SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// How long Postgres waits for whoever has begun a transaction and says nothing more, on every connection of the server.
///
/// An instance that is cut off in the midst of one would otherwise keep the rooms and queues that it has written to from
/// all others, until Postgres finds out that nobody is there: after two hours, unless told otherwise. Longer forgives an
/// instance that stands still; shorter has the others go on sooner.
pub(crate) const ABANDONED_TIMEOUT: &str = "SET idle_in_transaction_session_timeout = '15s'";

async fn pool(url: &Secret, connections_max: u32) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new()
        .max_connections(connections_max)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(PLANNER).await?;
                connection.execute(ABANDONED_TIMEOUT).await?;
                Ok(())
            })
        })
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect(url.expose())
        .await?)
}

/// Refuses a role that could see other accounts' rows, by itself or by a role it may take on: who bypasses
/// Row-Level Security, and who owns a table and could switch it off.
async fn refuse_privileged(pool: &PgPool) -> Result<(), StoreError> {
    let role = query!(
        r#"SELECT current_user AS "name!",
                  EXISTS (SELECT FROM pg_roles
                          WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER')) AS "privileged!",
                  EXISTS (SELECT FROM pg_class
                          WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)
                            AND pg_has_role(current_user, relowner, 'MEMBER')) AS "owns_tables!""#
    )
    .fetch_one(pool)
    .await?;
    if role.privileged {
        return Err(StoreError::Privileged { role: role.name });
    }
    if role.owns_tables { Err(StoreError::OwnsTables { role: role.name }) } else { Ok(()) }
}

async fn refuse_outdated(pool: &PgPool) -> Result<(), StoreError> {
    const OLDEST: i32 = 150_000;
    let server = query!(
        r#"SELECT current_setting('server_version_num')::integer AS "number!",
                  current_setting('server_version') AS "name!",
                  to_regclass('_sqlx_migrations') IS NOT NULL AS "has_tables!""#
    )
    .fetch_one(pool)
    .await?;
    if server.number < OLDEST {
        return Err(StoreError::TooOld(server.name));
    }
    if !server.has_tables {
        return Err(StoreError::NotMigrated);
    }
    let latest =
        query_scalar!(r#"SELECT max(version) FROM _sqlx_migrations WHERE success"#).fetch_one(pool).await?;
    if latest != bootstrap::latest_version() {
        // A newer database has what older servers need while they are being replaced.
        return if latest < bootstrap::latest_version() { Err(StoreError::NotMigrated) } else { Ok(()) };
    }
    let functions = query_scalar!("SELECT checksum FROM sql_functions").fetch_optional(pool).await?;
    if functions == Some(bootstrap::functions_checksum()) { Ok(()) } else { Err(StoreError::NotMigrated) }
}
