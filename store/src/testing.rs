//! A fresh, migrated database for each test, copied from a template and dropped at the end.

use crate::{Store, StoreConfig, accounts, bootstrap, seal::SealKeyring};
use common::{
    clock::{Clock, ManualClock},
    id::AccountId,
    secret::Secret,
};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions, query_scalar,
    raw_sql,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where tests find a superuser's URL of a Postgres server that trusts local connections.
pub const URL_VARIABLE: &str = "SWITCHBOARD_TEST_DATABASE_URL";

/// Held while the template is made: tests run in many threads and processes.
const TEMPLATE_LOCK: i64 = 0x5357_7e57;

/// The key that seals in tests: 32 bytes in base64.
pub const SEAL_KEY: &str = "c3dpdGNoYm9hcmQgdGVzdCBzZWFsIGtleSAzMmJ5dGU=";

/// One test's own database.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connected as the server would be.
    pub store: Store,
    name: String,
    server: PgConnectOptions,
}

impl TestDatabase {
    /// Creates a database and connects to it.
    ///
    /// # Panics
    /// If [`URL_VARIABLE`] is unset or the server cannot be used: such a test fails, it is not skipped.
    #[expect(clippy::panic, reason = "a test without its database must fail loudly")]
    pub async fn create() -> Self {
        let url = std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
            panic!("{URL_VARIABLE} is not set: run `cargo xtask test`, or set it to a superuser's URL")
        });
        Self::create_on(&url).await
    }

    /// Creates a database on the server of this superuser's URL, and connects to it.
    ///
    /// # Panics
    /// If the server cannot be used.
    #[expect(clippy::expect_used, reason = "a test without its database must fail loudly")]
    pub async fn create_on(url: &str) -> Self {
        let server: PgConnectOptions = url.parse().expect("a Postgres URL");
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection = server.connect().await.expect("the test server answers");
        let template = template(&server, &mut connection).await.expect("the template can be made");
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("a database can be created");
        connection.close().await.expect("the test server says goodbye");
        let store = Store::connect(&StoreConfig {
            app_url: url_of(&server, "switchboard_app", &name),
            system_url: url_of(&server, "switchboard_system", &name),
            seal_keys: SealKeyring::from_base64([(1, Secret::new(SEAL_KEY.to_owned()))]).expect("a good key"),
        })
        .await
        .expect("the fresh database can be used");
        Self { store, name, server }
    }

    /// The URL for requests, to configure a server with.
    pub fn app_url(&self) -> Secret {
        url_of(&self.server, "switchboard_app", &self.name)
    }

    /// The URL for queues and look-ups, to configure a server with.
    pub fn system_url(&self) -> Secret {
        url_of(&self.server, "switchboard_system", &self.name)
    }

    /// The superuser's URL, to look at what really is there: Row-Level Security does not bind it.
    pub fn owner_url(&self) -> Secret {
        url_of(&self.server, self.server.get_username(), &self.name)
    }

    /// Creates an account.
    ///
    /// # Panics
    /// If the database fails.
    #[expect(clippy::expect_used, reason = "a test without its database must fail loudly")]
    pub async fn account(&self, name: &str, clock: &dyn Clock) -> AccountId {
        let id = AccountId::generate(clock);
        let mut tx = self.store.tenant(id).await.expect("a transaction");
        accounts::create(&mut tx, name, clock).await.expect("an account");
        tx.commit().await.expect("a commit");
        id
    }

    /// Waits until some transaction of this database waits for another.
    ///
    /// # Panics
    /// If the database fails.
    #[expect(clippy::expect_used, reason = "a test without its database must fail loudly")]
    pub async fn until_one_waits(&self) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                               WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut owner =
            PgConnection::connect(self.owner_url().expose()).await.expect("the owner's connection");
        while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut owner).await.expect("a count") == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Everything an account has, table by table, as it really is: to see that nothing changed.
    ///
    /// # Panics
    /// If the database fails.
    #[expect(clippy::expect_used, reason = "a test without its database must fail loudly")]
    pub async fn contents(&self, account: AccountId) -> BTreeMap<String, Value> {
        let mut owner =
            PgConnection::connect(self.owner_url().expose()).await.expect("the owner's connection");
        let tables = query_scalar!(
            r#"SELECT table_name::text AS "name!" FROM information_schema.columns
               WHERE table_schema = 'public' AND column_name = 'account_id'"#
        )
        .fetch_all(&mut owner)
        .await
        .expect("the catalogue");
        let mut contents = BTreeMap::new();
        for table in tables {
            let statement = format!(
                "SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]') FROM {} t WHERE account_id = $1",
                bootstrap::quoted(&table)
            );
            let rows: Value = sqlx::query_scalar(AssertSqlSafe(statement))
                .bind(account.as_uuid())
                .fetch_one(&mut owner)
                .await
                .expect("the rows");
            contents.insert(table, rows);
        }
        contents
    }

    /// Does something as the superuser that the server would never do.
    ///
    /// # Panics
    /// If the database refuses.
    #[expect(clippy::expect_used, reason = "a test without its database must fail loudly")]
    pub async fn as_owner(&self, statement: &str) {
        let mut owner =
            PgConnection::connect(self.owner_url().expose()).await.expect("the owner's connection");
        raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut owner).await.expect("it is done");
    }

    /// A clock for tests that do not care about the time.
    pub fn clock() -> ManualClock {
        ManualClock::default()
    }
}

impl Drop for TestDatabase {
    /// Runs also when the test panics; on a thread of its own, because the test's runtime may be ending.
    #[expect(clippy::expect_used, reason = "a thread that cannot start is beyond repair")]
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                // A server that has gone away meanwhile has dropped it too.
                let _dropped = runtime.block_on(async {
                    let mut connection = server.connect().await?;
                    raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await
                });
            });
        });
    }
}

/// `server` as a URL with another role and database.
fn url_of(server: &PgConnectOptions, role: &str, database: &str) -> Secret {
    Secret::new(server.clone().username(role).database(database).to_url_lossy().into())
}

/// The name of the template for the current migrations, made if it is not there yet.
async fn template(
    server: &PgConnectOptions,
    connection: &mut PgConnection,
) -> Result<String, crate::StoreError> {
    // FNV-1a over the checksums of migrations and functions: others, other template.
    let functions = bootstrap::functions_checksum();
    let hash = bootstrap::MIGRATIONS
        .iter()
        .flat_map(|migration| migration.checksum.iter())
        .chain(&functions)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let name = format!("template_switchboard_{hash:016x}");
    let mut held = connection.begin().await?;
    query_scalar!("SELECT pg_advisory_xact_lock($1)", TEMPLATE_LOCK).fetch_one(&mut *held).await?;
    let exists = query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate) AS "exists!""#,
        name
    )
    .fetch_one(&mut *held)
    .await?;
    if !exists {
        make_template(server, &name).await?;
    }
    held.commit().await?;
    Ok(name)
}

async fn make_template(server: &PgConnectOptions, name: &str) -> Result<(), crate::StoreError> {
    let mut connection = server.connect().await?;
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    bootstrap::migrate_with(&server.clone().database(name)).await?;
    let statement = format!("ALTER DATABASE {name} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false");
    raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}
