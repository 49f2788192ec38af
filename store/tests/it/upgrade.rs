//! A database of the release before is brought up to date by an owner who is no superuser, as operators are told.

use crate::fixture::{owner, secret};
use sqlx::{Connection, Executor, PgConnection, migrate::Migrator, query_scalar};
use std::{path::Path, time::Duration};
use store::{
    SealKeyring, Store, StoreConfig, StoreError, bootstrap,
    testing::{SEAL_KEY, TestDatabase},
};
use tokio::time::timeout;

/// How long somebody may wait for a table. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// The last migration of the release before.
const RELEASED: i64 = 16;

/// Nothing in it, and an owner who may create roles and no more.
const EMPTY: &str = "
    DO $$ BEGIN
        CREATE ROLE plain_owner LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO plain_owner', current_database()); END $$;
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public AUTHORIZATION plain_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC";

/// Two accounts: of each a webhook with one delivery done and one waiting, and a conversation with a reply done and
/// two waiting.
const FILLED: &str = "
    CREATE TEMP TABLE filled AS SELECT n, md5(n::text)::uuid AS id FROM generate_series(1, 2) n;
    INSERT INTO accounts (id, name, created_at) SELECT id, n, now() FROM filled;
    INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
        SELECT id, id, 'whatsapp', 'n', n, '', '', '', now() FROM filled;
    INSERT INTO contacts (account_id, id, name, created_at) SELECT id, id, 'n', now() FROM filled;
    INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
        SELECT id, id, id, id, 'open', now(), now() FROM filled;
    INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, status, created_at)
        SELECT f.id, md5(f.n || '.' || m)::uuid, f.id, m, f.id, 'outbound', 'text', 'x', 'queued', now()
        FROM filled f, generate_series(1, 3) m;
    INSERT INTO replies (account_id, message_id, conversation_id, seq, due_at, done_at)
        SELECT account_id, id, conversation_id, seq, '2020-01-01', CASE seq WHEN 1 THEN now() END FROM messages;
    INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at, events)
        SELECT id, id, 'n8n', 'https://n8n.example', 'x', '', now(), '{}' FROM filled;
    INSERT INTO outbox (account_id, seq, event, created_at)
        SELECT f.id, m, '{}', now() FROM filled f, generate_series(1, 2) m;
    INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, done_at)
        SELECT account_id, account_id, seq, '2020-01-01', CASE seq WHEN 1 THEN now() END FROM outbox";

