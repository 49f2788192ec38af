//! No account reaches another's rows.

use crate::fixture::{SECRET_OF_APP, Tenant, desk, owner, tenant};
use common::{
    clock::Clock as _,
    protocol::inbox::{ChannelKind, ConversationStatus},
    token::Role,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use std::time::Duration;
use store::{
    calls, channels, conversations, messages, outbox, replies, rooms, sign_ins,
    system::{Shares, Turn},
    testing::TestDatabase,
    users, webhooks,
};
use uuid::Uuid;

/// Every tenant table, from the catalogue: those with an `account_id`, and `accounts`.
async fn tenant_tables(owner: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND (c.relname = 'accounts' OR EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped))
         ORDER BY 1",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    assert!(tables.len() >= 18, "the catalogue shows too few tables: {tables:?}");
    tables
}

/// Tables that isolation has been forgotten on: without an account, without forced
/// Row-Level Security, or without the application's policy for reading and writing.
async fn unprotected_tables(owner: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND c.relname NOT IN ('_sqlx_migrations', 'sql_functions', 'hub_nodes')
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity
               AND (c.relname = 'accounts' OR EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND a.attnotnull))
               AND EXISTS (SELECT FROM pg_policies p
                    WHERE p.schemaname = 'public' AND p.tablename = c.relname
                      AND p.roles = '{switchboard_app}' AND p.cmd = 'ALL'
                      AND p.qual LIKE '%id = (current_setting(''app.account_id''::text))::uuid%'
                      AND p.with_check = p.qual)
               AND (SELECT count(*) FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname
                      AND p.roles && '{switchboard_app,public}') = 1)",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn app(db: &TestDatabase) -> PgConnection {
    PgConnection::connect(db.app_url().expose()).await.unwrap()
}

async fn become_account(connection: &mut PgConnection, tenant: &Tenant) {
    let statement = format!("SELECT set_config('app.account_id', '{}', false)", tenant.account);
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|error| error.code()).map(Into::into).unwrap_or_default()
}

/// Reads the table list from the catalogue, so a new table is covered on the day it appears;
/// B has a row in each, so an empty result cannot pass by accident.
#[tokio::test]
async fn no_tenant_table_shows_another_accounts_rows_or_lets_them_be_written() {
    const DENIED: &str = "42501";
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    for tenant in [&a, &b] {
        desk(&db, tenant, &clock).await;
    }
    let mut owner = owner(&db).await;
    let mut app = app(&db).await;
    become_account(&mut app, &a).await;
    for table in tenant_tables(&mut owner).await {
        let column = if table == "accounts" { "id" } else { "account_id" };
        let theirs = format!("{column} = '{}'", b.account);
        let select = format!("SELECT to_jsonb(t) AS row FROM {table} t WHERE {theirs}");
        let rows = owner.fetch_all(AssertSqlSafe(select.clone())).await.unwrap();
        assert!(!rows.is_empty(), "the fixture has no row in {table}");

        assert!(app.fetch_all(AssertSqlSafe(select)).await.unwrap().is_empty(), "A reads B's {table}");
        let all =
            app.fetch_all(AssertSqlSafe(format!("SELECT {column} AS account FROM {table}"))).await.unwrap();
        assert!(all.iter().all(|row| row.get::<Uuid, _>("account") == a.account.as_uuid()), "{table}");
        assert!(!all.is_empty(), "A does not even see its own {table}");

        for statement in [
            format!("UPDATE {table} SET {column} = {column} WHERE {theirs}"),
            format!("DELETE FROM {table} WHERE {theirs}"),
        ] {
            match app.execute(AssertSqlSafe(statement.clone())).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{statement}"),
                Err(error) => assert_eq!(code(&error), DENIED, "{statement}: {error}"),
            }
        }
        let row: serde_json::Value = rows[0].get("row");
        let columns: String = sqlx::query_scalar(
            "SELECT string_agg(attname, ', ') FROM pg_attribute
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        )
        .bind(&table)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        let insert = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1)"
        );
        let refused = sqlx::query(AssertSqlSafe(insert)).bind(row).execute(&mut app).await.unwrap_err();
        assert_eq!(code(&refused), DENIED, "A writes into B's {table}: {refused}");
        let give_away = format!("UPDATE {table} SET {column} = '{}'", b.account);
        let refused = app.execute(AssertSqlSafe(give_away)).await.unwrap_err();
        assert_eq!(code(&refused), DENIED, "A moves its {table} to B: {refused}");
    }
}

