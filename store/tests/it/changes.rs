//! The change feed as the database keeps it.

use crate::fixture::{owner, tenant};
use common::{
    id::AccountId,
    permission::{Permission, Permissions},
    protocol::feed::{Operation, Table},
    token::Role,
};
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeSet;
use store::{
    Named,
    changes::{self, Change},
    contacts, conversations,
    labels::{self, Label},
    roles,
    testing::TestDatabase,
    users,
};

async fn recorded(db: &TestDatabase, account: AccountId, after: u64) -> Vec<Change> {
    let mut tx = db.store.tenant(account).await.unwrap();
    changes::after(&mut tx, after, 1000).await.unwrap()
}

/// What was recorded of these rows: table, operation, and the members that an update has changed.
fn told(changes: &[Change]) -> Vec<(Table, Operation, Vec<&str>)> {
    let changed = |change: &'_ Change| change.operation == Operation::Update;
    let members = changes
        .iter()
        .map(|change| change.before.keys().map(String::as_str).filter(|_| changed(change)).collect());
    changes.iter().zip(members).map(|(change, members)| (change.table, change.operation, members)).collect()
}

/// The enumeration and the triggers say the same.
#[tokio::test]
async fn exactly_the_tables_that_clients_may_follow_are_recorded() {
    let db = TestDatabase::create().await;
    let followed: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE tgname = 'note_change' ORDER BY 1",
    )
    .fetch_all(&mut owner(&db).await)
    .await
    .unwrap();
    assert_eq!(followed, Table::ALL.iter().map(|table| table.in_store()).collect::<Vec<_>>());
    for table in Table::ALL {
        assert_eq!(Table::parse(table.as_str()), Some(*table));
        assert!(table.as_str().chars().all(char::is_alphanumeric), "{table:?}");
    }
}

/// What a row takes from other tables changes with them.
#[tokio::test]
async fn what_is_shown_of_other_rows_changes_the_row() {
    use Operation::{Insert, Update};
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let [label, other] = [("one", "#ffffff"), ("two", "#000000")];
    let label = labels::create(&mut tx, label.0, label.1, &clock).await.unwrap().id;
    let other = labels::create(&mut tx, other.0, other.1, &clock).await.unwrap().id;
    let contact = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().contact.id;
    tx.commit().await.unwrap();
    let mut seq = recorded(&db, a.account, 0).await.last().unwrap().seq;
    let mut next = async |expected: &[(Table, Operation, Vec<&str>)]| {
        let changes = recorded(&db, a.account, seq).await;
        assert_eq!(told(&changes), expected);
        seq = changes.last().map_or(seq, |change| change.seq);
        changes
    };

    // Two labels at once: one change.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let labelled = conversations::Change { labels: Some(vec![label, other]), ..Default::default() };
    conversations::update(&mut tx, a.conversation, &labelled, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let changes = next(&[(Table::Conversations, Update, vec!["labelIds"])]).await;
    let both = BTreeSet::from([label, other]);
    assert_eq!(changes[0].after["labelIds"], json!(both), "in the order of their ids");

    // Deleted, a label leaves every conversation: that is told of the label alone.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    Label::delete(&mut tx, other).await.unwrap();
    tx.commit().await.unwrap();
    next(&[(Table::Labels, Operation::Delete, vec![])]).await;

    let mut tx = db.store.tenant(a.account).await.unwrap();
    let renamed = contacts::ContactChange { name: Some("Another Name"), ..Default::default() };
    contacts::update(&mut tx, contact, &renamed).await.unwrap();
    tx.commit().await.unwrap();
    let changes =
        next(&[(Table::Contacts, Update, vec!["name"]), (Table::Conversations, Update, vec!["contact"])])
            .await;
    assert_eq!(changes[1].after["contact"]["name"], "Another Name");

    // With its identities in the same transaction a contact is told of once.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let name = contacts::NewContact { name: "Twin", email: None, phone: None, attributes: &Map::new() };
    let twin = contacts::create(&mut tx, &name, &clock).await.unwrap().id;
    let identity = contacts::Identity { scheme: "phone".to_owned(), value: "15550199".to_owned() };
    contacts::add_identity(&mut tx, twin, a.channel, &identity).await.unwrap();
    tx.commit().await.unwrap();
    let changes = next(&[(Table::Contacts, Insert, vec![])]).await;
    assert_eq!(changes[0].after["identities"][0]["value"], "15550199");

    let mut tx = db.store.tenant(a.account).await.unwrap();
    contacts::merge(&mut tx, contact, twin, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let changes =
        next(&[(Table::Contacts, Update, vec!["mergedInto"]), (Table::Contacts, Update, vec!["identities"])])
            .await;
    assert_eq!(changes[1].id.as_uuid(), contact.as_uuid());
}

/// A role's permissions are its holders'.
#[tokio::test]
async fn whoever_has_a_role_changes_with_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let role =
        roles::create(&mut tx, "helper", Permissions::of(&[Permission::CallsRead]), &clock).await.unwrap();
    let other = users::NewUser { email: "x@a.example", name: "X", role: Role::AgentUser, password_hash: "-" };
    let other = users::create(&mut tx, &other, &clock).await.unwrap().id;
    let change = users::UserChange { role_id: Some(Some(role.id)), ..Default::default() };
    users::update(&mut tx, other, &change, &clock).await.unwrap();
    let before = changes::follow(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let before = recorded(&db, a.account, before).await.last().map_or(before, |change| change.seq);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    roles::update(&mut tx, role.id, "helper", Permissions::of(&[Permission::RoomsRead]), &clock)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let changes = recorded(&db, a.account, before).await;
    assert_eq!(told(&changes), [(Table::Users, Operation::Update, vec!["permissions"])]);
    assert_eq!(changes[0].after["permissions"], json!(["rooms.read"]));
}

/// A row that a server of another version wrote is a gap, which followers are told of; it stops nobody.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = changes::last_seq(&mut tx).await.unwrap();
    labels::create(&mut tx, "spoilt", "#ffffff", &clock).await.unwrap();
    labels::create(&mut tx, "good", "#ffffff", &clock).await.unwrap();
    tx.commit().await.unwrap();
    db.as_owner(&format!("UPDATE changes SET after = after - 'color' WHERE seq = {}", before + 1)).await;
    let seqs: Vec<u64> = recorded(&db, a.account, before).await.iter().map(|change| change.seq).collect();
    assert_eq!(seqs, [before + 2]);
}

#[tokio::test]
async fn what_is_rolled_back_or_followed_by_nobody_is_not_recorded() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = changes::last_seq(&mut tx).await.unwrap();
    labels::create(&mut tx, "gone", "#ffffff", &clock).await.unwrap();
    drop(tx);
    let lapse =
        format!("UPDATE change_sequences SET followed_until = now() WHERE account_id = '{}'", a.account);
    owner(&db).await.execute(AssertSqlSafe(lapse)).await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    labels::create(&mut tx, "unseen", "#ffffff", &clock).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(changes::after(&mut tx, before, 10).await.unwrap().is_empty());
    // Whoever follows now sees that there was something.
    assert_eq!(changes::follow(&mut tx).await.unwrap(), before + 1);
}