async fn count(connection: &mut PgConnection, rows: &'static str) -> i64 {
    query_scalar(rows).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_brings_a_database_in_use_up_to_date() {
    let db = TestDatabase::create().await;
    let mut superuser = owner(&db).await;
    superuser.execute(EMPTY).await.unwrap();
    let plain = secret(&db.app_url().expose().replace("switchboard_app", "plain_owner"));
    let all = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
    let released = all.iter().filter(|migration| migration.version <= RELEASED).cloned().collect();
    let mut before = PgConnection::connect(plain.expose()).await.unwrap();
    Migrator::with_migrations(released).run(&mut before).await.unwrap();
    before.close().await.unwrap();
    superuser.execute(FILLED).await.unwrap();

    bootstrap::migrate(&plain).await.unwrap();

    let due = "SELECT count(*) FROM delivery_accounts JOIN delivery_queues USING (account_id, due_at)
               JOIN reply_accounts USING (account_id, due_at) JOIN reply_queues USING (account_id, due_at)
               WHERE due_at = '2020-01-01'";
    assert_eq!(count(&mut superuser, due).await, 2, "what waits is looked at");
    let turns = "SELECT count(*) FROM replies WHERE done_at IS NULL AND channel_id = account_id
                 AND due_at = CASE seq WHEN 2 THEN '2020-01-01' ELSE 'infinity' END::timestamptz";
    assert_eq!(count(&mut superuser, turns).await, 4, "one of a conversation at a time");
    let rows = "SELECT count(*) FROM pg_proc WHERE proname = 'feed_row'";
    assert_eq!(count(&mut superuser, rows).await, 13, "functions are there, in the text of today");
    let unbound = "SELECT count(*) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
                   WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attname = 'account_id'
                     AND NOT relforcerowsecurity";
    assert_eq!(count(&mut superuser, unbound).await, 0, "the owner is bound again");
}

/// Several instances are started on a database in use, of which a table that is to be changed is being read for long.
#[tokio::test]
async fn a_migration_that_waits_for_a_long_transaction_holds_nobody_else_up() {
    let db = TestDatabase::create().await;
    let mut superuser = owner(&db).await;
    superuser.execute(EMPTY).await.unwrap();
    let all = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
    let released = all.iter().filter(|migration| migration.version <= RELEASED).cloned().collect();
    Migrator::with_migrations(released).run(&mut superuser).await.unwrap();

    let mut reader = owner(&db).await;
    reader.execute("BEGIN; SELECT FROM calls").await.unwrap();
    let (one, other) = (db.owner_url(), db.owner_url());
    let meanwhile = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'calls'::regclass AND NOT granted";
        while count(&mut superuser, waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        let calls = timeout(PATIENCE, count(&mut superuser, "SELECT count(*) FROM calls")).await;
        assert_eq!(calls.expect("others get to the table"), 0);
        reader.execute("COMMIT").await.unwrap();
    };
    let (one, other, ()) = tokio::join!(bootstrap::migrate(&one), bootstrap::migrate(&other), meanwhile);
    one.unwrap();
    other.unwrap();
    let changed =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'calls'::regclass AND attname = 'transfer_by'";
    assert_eq!(count(&mut superuser, changed).await, 1);
}

/// A migration of several tables, and somebody who has one of them and then wants another: where Postgres looks for such
/// circles sooner than the migration gives way, it is the migration that it ends.
#[tokio::test]
async fn a_migration_that_waits_in_a_circle_with_others_gives_way_and_is_tried_again() {
    /// The last migration before one that changes the members of rooms first, and then rooms.
    const BEFORE: i64 = 25;
    const LOOK_SOON: &str = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 100', current_database());
    END $$";
    let db = TestDatabase::create().await;
    let mut superuser = owner(&db).await;
    superuser.execute(EMPTY).await.unwrap();
    let all = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
    let before = all.iter().filter(|migration| migration.version <= BEFORE).cloned().collect();
    Migrator::with_migrations(before).run(&mut superuser).await.unwrap();
    superuser.execute(LOOK_SOON).await.unwrap();

    let mut reader = owner(&db).await;
    reader.execute("SET deadlock_timeout = '1h'; BEGIN; SELECT FROM rooms").await.unwrap();
    let url = db.owner_url();
    let read = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'rooms'::regclass AND NOT granted";
        while count(&mut superuser, waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        reader.execute("SELECT FROM room_members; COMMIT").await
    };
    let (migrated, read) = tokio::join!(bootstrap::migrate(&url), timeout(PATIENCE, read));
    migrated.unwrap();
    read.expect("others get what they have asked for").unwrap();
}

/// Functions are files that change in place: a server starts on those that it was built with and on no others.
#[tokio::test]
async fn functions_that_are_not_those_of_the_server_are_noticed_and_put_right() {
    let db = TestDatabase::create().await;
    let config = || StoreConfig {
        app_url: db.app_url(),
        system_url: db.system_url(),
        seal_keys: SealKeyring::from_base64([(1, secret(SEAL_KEY))]).unwrap(),
    };
    Store::connect(&config()).await.unwrap().close().await;
    db.as_owner(
        "UPDATE sql_functions SET checksum = 'another';
         CREATE OR REPLACE FUNCTION asked(beginnings text[]) RETURNS tsquery LANGUAGE sql STABLE AS $$ SELECT ''::tsquery $$;
         DROP TRIGGER note_change ON labels",
    )
    .await;
    assert!(matches!(Store::connect(&config()).await, Err(StoreError::NotMigrated)));
    bootstrap::migrate(&db.owner_url()).await.unwrap();
    Store::connect(&config()).await.unwrap().close().await;
    let right = "SELECT count(*) FROM pg_proc JOIN pg_trigger ON tgname = 'note_change' AND tgrelid = 'labels'::regclass
                 WHERE proname = 'asked' AND prosrc LIKE '%quote_literal%'";
    assert_eq!(count(&mut owner(&db).await, right).await, 1);

    // A newer database serves older servers while they are being replaced.
    db.as_owner(
        "UPDATE sql_functions SET checksum = 'newer';
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999999, 'newer', true, '', 0)",
    )
    .await;
    Store::connect(&config()).await.unwrap().close().await;
}