#[tokio::test]
async fn without_an_account_every_tenant_table_fails_loudly() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let tables = tenant_tables(&mut owner(&db).await).await;
    let mut fresh = app(&db).await;
    let mut used = app(&db).await;
    // What a pooled connection looks like after a tenant transaction.
    let mut tx = used.begin().await.unwrap();
    tx.execute(AssertSqlSafe(format!("SELECT set_config('app.account_id', '{}', true)", a.account)))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for table in tables {
        let select = format!("SELECT count(*) FROM {table}");
        let error = fresh.execute(AssertSqlSafe(select.clone())).await.unwrap_err();
        assert_eq!(code(&error), "42704", "{table}: {error}");
        let error = used.execute(AssertSqlSafe(select)).await.unwrap_err();
        assert_eq!(code(&error), "22P02", "{table}: {error}");
    }
}

#[tokio::test]
async fn every_table_forces_row_level_security_and_one_without_is_noticed() {
    let db = TestDatabase::create().await;
    let mut owner = owner(&db).await;
    assert_eq!(unprotected_tables(&mut owner).await, Vec::<String>::new());
    owner.execute("CREATE TABLE forgotten (account_id uuid NOT NULL)").await.unwrap();
    owner.execute("ALTER TABLE rooms NO FORCE ROW LEVEL SECURITY").await.unwrap();
    owner.execute("CREATE POLICY too_wide ON calls TO switchboard_app USING (true)").await.unwrap();
    let mut noticed = unprotected_tables(&mut owner).await;
    noticed.sort();
    assert_eq!(noticed, ["calls", "forgotten", "rooms"]);
}

/// A foreign key without the account could refer to another account's row, because
/// Postgres checks foreign keys beyond Row-Level Security.
#[tokio::test]
async fn every_foreign_key_carries_the_account_along() {
    let db = TestDatabase::create().await;
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT conrelid::regclass || '.' || conname FROM pg_constraint c
         WHERE contype = 'f' AND connamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1] AND a.attname = 'account_id')",
    )
    .fetch_all(&mut owner(&db).await)
    .await
    .unwrap();
    assert_eq!(loose, Vec::<String>::new());
}

#[tokio::test]
async fn the_queue_role_reads_no_conversation_and_no_token_to_send_with() {
    const DENIED: &str = "42501";
    let db = TestDatabase::create().await;
    let mut system = PgConnection::connect(db.system_url().expose()).await.unwrap();
    for forbidden in [
        "SELECT access_token FROM channels",
        "SELECT secret FROM webhooks",
        "SELECT text FROM messages",
        "SELECT name FROM contacts",
        "SELECT text FROM room_messages",
        "SELECT name FROM accounts",
        "UPDATE users SET role = 'ADMIN'",
        "UPDATE outbox SET event = '{}'",
        "UPDATE raw_events SET body = ''",
        "DELETE FROM raw_events",
        "DELETE FROM outbox",
    ] {
        let error = system.execute(forbidden).await.unwrap_err();
        assert_eq!(code(&error), DENIED, "{forbidden}: {error}");
    }
}

#[tokio::test]
async fn another_accounts_ids_look_like_ids_that_do_not_exist() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let turn = Turn {
        limit: 9,
        lease: Duration::from_secs(60),
        shares: Shares::new(9, 9),
        freed: &[],
        under_way: &[],
    };
    let taken = db.store.system().claim_replies(&turn, &clock).await.unwrap().work;
    let of_b = taken.into_iter().find(|claim| claim.message == b.reply).unwrap();
    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert!(replies::read_claimed(&mut tx, &of_b, Duration::ZERO, &clock).await.unwrap().is_some());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(users::find(&mut tx, b.user).await.unwrap().is_none());
    assert!(rooms::find(&mut tx, b.room, Some(b.user), clock.utc()).await.unwrap().is_none());
    assert!(rooms::last_seq(&mut tx, b.room).await.unwrap().is_none());
    assert!(rooms::latest(&mut tx, b.room, 10).await.unwrap().is_empty());
    let said = rooms::NewRoomMessage {
        room: b.room,
        user: a.user,
        name: "A",
        client_id: Uuid::new_v4().into(),
        text: "x",
        reply_to: None,
        mentions: &[],
        attachments: rooms::Uploads::default(),
    };
    assert!(rooms::send(&mut tx, &said, &clock).await.unwrap().is_err());
    assert!(calls::find(&mut tx, b.call).await.unwrap().is_none());
    assert!(channels::find(&mut tx, b.channel).await.unwrap().is_none());
    assert!(conversations::find(&mut tx, b.conversation).await.unwrap().is_none());
    assert!(messages::find(&mut tx, b.inbound).await.unwrap().is_none());
    assert!(messages::list(&mut tx, b.conversation, None, 10).await.unwrap().messages.is_empty());
    assert!(messages::sent(&mut tx, b.reply, "wamid.x", &clock).await.unwrap().is_none());
    assert!(messages::refused(&mut tx, b.reply, "no", &clock).await.unwrap().is_none());
    assert!(replies::read_claimed(&mut tx, &of_b, Duration::ZERO, &clock).await.unwrap().is_none());
    assert!(webhooks::open_delivery(&mut tx, b.webhook, 1, &clock).await.unwrap().is_none());
    let change = conversations::Change { status: Some(ConversationStatus::Resolved), ..Default::default() };
    let refused = conversations::update(&mut tx, b.conversation, &change, &clock).await;
    assert!(matches!(refused, Err(conversations::UpdateError::NotFound)));
    let assign = conversations::Change { assignee: Some(Some(b.user)), ..Default::default() };
    let refused = conversations::update(&mut tx, a.conversation, &assign, &clock).await;
    assert!(matches!(refused, Err(conversations::UpdateError::UnknownAssignee)));
    let reply = messages::NewReply { conversation: b.conversation, author: a.user, text: "x" };
    let refused = messages::reply(&mut tx, &reply, &clock).await;
    assert!(matches!(refused, Err(messages::ReplyError::NotFound)));
    let rotation = sign_ins::rotate(&mut tx, &b.refresh_token, &[9; 32], &clock).await.unwrap();
    assert_eq!(rotation, sign_ins::Rotation::Invalid);
    tx.commit().await.unwrap();

    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert_eq!(rooms::last_seq(&mut tx, b.room).await.unwrap(), Some(1));
    assert_eq!(messages::list(&mut tx, b.conversation, None, 10).await.unwrap().messages.len(), 2);
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 2);
}

/// A stranger can neither keep a number from its owner nor learn that it is connected.
#[tokio::test]
async fn another_accounts_number_can_be_connected_and_ones_own_only_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let secret = crate::fixture::secret("x");
    let channel = channels::NewChannel {
        kind: ChannelKind::Whatsapp,
        name: "mine",
        external_id: "b",
        access_token: &secret,
        app_secret: &secret,
        verify_token: &secret,
    };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mine = channels::create(&mut tx, &channel, &clock).await.unwrap();
    assert!(matches!(channels::create(&mut tx, &channel, &clock).await, Err(channels::CreateError::Taken)));
    let found = channels::find_by_external_id(&mut tx, ChannelKind::Whatsapp, "b").await.unwrap().unwrap();
    assert_eq!(found.id, mine.id, "each account finds its own");
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(b.account).await.unwrap();
    let found = channels::find_by_external_id(&mut tx, ChannelKind::Whatsapp, "b").await.unwrap().unwrap();
    assert_eq!(found.id, b.channel);
    assert_eq!(
        db.store.system().channel(b.channel).await.unwrap().unwrap().app_secret.expose(),
        SECRET_OF_APP
    );
}

/// Nobody can take an address away from another account, nor find out whether it is known there.
#[tokio::test]
async fn an_email_address_is_taken_within_its_account_alone() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    // Younger than B's by more than ids of one moment tell.
    clock.advance(std::time::Duration::from_secs(1));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut user =
        users::NewUser { email: " B@Example.COM ", name: "B", role: Role::User, password_hash: "x" };
    let squatter = users::create(&mut tx, &user, &clock).await.unwrap().id;
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    user.email = "b@example.com";
    assert!(matches!(users::create(&mut tx, &user, &clock).await, Err(users::CreateError::EmailTaken)));
    drop(tx);
    // Signing in finds both, the older one first.
    let found = db.store.system().users_by_email("B@example.com").await.unwrap();
    let found: Vec<_> = found.iter().map(|user| (user.account, user.id)).collect();
    assert_eq!(found, [(b.account, b.user), (a.account, squatter)]);
}

#[tokio::test]
async fn channel_secrets_are_unreadable_in_the_database_and_open_only_in_their_row() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut owner = owner(&db).await;
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT app_secret FROM channels LIMIT 1").fetch_one(&mut owner).await.unwrap();
    assert!(!sealed.windows(10).any(|window| window == b"app secret"));
    let channel = db.store.system().channel(a.channel).await.unwrap().unwrap();
    assert_eq!((channel.account, channel.app_secret.expose().as_str()), (a.account, "app secret"));
    assert_eq!(channel.verify_token.expose(), "verify token");

    let swap = format!(
        "UPDATE channels SET app_secret = (SELECT app_secret FROM channels WHERE id = '{}')",
        b.channel
    );
    owner.execute(AssertSqlSafe(swap)).await.unwrap();
    let moved = db.store.system().channel(a.channel).await;
    assert!(matches!(moved, Err(store::StoreError::Unsealable)));
}
